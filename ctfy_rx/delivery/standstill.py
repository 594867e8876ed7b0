"""`Standstill`: who does not return from an item, seen by those who bring the next ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import get_ident
from typing import Any

from ctfy_rx.delivery.culprit import place_of_thread
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.text.printable import short

__all__ = ["Standstill"]

PATIENCE = 10.0
"""Seconds at one item after which it is told, and again after twice as many."""

_LONGEST = 200


class Standstill:
    """Whether who delivers is still at the same item.

    A callback that takes long is named when it returns. One that never does, as a request without a timeout,
    or a loop over the stream that it is called by, would be named by nobody: all goes on but the callbacks.
    So who delivers sets `at`, which costs next to nothing, and who brings more items calls `look`.
    """

    def __init__(self, outcome: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.at: Any = None
        """The item that is being delivered; None: none is."""
        self._outcome = outcome
        self._clock = clock
        self._thread = 0
        self._seen: Any = None
        self._since = 0.0
        self._patience = PATIENCE

    def begins(self) -> None:
        """This thread delivers from now on."""
        self._thread = get_ident()

    def look(self) -> float:
        """For how many seconds, at least, the item of now has been delivered, where that is more than
        `PATIENCE`, else 0.0. It is told in the log, with the line of the user's own code that is waited
        for."""
        item = self.at
        if item is None:
            return 0.0
        now = self._clock()
        if item is not self._seen:
            self._seen, self._since, self._patience = item, now, PATIENCE
        took = now - self._since
        if took > self._patience:
            self._patience = 2 * took
            self._warn(item, took)
        return took if took > PATIENCE else 0.0

    def _warn(self, item: object, took: float) -> None:
        place = place_of_thread(self._thread)
        _log.warning(
            "a subscriber has not returned for %.0f s from %s%s; %s",
            took,
            short(repr(item), _LONGEST),
            "" if place is None else f", it is at {place}",
            self._outcome,
        )
