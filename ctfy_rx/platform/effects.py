"""What the `Doorbell` wants done: values, for the workers that do it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

from ctfy_rx.catalogue import Payload
from ctfy_rx.connection.steps import Steps
from ctfy_rx.event import Event

__all__ = ["Ask", "Effect", "Effects", "Give", "Wait"]


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


class Effects:
    """Turns their generator: `next` is what it wants done, None at its end."""

    def __init__(self, effects: Generator[Effect, Any, None]) -> None:
        self._effects = effects
        self.next = next(effects, None)

    def done(self, result: Any) -> None:
        """That is done, with this `result`."""
        try:
            self.next = self._effects.send(result)
        except StopIteration:
            self.next = None

    def failed(self, error: Exception) -> None:
        """That has failed."""
        try:
            self.next = self._effects.throw(error)
        except StopIteration:
            self.next = None
