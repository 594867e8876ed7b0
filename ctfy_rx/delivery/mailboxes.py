"""What waits for an iterator: a `Queue` for a thread, a `Mailbox` for the tasks of an event loop.

A source refers to these and not to the iterator, so that one that is forgotten, by ``break`` say, is
collected, and ends its subscription.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, NoReturn, TypeVar

from typing_extensions import override

from ctfy_rx.delivery.buffer import Drops, check_buffer
from ctfy_rx.delivery.receipts import Held
from ctfy_rx.threads.consumers import Consumer
from ctfy_rx.threads.loops import on_loop
from ctfy_rx.threads.waiting import Alarm, take

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


class _Moved:
    """Tells who waits at a queue that another is in its place."""


class _Waiting(Consumer):
    """At most `size` items; of more, the oldest are dropped.

    When the stream that they come from is closed, none take the place of those that wait, and what comes is
    refused until the stream completes. Who puts an item in gets hold of those that wait, and looks then
    whether it is refused; so what a thread is just putting in is refused, or goes where nobody reads.
    """

    def __init__(self, size: int, drops: Drops, held: Held) -> None:
        super().__init__()
        check_buffer(size)
        self.held = held
        self._size = size
        self._drops = drops
        self._closed = False
        self._refuses = False
        self._former: list[Any] = []
        self._discarded = 0
        self._end: End | None = None

    @override
    def discard(self) -> None:
        if not self._closed:
            self._refuses = True
            self._former.append(self._replace())
            self._forget_the_former()

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
            self._discarded += self._emptied(items)
            self._leave(items)
        self.held.discard()

    def _refuse(self) -> None:
        self.held.refuse()
        self._discarded += 1

    @abstractmethod
    def _replace(self) -> Any:
        """Put none in the place of those that wait, and give those."""

    @abstractmethod
    def _emptied(self, items: Any) -> int:
        """Take `items` away, and give their number."""

    @abstractmethod
    def _leave(self, former: Any) -> None:
        """Tell who waits at the `former` ones, or for room among them."""


class Queue(_Waiting, Generic[T]):
    """Filled from any thread, emptied by threads that wait at it. A source that `waits` is held up instead of
    losing items."""

    def __init__(self, size: int, drops: Drops, held: Held, *, waits: bool) -> None:
        super().__init__(size, drops, held)
        self._items: SimpleQueue[T | End | _Moved] = SimpleQueue()
        self._room = _Room(self._number, size) if waits else None

    def put(self, item: T) -> None:
        """Take `item` in."""
        items = self._items
        if self._refuses:
            self._refuse()
            return
        self.held.put()
        if self._room is not None:
            self._room.wait()
        elif items.qsize() >= self._size:
            with suppress(Empty):  # taken by the loop just now
                items.get_nowait()
                self.held.drop()
                self._drops.add()
            items.put(item)
            self._drops.tell_now_and_then()
            return
        items.put(item)

    def has_room_made(self) -> None:
        """From now on somebody takes items, so that a source may wait."""
        if self._room is not None:
            self._room.is_awaited = True

    def end(self, error: Exception | None = None) -> None:
        """Nothing comes any more."""
        self._drops.tell()
        self._end = self._end or End(error)
        self._items.put(self._end)

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
            items = self._items
            if items.empty():
                self.refuse_to_block()
            item = take(items)
            if isinstance(item, End):
                return item
            if isinstance(item, _Moved):
                items.put(item)  # for others that wait there
            elif items is not self._items:
                self._discarded += 1
            else:
                self.held.take()
                if self._room is not None:
                    self._room.made()
                return item

    def _number(self) -> int:
        return self._items.qsize()

    def _replace(self) -> SimpleQueue[T | End | _Moved]:
        former, self._items = self._items, SimpleQueue()
        if self._end is not None:
            self._items.put(self._end)
        return former

    def _emptied(self, items: SimpleQueue[T | End | _Moved]) -> int:
        number = 0
        with suppress(Empty):
            while True:
                number += not isinstance(items.get_nowait(), End | _Moved)
        return number

    def _leave(self, former: SimpleQueue[T | End | _Moved]) -> None:
        former.put(_Moved())
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


class Mailbox(_Waiting, Generic[T]):
    """Filled from any thread, emptied by tasks of one loop.

    Waking the loop costs most, so an item wakes one waiter, and only if there is one. Who was woken and
    cancelled wakes the next in its stead. Who finds an item need not wait, and so leaves the loop a turn.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int, drops: Drops, held: Held) -> None:
        super().__init__(size, drops, held)
        self._loop = loop
        self._items: deque[T] = deque()
        self._room = asyncio.Event()
        self._waiters: deque[asyncio.Future[None]] = deque()  # whoever takes one out wakes it
        self._had_turn = loop.time()

    def put(self, item: T) -> None:
        """Take `item` in."""
        items = self._items
        if self._refuses:
            self._refuse()
            return
        full = len(items) >= self._size
        self.held.put()
        if full:
            with suppress(IndexError):  # taken by the loop just now
                items.popleft()
                self.held.drop()
                self._drops.add()
        items.append(item)
        if self._waiters:
            self._wake()
        if full:
            self._drops.tell_now_and_then()

    def put_all(self, item: T) -> None:
        """`put`, but its source waits for `room` before it gives more."""
        items = self._items
        if self._refuses:
            self._refuse()
            return
        items.append(item)
        if self._waiters:
            self._wake()

    async def room(self) -> None:
        """Wait until there is room; other tasks run in any case."""
        await asyncio.sleep(0)
        while len(self._items) >= self._size and self._end is None:
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
                item = self._items.popleft()
            except IndexError:  # dropped just now, for a newer one
                continue
            self.held.take()
            if len(self._items) < self._size:
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

    def _replace(self) -> deque[T]:
        former, self._items = self._items, deque()
        return former

    def _emptied(self, items: deque[T]) -> int:
        number = 0
        with suppress(IndexError):
            while True:
                items.popleft()
                number += 1
        return number

    def _leave(self, former: deque[T]) -> None:  # noqa: ARG002 - nobody waits at them
        self._on_loop(self._room.set)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
