"""Who does what `Doorbell` and `Delivery` decide, beside the reader of the connection: daemon threads, or
tasks on its event loop. Here is what both share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from ctfy_rx.connection.attempt import Attempt
from ctfy_rx.connection.frames import Frames
from ctfy_rx.connection.rest import Root
from ctfy_rx.pipeline.backlog import Delivery
from ctfy_rx.platform.doorbell import Doorbell

__all__ = ["DISPOSED", "WhenNamed", "Workers"]

WhenNamed = Callable[[Callable[[], None]], None]
"""Calls a function once the names that somebody wants in the events are known."""

DISPOSED = "disposed before the connection was opened"


class Workers:
    """They deliver events, and ask the platform from the first connection on that can ask one.

    The first events of the log wait for their names, `names_within` seconds at most.
    """

    names_within = 2.0

    def __init__(self, source: Frames, doorbell: Doorbell, delivery: Delivery, when_named: WhenNamed) -> None:
        self._source = source
        self._doorbell = doorbell
        self._delivery = delivery
        self._when_named = when_named
        self._stopped = False
        self._asks = False
        self._awaits_names = True
        self._end: tuple[Exception | None] | None = None

    @abstractmethod
    def before_open(self, attempt: Attempt) -> Any:
        """Ask the platform what must be known before `attempt` opens the connection; where it reads."""

    def end(self, error: Exception | None) -> None:
        """The connection has ended for good: deliver what waits and what the log still holds, then end."""
        self._end = (error,)
        self._doorbell.finish()
        if not self._asks:
            self._delivery.end(error)

    def stop(self) -> None:
        """End it all; from any thread, returns at once."""
        self._stopped = True
        self._delivery.stop()

    def _root(self, attempt: Attempt) -> Root | None:
        """Where `attempt` can ask."""
        root = attempt.root()
        if root is None:
            self._doorbell.nobody(anonymous=attempt.shows_no_token())
        return root

    def _has_read(self) -> None:
        """The log will not be read any more."""
        if self._end is not None:
            self._delivery.end(self._end[0])
