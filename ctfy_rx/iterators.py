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
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, NoReturn, Self, TypeVar

from reactivex import Observable
from reactivex.disposable import SingleAssignmentDisposable
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.loop import running_loop

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
    `close()` and ``with``. At most `buffer` items wait; beyond that the oldest are dropped and `on_drop` is
    told how many were so far (a warning is logged without it), at the 1st, 2nd, 4th, 8th … drop.

    >>> import reactivex
    >>> list(to_iter(reactivex.of(1, 2, 3)))
    [1, 2, 3]
    """
    return Items(source, buffer=buffer, on_drop=on_drop)


def to_async_iter(
    source: Observable[T], *, buffer: int = DEFAULT_BUFFER, on_drop: Callable[[int], None] | None = None
) -> AsyncItems[T]:
    """An asynchronous iterator over the items of `source`, on the running event loop; as `to_iter` otherwise.

    The source may live on another thread: the loop is woken.

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
    news."""

    def __init__(self, on_drop: Callable[[int], None] | None) -> None:
        self._on_drop = on_drop or _warn
        self._total = 0

    def one_more(self) -> None:
        self._total += 1
        if self._total & (self._total - 1) == 0:
            self._on_drop(self._total)


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
        items, drops, buffer = self._items, _Drops(on_drop), _positive(buffer)

        def on_next(item: T) -> None:
            if items.qsize() >= buffer:
                with suppress(Empty):  # taken by the loop just now
                    items.get_nowait()
                    drops.one_more()
            items.put(item)

        self._subscription.disposable = source.subscribe(
            on_next, lambda error: items.put(_End(error)), lambda: items.put(_End())
        )

    def __next__(self) -> T:
        if self._closed:
            raise StopIteration
        item = self._items.get()
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
        self._mailbox: _Mailbox[T] = _Mailbox(loop, _positive(buffer), _Drops(on_drop))
        put, end = self._mailbox.put, self._mailbox.end
        self._subscription.disposable = source.subscribe(
            put, end, lambda: end(None), scheduler=AsyncIOThreadSafeScheduler(loop)
        )

    async def __anext__(self) -> T:
        return await self._mailbox.get()

    async def aclose(self) -> None:
        """End the subscription and the iterator."""
        self._subscription.dispose()
        self._mailbox.end(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._subscription.dispose()


class _Mailbox(Generic[T]):
    """Filled from any thread, emptied on one loop. Waking the loop costs most, so it is woken only when it
    waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int, drops: _Drops) -> None:
        self._loop = loop
        self._size = size
        self._drops = drops
        self._items: deque[T] = deque()
        self._end: _End | None = None
        # At most one, and whoever takes it out wakes it: a swap of a plain attribute from two threads could
        # lose the next one.
        self._waiters: deque[asyncio.Future[None]] = deque(maxlen=1)

    def put(self, item: T) -> None:
        if len(self._items) >= self._size:
            with suppress(IndexError):  # taken by the loop just now
                self._items.popleft()
                self._drops.one_more()
        self._items.append(item)
        if self._waiters:
            self._wake()

    def end(self, error: Exception | None) -> None:
        self._end = self._end or _End(error)
        self._wake()

    async def get(self) -> T:
        while not self._items:
            if self._end is not None:
                self._raise_end(self._end)
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            if self._items or self._end:  # came before the waiter could be seen
                continue
            await waiter
        return self._items.popleft()

    def _raise_end(self, end: _End) -> NoReturn:
        error, end.error = end.error, None
        raise error or StopAsyncIteration

    def _wake(self) -> None:
        try:
            waiter = self._waiters.pop()
        except IndexError:
            return
        if running_loop() is self._loop:
            _resolve(waiter)
        else:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_resolve, waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _positive(buffer: int) -> int:
    if buffer < 1:
        raise ConfigurationError(f"buffer must be 1 or more items, not {buffer}")
    return buffer
