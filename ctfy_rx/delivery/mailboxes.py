"""What waits for an iterator; a `Mailbox` for the tasks of an event loop.

A source refers to these and not to the iterator, so that one that is forgotten, by ``break`` say, is
collected, and ends its subscription.
"""

from __future__ import annotations

import asyncio
import sys
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Generic, NoReturn, TypeVar

from typing_extensions import override

from ctfy_rx.delivery.buffer import Buffer, Drops, check_buffer
from ctfy_rx.delivery.receipts import Held, Kept, Receipts, lose
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.threads.consumers import Consumer
from ctfy_rx.threads.loops import on_loop

__all__ = ["End", "Mailbox", "WaitingItems"]

T = TypeVar("T")


_TURN = 0.005
"""After so many seconds, in which the body of a loop has perhaps awaited nothing, the event loop has a turn.
Where a body takes no longer than that, others wait for 0.01 s at most."""


class End:
    """The last thing that comes."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


class WaitingItems(Consumer, Generic[T]):
    """A `Buffer` of `size` items, without a bound where their source `waits`.

    When the stream that they come from is closed, none take the place of those that wait, and what comes is
    refused until the stream completes. Who puts an item in gets hold of those that wait, and looks then
    whether it is refused; so what a thread is just putting in is refused, or goes where nobody reads.
    """

    def __init__(self, size: int, drops: Drops, receipts: Receipts | None, *, waits: bool) -> None:
        super().__init__()
        check_buffer(size)
        self.held = Held()
        self._receipts = receipts or Receipts()
        self._size = sys.maxsize if waits else size
        self._drops = drops
        self._items = self._none()
        self._closed = False
        self._refuses = False
        self._former: list[Buffer[T | Kept]] = []
        self._discarded = 0
        self._end: End | None = None

    def _none(self) -> Buffer[T | Kept]:
        return Buffer(self._size, drops=self._drops, dropped=lose)

    def close(self) -> None:
        """Nobody takes anything any more; what waits is forgotten."""
        self._closed = True
        self.held.close()
        _forget(self._items)

    @override
    def discard(self) -> None:
        if not self._closed:
            self._refuses = True
            self._former.append(self._items)
            self._items = self._none()
            self._forget_the_former()
            self._make_room()

    @override
    def accept(self) -> None:
        if not self._refuses:
            return
        self._forget_the_former()  # once more: in one a thread may just have put something
        self._former.clear()
        self._refuses, discarded, self._discarded = False, self._discarded, 0
        if discarded:
            _log.info("%d items that waited for a loop were discarded: their stream was closed", discarded)

    def _forget_the_former(self) -> None:
        for items in self._former:
            self._discarded += _forget(items)

    def _put(self, item: T) -> bool:
        """Whether `item` was taken in."""
        items = self._items
        if self._refuses:
            current = self._receipts.current
            if current is not None:
                current.fail()
            self._discarded += 1
            return False
        items.put(self._receipts.keep(item))
        if self._closed:  # just now
            _forget(items)
        return True

    @abstractmethod
    def _make_room(self) -> None:
        """Tell a source that waits for room."""


def _forget(items: Buffer[Any]) -> int:
    """How many were left in it."""
    left = items.take_several(sys.maxsize)
    for kept in left:
        lose(kept)
    return len(left)


class Mailbox(WaitingItems[T]):
    """Filled from any thread, emptied by tasks of one loop.

    Waking the loop costs most, so an item wakes one waiter, and only if there is one. Who was woken and
    cancelled wakes the next in its stead. Who finds an item need not wait, and so leaves the loop a turn.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        size: int,
        drops: Drops,
        receipts: Receipts | None,
        *,
        waits: bool,
    ) -> None:
        super().__init__(size, drops, receipts, waits=waits)
        self._loop = loop
        self._limit = size
        self._room = asyncio.Event()
        self._room_is_awaited = False
        self._waiters: deque[asyncio.Future[None]] = deque()  # whoever takes one out wakes it
        self._had_turn = loop.time()

    def put(self, item: T) -> None:
        """Take `item` in. A source that waits does so for `room` before it gives more."""
        if self._put(item) and self._waiters:
            self._wake()

    async def room(self) -> None:
        """Wait until there is room; other tasks run in any case."""
        await asyncio.sleep(0)
        while len(self._items) >= self._limit and self._end is None:
            self._room.clear()
            self._room_is_awaited = True
            await self._room.wait()

    def end(self, error: Exception | None = None) -> None:
        """Nothing comes any more."""
        self._drops.tell()
        self._end = self._end or End(error)
        while self._waiters:
            self._wake()

    async def get(self) -> T:
        """The next item. Raises at the end what the source has failed with, else StopAsyncIteration."""
        if self._loop.time() - self._had_turn > _TURN:
            await asyncio.sleep(0)
            self._had_turn = self._loop.time()
        while True:
            end = self._end  # first: what comes before an end is seen with it
            try:
                kept = self._items.take()
            except IndexError:
                pass  # what interrupts the wait below has nothing to do with it
            else:
                if self._room_is_awaited and len(self._items) < self._limit:
                    self._room_is_awaited = False
                    self._room.set()
                return self.held.take(kept)
            if end is not None:
                self._raise_end(end)
            await self._wait()

    async def _wait(self) -> None:
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            if self._items or self._end is not None:  # came before the waiter could be seen
                self._forget(waiter)
            else:
                await waiter
                self._had_turn = self._loop.time()
        except BaseException:
            self._forget(waiter)
            if self._items:
                self._wake()
            raise

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        with suppress(ValueError):  # taken out already
            self._waiters.remove(waiter)

    def _raise_end(self, end: End) -> NoReturn:
        error, end.error = end.error, None
        raise error or StopAsyncIteration

    def _wake(self) -> None:
        try:
            waiter = self._waiters.popleft()
        except IndexError:
            return
        self._on_loop(partial(_resolve, waiter))

    def _on_loop(self, action: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            on_loop(self._loop, action)

    @override
    def _make_room(self) -> None:
        self._on_loop(self._room.set)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
