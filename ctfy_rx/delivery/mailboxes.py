"""What waits for an iterator: a `Queue` for a thread, a `Mailbox` for the tasks of an event loop.

A source refers to these and not to the iterator, so that one that is forgotten, by ``break`` say, is
collected, and ends its subscription.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Generic, NoReturn, TypeVar

from typing_extensions import override

from ctfy_rx.delivery.buffer import Buffer, Drops, check_buffer
from ctfy_rx.delivery.receipts import Held
from ctfy_rx.threads.consumers import Consumer
from ctfy_rx.threads.loops import on_loop
from ctfy_rx.threads.waiting import Alarm

__all__ = ["End", "Mailbox", "Queue"]

T = TypeVar("T")

_log = logging.getLogger("ctfy_rx")

_TURN = 0.005
"""After so many seconds, in which the body of a loop has perhaps awaited nothing, the event loop has a turn.
Where a body takes no longer than that, others wait for 0.01 s at most."""


class End:
    """The last thing that comes."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


class _Waiting(Consumer, Generic[T]):
    """A `Buffer` of `size` items, without a bound where their source `waits`.

    When the stream that they come from is closed, none take the place of those that wait, and what comes is
    refused until the stream completes. Who puts an item in gets hold of those that wait, and looks then
    whether it is refused; so what a thread is just putting in is refused, or goes where nobody reads.
    """

    def __init__(self, size: int, drops: Drops, held: Held, *, waits: bool) -> None:
        super().__init__()
        check_buffer(size)
        self.held = held
        self._size = sys.maxsize if waits else size
        self._drops = drops
        self._items = self._none()
        self._closed = False
        self._refuses = False
        self._former: list[Buffer[T]] = []
        self._discarded = 0
        self._end: End | None = None

    def _none(self) -> Buffer[T]:
        return Buffer(self._size, drops=self._drops, dropped=lambda _: self.held.drop())

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
            self._discarded += len(items.take_several(sys.maxsize))
        self.held.discard()

    def _refuse(self) -> None:
        self.held.refuse()
        self._discarded += 1

    @abstractmethod
    def _make_room(self) -> None:
        """Tell a source that waits for room."""


class Queue(_Waiting[T]):
    """Filled from any thread, emptied by threads that wait at it. A source that `waits` is held up instead of
    losing items.

    An item wakes one waiter, and only if there is one; who takes an item and leaves others wakes the next.
    """

    def __init__(self, size: int, drops: Drops, held: Held, *, waits: bool) -> None:
        super().__init__(size, drops, held, waits=waits)
        self._room = _Room(lambda: len(self._items), size) if waits else None
        self._waiters: deque[Alarm] = deque()  # whoever takes one out wakes it

    def put(self, item: T) -> None:
        """Take `item` in."""
        items = self._items
        if self._refuses:
            self._refuse()
            return
        self.held.put()
        if self._room is not None:
            self._room.wait()
        items.put(item)
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

    def close(self) -> None:
        """Nobody takes anything any more."""
        self._closed = True
        if self._room is not None:
            self._room.end()
        self.held.close()

    def take(self) -> T | End:
        """Block until there is an item, or the end. Raises `ConfigurationError` on an event loop that would
        have to bring it."""
        while True:
            items, end = self._items, self._end  # which comes after the items
            try:
                item = items.take()
            except IndexError:
                if end is not None:
                    self._wake()  # for others that wait here
                    return end
                self.refuse_to_block()
                self._wait()
                continue
            if items is not self._items:  # it was left behind just now
                self._discarded += 1
                continue
            self.held.take()
            self._make_room()
            if items:
                self._wake()
            return item

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


class Mailbox(_Waiting[T]):
    """Filled from any thread, emptied by tasks of one loop.

    Waking the loop costs most, so an item wakes one waiter, and only if there is one. Who was woken and
    cancelled wakes the next in its stead. Who finds an item need not wait, and so leaves the loop a turn.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, size: int, drops: Drops, held: Held, *, waits: bool
    ) -> None:
        super().__init__(size, drops, held, waits=waits)
        self._loop = loop
        self._limit = size
        self._room = asyncio.Event()
        self._waiters: deque[asyncio.Future[None]] = deque()  # whoever takes one out wakes it
        self._had_turn = loop.time()

    def put(self, item: T) -> None:
        """Take `item` in. A source that waits does so for `room` before it gives more."""
        items = self._items
        if self._refuses:
            self._refuse()
            return
        self.held.put()
        items.put(item)
        if self._waiters:
            self._wake()

    async def room(self) -> None:
        """Wait until there is room; other tasks run in any case."""
        await asyncio.sleep(0)
        while len(self._items) >= self._limit and self._end is None:
            self._room.clear()
            await self._room.wait()

    def end(self, error: Exception | None = None) -> None:
        """Nothing comes any more."""
        self._drops.tell()
        self._end = self._end or End(error)
        while self._waiters:
            self._wake()

    def close(self) -> None:
        """Nobody takes anything any more."""
        self._closed = True
        self.end()
        self._items.clear()

    async def get(self) -> T:
        """The next item. Raises at the end what the source has failed with, else StopAsyncIteration."""
        if self._loop.time() - self._had_turn > _TURN:
            await asyncio.sleep(0)
            self._had_turn = self._loop.time()
        while True:
            while not self._items:
                if self._end is not None:
                    self._raise_end(self._end)
                await self._wait()
            try:
                item = self._items.take()
            except IndexError:  # dropped just now, for a newer one
                continue
            self.held.take()
            if len(self._items) < self._limit:
                self._room.set()
            return item

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
