"""Observables as iterators: `to_iter` for ``for``, `to_async_iter` for ``async for``.

What arrives while the loop's body runs waits in a buffer. It is bounded: a body that stays too slow loses the
oldest items, and each loss is counted and told.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, NoReturn, Self, TypeVar

from reactivex import Observable
from reactivex.disposable import SingleAssignmentDisposable

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.loop import LoopScheduler, on_loop, running_loop

__all__ = ["DEFAULT_BUFFER", "AsyncItems", "Items", "to_async_iter", "to_iter"]

T = TypeVar("T")

DEFAULT_BUFFER = 65_536
"""How many items wait for a slow loop before the oldest are dropped."""

_log = logging.getLogger("ctfy_rx")


def to_iter(
    source: Observable[T], *, buffer: int = DEFAULT_BUFFER, on_drop: Callable[[int], None] | None = None
) -> Items[T]:
    """An iterator over the items of `source`, subscribed at once; blocks while there are none.

    Ends when the source completes, raises what it fails with. ``break`` ends the subscription, as do
    `close()`, ``with`` and Ctrl-C. At most `buffer` items wait; beyond that the oldest are dropped and
    `on_drop` is told how many were so far (a warning is logged without it): at the 1st, 2nd, 4th, 8th … drop,
    and at the end. `Items.dropped` is their number at any moment.

    >>> import reactivex
    >>> list(to_iter(reactivex.of(1, 2, 3)))
    [1, 2, 3]
    """
    return Items(source, buffer=buffer, on_drop=on_drop)


def to_async_iter(
    source: Observable[T], *, buffer: int = DEFAULT_BUFFER, on_drop: Callable[[int], None] | None = None
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
    return AsyncItems(source, buffer=buffer, on_drop=on_drop)


class _End:
    """The last thing in a buffer."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


class _Drops:
    """Counts what was dropped, and tells at powers of two: a flood of drops must not become a flood of
    news. What is left to tell is told at the end."""

    def __init__(self, on_drop: Callable[[int], None] | None) -> None:
        self._on_drop = on_drop or _warn
        self._told = 0
        self.total = 0

    def tell_now_and_then(self) -> None:
        if self.total & (self.total - 1) == 0:
            self.tell()

    def tell(self) -> None:
        if self._told == self.total:
            return
        self._told = self.total
        try:
            self._on_drop(self.total)
        except Exception:  # noqa: BLE001 - whatever it raises is its own
            _log.exception("on_drop raised on %d dropped items; the loop goes on", self.total)


def _warn(total: int) -> None:
    _log.warning("a loop is too slow for its stream: %d items dropped so far", total)


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
        on_drop: Callable[[int], None] | None = None,
    ) -> None:
        self._subscription = SingleAssignmentDisposable()
        self._items: SimpleQueue[T | _End] = SimpleQueue()
        self._closed = False
        self._drops = _Drops(on_drop)
        items, drops, buffer = self._items, self._drops, _positive(buffer)

        def on_next(item: T) -> None:
            if items.qsize() < buffer:
                items.put(item)
                return
            with suppress(Empty):  # taken by the loop just now
                items.get_nowait()
                drops.total += 1
            items.put(item)
            drops.tell_now_and_then()

        def end(error: Exception | None = None) -> None:
            drops.tell()
            items.put(_End(error))

        self._subscription.disposable = source.subscribe(on_next, end, end)

    @property
    def dropped(self) -> int:
        """How many items were dropped so far, because the loop was too slow."""
        return self._drops.total

    def __next__(self) -> T:
        if self._closed:
            raise StopIteration
        try:
            item = self._items.get()
        except BaseException:  # Ctrl-C: its traceback holds this iterator, in a notebook for ever
            self.close()
            raise
        if not isinstance(item, _End):
            return item
        self._closed = True
        self._items.put(_End())  # for another thread that waits here
        if item.error is not None:
            raise item.error
        raise StopIteration

    def close(self) -> None:
        """End the subscription and the iterator, also where it blocks in another thread."""
        self._closed = True
        self._subscription.dispose()
        self._items.put(_End())  # wakes it
        self._drops.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._subscription.dispose()


class AsyncItems(AsyncIterator[T]):
    """What `to_async_iter` returns; forgotten, it ends its subscription, as `Items` does."""

    def __init__(
        self,
        source: Observable[T],
        *,
        buffer: int = DEFAULT_BUFFER,
        on_drop: Callable[[int], None] | None = None,
    ) -> None:
        self._subscription = SingleAssignmentDisposable()
        loop = running_loop()
        if loop is None:
            raise ConfigurationError(
                "an asynchronous iterator needs a running event loop: use it in a coroutine"
            )
        self._drops = _Drops(on_drop)
        self._mailbox: _Mailbox[T] = _Mailbox(loop, _positive(buffer), self._drops)
        put, end = self._mailbox.put, self._mailbox.end
        self._subscription.disposable = source.subscribe(
            put, end, lambda: end(None), scheduler=LoopScheduler(loop)
        )

    @property
    def dropped(self) -> int:
        """How many items were dropped so far, because the loop was too slow."""
        return self._drops.total

    async def __anext__(self) -> T:
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._subscription.dispose()


class _Mailbox(Generic[T]):
    """Filled from any thread, emptied by tasks of one loop.

    Waking the loop costs most, so an item wakes one waiter, and only if there is one. Who was woken and
    cancelled wakes the next in its stead.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int, drops: _Drops) -> None:
        self._loop = loop
        self._size = size
        self._drops = drops
        self._items: deque[T] = deque()
        self._end: _End | None = None
        self._waiters: deque[asyncio.Future[None]] = deque()  # whoever takes one out wakes it

    def put(self, item: T) -> None:
        full = len(self._items) >= self._size
        if full:
            with suppress(IndexError):  # taken by the loop just now
                self._items.popleft()
                self._drops.total += 1
        self._items.append(item)
        if self._waiters:
            self._wake()
        if full:
            self._drops.tell_now_and_then()

    def end(self, error: Exception | None) -> None:
        self._drops.tell()
        self._end = self._end or _End(error)
        while self._waiters:
            self._wake()

    def close(self) -> None:
        self.end(None)
        self._items.clear()

    async def get(self) -> T:
        while not self._items:
            if self._end is not None:
                self._raise_end(self._end)
            await self._wait()
        return self._items.popleft()

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


def _positive(buffer: int) -> int:
    if buffer < 1:
        raise ConfigurationError(f"buffer must be 1 or more items, not {buffer}")
    return buffer
