"""`Alarm`: wakes a thread."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue

__all__ = ["Alarm"]


class Alarm:
    """Wakes the one thread that waits, from any thread and from signal handlers.

    A set that comes while nobody waits ends the next wait at once. `threading.Event` would do, but its lock
    is not reentrant: a signal handler that sets it while its own thread is inside would wait for ever.

    >>> alarm = Alarm()
    >>> alarm.set(); alarm.set()
    >>> alarm.wait(), alarm.wait(0.001)
    (True, False)
    """

    def __init__(self) -> None:
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._is_set = False

    def set(self) -> None:
        """Wake who waits."""
        if not self._is_set:
            self._is_set = True
            self._tokens.put(None)

    def wait(self, seconds: float | None = None) -> bool:
        """Block until it is set (True) or `seconds` have passed (False)."""
        with suppress(Empty):
            self._tokens.get(timeout=seconds)
            self._is_set = False
            return True
        return False
