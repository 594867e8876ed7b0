"""A `Queue`: what waits for an iterator on a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from typing_extensions import override

from ctfy_rx.delivery.buffer import Drops
from ctfy_rx.delivery.mailboxes import End, WaitingItems
from ctfy_rx.delivery.receipts import Kept, Receipts, lose
from ctfy_rx.threads.waiting import Alarm

__all__ = ["Queue"]

T = TypeVar("T")


class Queue(WaitingItems[T]):
    """Filled from any thread, emptied by threads that wait at it. A source that `waits` is held up instead of
    losing items.

    An item wakes one waiter, and only if there is one; who takes an item and leaves others wakes the next.
    """

    def __init__(self, size: int, drops: Drops, receipts: Receipts | None, *, waits: bool) -> None:
        super().__init__(size, drops, receipts, waits=waits)
        self._room = _Room(lambda: len(self._items), size) if waits else None
        self._waiters: deque[Alarm] = deque()  # whoever takes one out wakes it

    def put(self, item: T) -> None:
        """Take `item` in."""
        if self._room is not None and not self._refuses:
            self._room.wait()
        if self._put(item) and self._waiters:
            self._wake()

    def has_room_made(self) -> None:
        """From now on somebody takes items, so that a source may wait."""
        if self._room is not None:
            self._room.is_awaited = True

    def end(self, error: Exception | None = None) -> None:
        """Nothing comes any more."""
        self._drops.tell()
        self._end = self._end or End(error)
        self._wake()

    @override
    def close(self) -> None:
        super().close()
        if self._room is not None:
            self._room.end()

    def take(self) -> T | End:
        """Block until there is an item, or the end. Raises `ConfigurationError` on an event loop that would
        have to bring it."""
        while True:
            end, items = self._end, self._items  # in this order: what comes before an end is seen with it
            try:
                kept = items.take()
            except IndexError:
                pass  # what interrupts the wait below has nothing to do with it
            else:
                if items is self._items:
                    return self._taken(kept)
                self._discarded += 1  # it was left behind just now
                lose(kept)
                continue
            if end is not None:
                self._wake()  # for others that wait here
                return end
            self.refuse_to_block()
            self._wait()

    def _taken(self, kept: T | Kept) -> T:
        if self._room is not None:
            self._room.made()
        if self._waiters and self._items:
            self._wake()
        return self.held.take(kept)

    def _wait(self) -> None:
        waiter = Alarm()
        self._waiters.append(waiter)
        try:
            if not self._items and self._end is None:  # nothing came before the waiter could be seen
                waiter.wait()
        finally:
            with suppress(ValueError):  # taken out already
                self._waiters.remove(waiter)

    def _wake(self) -> None:
        if self._waiters:
            with suppress(IndexError):  # another has taken it out just now
                self._waiters.popleft().set()

    @override
    def _make_room(self) -> None:
        if self._room is not None:
            self._room.made()


class _Room:
    """Has a source wait while `size()` is `limit`, until a quarter of that is free.

    Not until it `is_awaited`: a source that gives all its items at once, on the thread that is to take them,
    would wait for itself.
    """

    def __init__(self, size: Callable[[], int], limit: int) -> None:
        self.is_awaited = False
        self._size = size
        self._limit = limit
        self._enough = limit * 3 // 4
        self._made = Alarm()
        self._waits = False
        self._ended = False

    def wait(self) -> None:
        """Block until there is room, or nobody takes anything any more."""
        if not self.is_awaited or self._size() < self._limit:
            return
        self._waits = True
        while not self._ended and self._size() > self._enough:
            self._made.wait()
        self._waits = False

    def made(self) -> None:
        """There is more room than before."""
        if self._waits and self._size() <= self._enough:
            self._made.set()

    def end(self) -> None:
        """Nobody takes anything any more."""
        self._ended = True
        self._made.set()
