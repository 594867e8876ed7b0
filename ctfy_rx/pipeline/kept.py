"""The last events of a stream, kept for whoever asks what has just been."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from reactivex.scheduler import NewThreadScheduler

from ctfy_rx.catalogue import Payload
from ctfy_rx.event import Event

__all__ = ["Kept", "KeptEvents"]


class Kept(NewThreadScheduler):
    """Who subscribes with this gets the last events that were kept, at once, and then the end."""


class KeptEvents(deque[Event[Payload]]):
    """At most `most` of them; of more the newest."""

    def __init__(self, most: int) -> None:
        super().__init__(maxlen=most)

    def last(self) -> tuple[Event[Payload], ...]:
        """Those of this moment, oldest first."""
        while True:
            with suppress(RuntimeError):  # one came meanwhile
                return tuple(self)
