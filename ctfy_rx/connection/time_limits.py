"""How long an answer may take. httpx bounds the silence between two bytes, and nothing as a whole: what comes
byte by byte would be waited for without end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from ctfy_rx.errors import ConnectionTimedOut

__all__ = ["MAX_SECONDS", "HeadLimit", "TimeLimit", "later", "too_slow"]

MAX_SECONDS = 60.0
"""For one answer of a route beside the stream."""


class _Timer(Protocol):
    """What has begun to wait."""

    def cancel(self) -> None:
        """Do nothing when it is over."""
        ...


Later = Callable[[float, Callable[[], None]], _Timer]
"""Calls a function after so many seconds."""


def later(seconds: float, action: Callable[[], None]) -> _Timer:
    """Call `action` after `seconds`, on a daemon thread, unless it is cancelled."""
    timer = threading.Timer(seconds, action)
    timer.name = "ctfy_rx time limit"
    timer.daemon = True
    timer.start()
    return timer


class TimeLimit:
    """Calls `cut` after `seconds`, unless it has ended before: one of them, never both."""

    def __init__(self, seconds: float, cut: Callable[[], None], later: Later = later) -> None:
        self.is_over = False
        self._cut = cut
        self._has_ended = False
        self._lock = threading.Lock()
        self._timer = later(seconds, self._expire)

    def end(self) -> None:
        """What was limited is done."""
        with self._lock:
            self._has_ended = True
        self._timer.cancel()

    def _expire(self) -> None:
        with self._lock:
            self.is_over = not self._has_ended
        if self.is_over:
            self._cut()


class HeadLimit:
    """Calls `cut` where the head of an answer is not whole after `seconds`; None: it has no limit.

    It counts from the moment at which httpcore, by its ``trace`` extension, begins to wait for it, for each
    redirect anew, and for the proxy that is asked for a tunnel. Another transport, that tells nothing, has no
    limit.
    """

    def __init__(self, seconds: float | None, cut: Callable[[], None], later: Later = later) -> None:
        self._seconds = seconds
        self._cut = cut
        self._later = later
        self._limit: TimeLimit | None = None

    @property
    def is_over(self) -> bool:
        """Whether it was too slow, and is cut."""
        return self._limit is not None and self._limit.is_over

    def trace(self, name: str) -> None:
        """What httpcore tells of a request. Raises TimeoutError for a head that was too slow."""
        match name.partition(".")[2]:
            case "receive_response_headers.started" if self._seconds is not None:
                self._limit = TimeLimit(self._seconds, self._cut, self._later)
            case "receive_response_headers.complete":
                self._end()
                if self.is_over:
                    raise TimeoutError
            case "receive_response_headers.failed":
                self._end()
            case _:
                pass

    def error(self, address: str) -> ConnectionTimedOut:
        """That for the head of an answer from `address` which was too slow."""
        return ConnectionTimedOut(
            f"{address} answers too slowly: the head of its answer was not whole after {self._seconds:g} s "
            "(see idle_timeout)"
        )

    def _end(self) -> None:
        if self._limit is not None:
            self._limit.end()


def too_slow(address: str, seconds: float) -> ConnectionTimedOut:
    """The error for an answer that is not whole after `seconds`."""
    return ConnectionTimedOut(f"{address} needs more than {seconds:g} s for one answer")
