"""`Turns`: one thing at a time, in the order in which it came, without anybody waiting for another.

`after_all`: one thing, when several others are done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from threading import Lock

__all__ = ["Turns", "after_all"]


class Turns:
    """Calls actions one at a time, in order, from whatever threads they come.

    An action that comes while another runs, on another thread or out of that action itself, is called by
    whoever is at it; nobody waits.

    >>> turns = Turns()
    >>> turns.take(lambda: (turns.take(lambda: print("second")), print("first")))
    first
    second
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], object]] = deque()
        self._taken = Lock()

    def take(self, action: Callable[[], object]) -> None:
        """Call `action` now, or after those that came before."""
        self._waiting.append(action)
        # Not acquired: somebody is at it, perhaps this very thread, and looks again after it has let go.
        while self._waiting and self._taken.acquire(blocking=False):
            try:
                while self._waiting:
                    self._waiting.popleft()()
            finally:
                self._taken.release()


def after_all(number: int, action: Callable[[], None]) -> Callable[[], None]:
    """What calls `action` once it was called `number` times, from whatever threads. Where there is nothing to
    wait for, `action` is called now.

    >>> one_is_done = after_all(2, lambda: print("all are"))
    >>> one_is_done(); one_is_done()
    all are
    """
    done = count(1)

    def one() -> None:
        if next(done) == number:
            action()

    if not number:
        action()
    return one
