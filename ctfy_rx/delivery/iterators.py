"""Observables as iterators: `to_iter` for ``for``, `to_async_iter` for ``async for``.

What arrives while the loop's body runs waits in a buffer. It is bounded: a body that stays too slow loses the
oldest items, and each loss is counted and told. A source that can wait, such as a recording, waits instead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, NoReturn, Self, TypeVar

from reactivex import Observable
from reactivex.disposable import SingleAssignmentDisposable

from ctfy_rx.delivery.buffer import DEFAULT_BUFFER, Drops, OnDrop, check_buffer
from ctfy_rx.delivery.receipts import Held, Receipts
from ctfy_rx.errors import ConfigurationError, StreamClosed
from ctfy_rx.threads.loops import LoopScheduler, on_loop, running_loop
from ctfy_rx.threads.process import this_process
from ctfy_rx.threads.waiting import Alarm, take

__all__ = ["AsyncItems", "Items", "to_async_iter", "to_iter"]

T = TypeVar("T")


def to_iter(
    source: Observable[T],
    *,
    buffer: int = DEFAULT_BUFFER,
    on_drop: Callable[[int], None] | None = None,
    waits: bool = False,
) -> Items[T]:
    """An iterator over the items of `source`, subscribed at once; blocks while there are none.

    Ends when the source completes, raises what it fails with. ``break`` ends the subscription, as do
    `close()`, ``with`` and Ctrl-C. At most `buffer` items wait; beyond that the oldest are dropped and
    `on_drop` is told how many were so far (a warning is logged without it): at the 1st, 2nd, 4th, 8th … drop,
    and at the end. `Items.dropped` is their number at any moment. A source that `waits`, such as what `pipe`
    makes of a `replay`, is held up instead, and nothing is dropped.

    >>> import reactivex
    >>> list(to_iter(reactivex.of(1, 2, 3)))
    [1, 2, 3]
    """
    return Items(source, buffer=buffer, on_drop=on_drop, waits=waits)


def to_async_iter(
    source: Observable[T],
    *,
    buffer: int = DEFAULT_BUFFER,
    on_drop: Callable[[int], None] | None = None,
    waits: bool = False,
) -> AsyncItems[T]:
    """An asynchronous iterator over the items of `source`, on the running event loop; as `to_iter` otherwise.

    The source may live on another thread: the loop is woken. Several tasks may share the iterator: each item
    goes to one of them. A wait that is cancelled, by a timeout say, loses nothing.

    >>> import asyncio, reactivex
    >>> async def main():
    ...     return [item async for item in to_async_iter(reactivex.of(1, 2, 3))]
    >>> asyncio.run(main())
    [1, 2, 3]
    """
    return AsyncItems(source, buffer=buffer, on_drop=on_drop, waits=waits)


class _End:
    """The last thing in a buffer."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


class Items(Iterator[T]):
    """What `to_iter` returns.

    The source refers to the buffer and not to the iterator, so that one that is forgotten, by ``break`` say,
    is collected, and ends its subscription.
    """

    def __init__(
        self,
        source: Observable[T],
        *,
        buffer: int = DEFAULT_BUFFER,
        on_drop: OnDrop | None = None,
        drops: Drops | None = None,
        waits: bool = False,
    ) -> None:
        self._subscription = SingleAssignmentDisposable()
        self._process = this_process()
        self._room: _Room | None = None
        self._items: SimpleQueue[T | _End] = SimpleQueue()
        self._closed = False
        self._drops = drops or Drops(on_drop)
        self._held = _held(source)
        items, held, drops, buffer = self._items, self._held, self._drops, _checked(buffer)
        room = self._room = _Room(items.qsize, buffer) if waits else None

        def on_next(item: T) -> None:
            held.put()
            if room is not None:
                room.wait()
            elif items.qsize() >= buffer:
                with suppress(Empty):  # taken by the loop just now
                    items.get_nowait()
                    held.drop()
                    drops.add()
                items.put(item)
                drops.tell_now_and_then()
                return
            items.put(item)

        def end(error: Exception | None = None) -> None:
            drops.tell()
            items.put(_End(error))

        self._subscription.disposable = source.subscribe(on_next, end, end)
        if room is not None:
            room.is_awaited = True

    @property
    def dropped(self) -> int:
        """How many items were dropped so far, because the loop was too slow."""
        return self._drops.total

    def __next__(self) -> T:
        self._held.done()
        if self._closed:
            raise StopIteration
        if self._is_of_the_parent:
            raise StreamClosed("this iterator belongs to the process that was forked: make a new one here")
        try:
            item = take(self._items)
        except BaseException:  # Ctrl-C: its traceback holds this iterator, in a notebook for ever
            self.close()
            raise
        if self._room is not None:
            self._room.made()
        if not isinstance(item, _End):
            self._held.take()
            return item
        self._closed = True
        self._items.put(_End())  # for another thread that waits here
        if item.error is not None:
            raise item.error
        raise StopIteration

    def close(self) -> None:
        """End the subscription and the iterator, also where it blocks in another thread."""
        self._closed = True
        if self._is_of_the_parent:
            return
        self._end_subscription()
        self._items.put(_End())  # wakes it
        self._held.close()
        self._drops.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._is_of_the_parent:
            self._end_subscription()

    @property
    def _is_of_the_parent(self) -> bool:
        """In a forked child nobody fills the buffer, and a thread that is not there may hold a lock."""
        return self._process is not this_process()

    def _end_subscription(self) -> None:
        self._subscription.dispose()
        if self._room is not None:
            self._room.end()


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


class AsyncItems(AsyncIterator[T]):
    """What `to_async_iter` returns; forgotten, it ends its subscription, as `Items` does."""

    def __init__(
        self,
        source: Observable[T],
        *,
        buffer: int = DEFAULT_BUFFER,
        on_drop: OnDrop | None = None,
        drops: Drops | None = None,
        waits: bool = False,
    ) -> None:
        self._subscription = SingleAssignmentDisposable()
        self._held = _held(source)
        loop = running_loop()
        if loop is None:
            raise ConfigurationError(
                "an asynchronous iterator needs a running event loop: use it in a coroutine"
            )
        self._drops = drops or Drops(on_drop)
        self._mailbox: _Mailbox[T] = _Mailbox(loop, _checked(buffer), self._drops, self._held)
        put = self._mailbox.put_all if waits else self._mailbox.put
        end = self._mailbox.end
        self._subscription.disposable = source.subscribe(
            put, end, lambda: end(None), scheduler=LoopScheduler(loop, room=self._mailbox.room)
        )

    @property
    def dropped(self) -> int:
        """How many items were dropped so far, because the loop was too slow."""
        return self._drops.total

    def done(self) -> None:
        """Be done with the item that was taken last, before the next is asked for."""
        self._held.done()

    async def __anext__(self) -> T:
        self._held.done()
        try:
            return await self._mailbox.get()
        except asyncio.CancelledError:
            # Whoever waits with a timeout goes on with the iterator, but a kept traceback must not keep one
            # that nobody else holds.
            del self
            raise

    async def aclose(self) -> None:
        """End the subscription and the iterator; what still waits in the buffer is forgotten."""
        self._subscription.dispose()
        self._mailbox.close()
        self._held.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._subscription.dispose()
        self._held.close()


class _Mailbox(Generic[T]):
    """Filled from any thread, emptied by tasks of one loop.

    Waking the loop costs most, so an item wakes one waiter, and only if there is one. Who was woken and
    cancelled wakes the next in its stead.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int, drops: Drops, held: Held) -> None:
        self._loop = loop
        self._size = size
        self._drops = drops
        self._held = held
        self._items: deque[T] = deque()
        self._end: _End | None = None
        self._room = asyncio.Event()
        self._waiters: deque[asyncio.Future[None]] = deque()  # whoever takes one out wakes it

    def put(self, item: T) -> None:
        full = len(self._items) >= self._size
        self._held.put()
        if full:
            with suppress(IndexError):  # taken by the loop just now
                self._items.popleft()
                self._held.drop()
                self._drops.add()
        self._items.append(item)
        if self._waiters:
            self._wake()
        if full:
            self._drops.tell_now_and_then()

    def put_all(self, item: T) -> None:
        """`put`, but its source waits for `room` before it gives more."""
        self._items.append(item)
        if self._waiters:
            self._wake()

    async def room(self) -> None:
        """Wait until there is room; other tasks run in any case."""
        await asyncio.sleep(0)
        while len(self._items) >= self._size and self._end is None:
            self._room.clear()
            await self._room.wait()

    def end(self, error: Exception | None) -> None:
        self._drops.tell()
        self._end = self._end or _End(error)
        while self._waiters:
            self._wake()

    def close(self) -> None:
        self.end(None)
        self._items.clear()

    async def get(self) -> T:
        while True:
            while not self._items:
                if self._end is not None:
                    self._raise_end(self._end)
                await self._wait()
            try:
                item = self._items.popleft()
            except IndexError:  # dropped just now, for a newer one
                continue
            self._held.take()
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
        except BaseException:
            self._forget(waiter)
            if self._items:
                self._wake()
            raise

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        with suppress(ValueError):  # taken out already
            self._waiters.remove(waiter)

    def _raise_end(self, end: _End) -> NoReturn:
        error, end.error = end.error, None
        raise error or StopAsyncIteration

    def _wake(self) -> None:
        try:
            waiter = self._waiters.popleft()
        except IndexError:
            return
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            on_loop(self._loop, partial(_resolve, waiter))


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _held(source: object) -> Held:
    """What a source that acknowledges is told of: a loop is done with an item when it asks for the next."""
    receipts = getattr(source, "receipts", None)
    return Held(receipts if isinstance(receipts, Receipts) else None)


def _checked(buffer: int) -> int:
    check_buffer(buffer)
    return buffer
