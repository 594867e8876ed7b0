"""What the `Doorbell` wants done: values, for the workers that do it."""

from __future__ import annotations

from typing import Any, NamedTuple

from ctfy_rx.catalogue import Payload
from ctfy_rx.connection.steps import Steps
from ctfy_rx.event import Event

__all__ = ["Ask", "Effect", "Give", "Wait"]


class Wait(NamedTuple):
    """Wait for `seconds`, or until `Doorbell.wake` is called."""

    seconds: float


class Ask(NamedTuple):
    """Ask the platform; the generator is sent the result, or has thrown into it what was raised."""

    steps: Steps[Any]


class Give(NamedTuple):
    """Deliver `events`; go on when they are delivered."""

    events: list[Event[Payload]]


Effect = Wait | Ask | Give
