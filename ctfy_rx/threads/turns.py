"""One thing at a time, in the order in which it came, without anybody waiting for another.

`after_all`: one thing, when several others are done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["InTurn", "Turns", "after_all"]

T = TypeVar("T")


class InTurn(Generic[T]):
    """Calls `act` with one item at a time, in order, from whatever threads they come.

    An item that comes while another is acted on, on another thread or out of `act` itself, is left to whoever
    is at it; nobody waits. What `act` raises goes to whoever is at it, and the rest waits for the next who
    comes.
    """

    def __init__(self, act: Callable[[T], object]) -> None:
        self._act = act
        self._waiting: deque[T] = deque()
        self._taken = Lock()

    def take(self, item: T) -> None:
        """Act on `item` now, or after those that came before."""
        waiting, taken = self._waiting, self._taken
        if waiting or not taken.acquire(False):  # without blocking; by keyword it takes twice as long
            waiting.append(item)
        else:  # nobody is at it, as mostly: to put it in and take it out would take a third longer
            try:
                if waiting:  # put back just now
                    waiting.append(item)
                else:
                    self._act(item)
            finally:
                taken.release()
        if waiting:
            self.run()

    def add(self, item: T) -> None:
        """`item` is the next to come, for `run`: where the order is decided under a lock, and to be acted on
        outside of it."""
        self._waiting.append(item)

    def put_back(self, item: T) -> None:
        """For `act`: this one is not done with; it comes first."""
        self._waiting.appendleft(item)

    def run(self) -> None:
        """Act on what waits, unless somebody is at it."""
        waiting, taken, act = self._waiting, self._taken, self._act
        # Not acquired: somebody is at it, perhaps this very thread, and looks again after it has let go.
        while waiting and taken.acquire(False):
            try:
                while waiting:
                    act(waiting.popleft())
            finally:
                taken.release()


class Turns(InTurn[Callable[[], object]]):
    """Calls actions, one at a time.

    >>> turns = Turns()
    >>> turns.take(lambda: (turns.take(lambda: print("second")), print("first")))
    first
    second
    """

    def __init__(self) -> None:
        super().__init__(_call)


def _call(action: Callable[[], object]) -> None:
    action()


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
