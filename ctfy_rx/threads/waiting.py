"""What a thread waits with: an `Alarm`, `take` for an item, `wait_for` an event. Ctrl-C ends each."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

__all__ = ["Alarm", "take", "wait_for"]

T = TypeVar("T")

# Seconds. A signal that arrives after the interpreter's last look for one, and before the wait has gone to
# sleep, is noticed only when the wait ends (seen: 1 to 2 of 100 presses of Ctrl-C on a busy machine), so the
# main thread sleeps in slices. On Windows a wait without a limit cannot be interrupted at all.
_SLICE = 0.5


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
            take(self._tokens, seconds)
            self._is_set = False
            return True
        return False


def take(items: SimpleQueue[T], seconds: float | None = None) -> T:
    """Block until there is an item, and take it; raises `queue.Empty` after `seconds`.

    >>> items = SimpleQueue()
    >>> items.put("a")
    >>> take(items)
    'a'
    """
    with suppress(Empty):
        return items.get_nowait()
    for limit in _slices(seconds):
        with suppress(Empty):
            return items.get(timeout=limit)
    raise Empty


def wait_for(event: threading.Event, seconds: float | None = None) -> bool:
    """Block until `event` is set (True) or `seconds` have passed (False).

    >>> wait_for(threading.Event(), 0.001)
    False
    """
    return any(event.wait(limit) for limit in _slices(seconds))


def _slices(seconds: float | None) -> Iterator[float | None]:
    """The limits, in seconds, of waits that last `seconds` together; on the main thread none is long."""
    if threading.current_thread() is not threading.main_thread():
        yield seconds
        return
    ends = math.inf if seconds is None else time.monotonic() + seconds
    while (left := ends - time.monotonic()) > _SLICE:
        yield _SLICE
    yield max(left, 0.0)
