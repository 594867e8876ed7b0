"""Observables as iterators: `to_iter` for ``for``, `to_async_iter` for ``async for``.

What arrives while the loop's body runs waits in a buffer. It is bounded: a body that stays too slow loses the
oldest items, and each loss is counted and told. A source that can wait, such as a recording, waits instead.
When the stream behind it is closed, what waits is discarded, and the log tells how much that was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from reactivex import Observable
from reactivex.disposable import CompositeDisposable, Disposable, SingleAssignmentDisposable

from ctfy_rx.delivery.buffer import DEFAULT_BUFFER, Drops, OnDrop
from ctfy_rx.delivery.mailboxes import End, Mailbox
from ctfy_rx.delivery.queues import Queue
from ctfy_rx.delivery.receipts import receipts_of
from ctfy_rx.errors import ConfigurationError, StreamClosed
from ctfy_rx.threads.loops import LoopScheduler, running_loop
from ctfy_rx.threads.process import OPENED_BEFORE_FORK, this_process

__all__ = ["AsyncItems", "Items", "to_async_iter", "to_iter"]

T = TypeVar("T")


def to_iter(
    source: Observable[T],
    *,
    buffer: int = DEFAULT_BUFFER,
    on_drop: Callable[[int], None] | None = None,
    waits: bool | None = None,
) -> Items[T]:
    """An iterator over the items of `source`, subscribed at once; blocks while there are none.

    Ends when the source completes, raises what it fails with. ``break`` ends the subscription, as do
    `close()`, ``with`` and Ctrl-C. At most `buffer` items wait; beyond that the oldest are dropped and
    `on_drop` is called with the running total (a warning is logged without it): at the 1st, 2nd, 4th, 8th …
    drop, and at the end. `Items.dropped` is their number at any moment. A source that `waits` is held
    up instead, and nothing is dropped: None says so of the streams of `replay` and `history`. Of what
    operators such as `map` and `pipe` make of them say it yourself, unless a live source is mixed in.

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
    waits: bool | None = None,
) -> AsyncItems[T]:
    """An asynchronous iterator over the items of `source`, on the running event loop; as `to_iter` otherwise.

    The source may live on another thread: the loop is woken. Several tasks may share the iterator: each item
    goes to one of them. A wait that is cancelled, by a timeout say, loses nothing. Other tasks get their turn
    every 10 ms, also while items never run out.

    >>> import asyncio, reactivex
    >>> async def main():
    ...     return [item async for item in to_async_iter(reactivex.of(1, 2, 3))]
    >>> asyncio.run(main())
    [1, 2, 3]
    """
    return AsyncItems(source, buffer=buffer, on_drop=on_drop, waits=waits)


def _waits(source: object, said: bool | None) -> bool:
    return bool(getattr(source, "waits", False)) if said is None else said


class Items(Iterator[T]):
    """What `to_iter` returns. Forgotten, it is collected, and ends its subscription."""

    def __init__(
        self,
        source: Observable[T],
        *,
        buffer: int = DEFAULT_BUFFER,
        on_drop: OnDrop | None = None,
        drops: Drops | None = None,
        waits: bool | None = None,
    ) -> None:
        self._subscription = SingleAssignmentDisposable()
        self._process = this_process()
        self._closed = False
        self._drops = drops or Drops(on_drop)
        self._queue: Queue[T] = Queue(buffer, self._drops, receipts_of(source), waits=_waits(source, waits))
        queue = self._queue
        with queue.subscribing(source):
            subscription = source.subscribe(queue.put, queue.end, queue.end)
        self._subscription.disposable = CompositeDisposable(subscription, Disposable(queue.close))
        queue.has_room_made()

    @property
    def dropped(self) -> int:
        """How many items were dropped so far, because the loop was too slow."""
        return self._drops.total

    def __next__(self) -> T:
        if self._is_of_the_parent and not self._closed:
            raise StreamClosed(OPENED_BEFORE_FORK)
        self._queue.held.done()
        if self._closed:
            raise StopIteration
        try:
            item = self._queue.take()
        except BaseException:  # Ctrl-C: its traceback holds this iterator, in a notebook for ever
            self.close()
            raise
        if not isinstance(item, End):
            return item
        self._closed = True
        self._queue.end()  # for another thread that waits here
        if item.error is not None:
            raise item.error
        raise StopIteration

    def refuse_to_block(self) -> None:
        """Close it and raise `ConfigurationError` on the event loop that would have to bring its items."""
        try:
            self._queue.refuse_to_block()
        except ConfigurationError:
            self.close()
            raise

    def close(self) -> None:
        """End the subscription and the iterator, also where it blocks in another thread."""
        self._closed = True
        if self._is_of_the_parent:
            return
        self._subscription.dispose()
        self._queue.end()  # wakes it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._is_of_the_parent:
            self._subscription.dispose()

    @property
    def _is_of_the_parent(self) -> bool:
        """In a forked child nobody fills the buffer, and a thread that is not there may hold a lock."""
        return self._process is not this_process()


class AsyncItems(AsyncIterator[T]):
    """What `to_async_iter` returns; forgotten, it ends its subscription, as `Items` does."""

    def __init__(
        self,
        source: Observable[T],
        *,
        buffer: int = DEFAULT_BUFFER,
        on_drop: OnDrop | None = None,
        drops: Drops | None = None,
        waits: bool | None = None,
    ) -> None:
        self._subscription = SingleAssignmentDisposable()
        self._process = this_process()
        loop = running_loop()
        if loop is None:
            raise ConfigurationError(
                "an asynchronous iterator needs a running event loop: use it in a coroutine"
            )
        self._drops = drops or Drops(on_drop)
        mailbox = self._mailbox = Mailbox[T](
            loop, buffer, self._drops, receipts_of(source), waits=_waits(source, waits)
        )
        with mailbox.subscribing(source):
            subscription = source.subscribe(
                mailbox.put, mailbox.end, mailbox.end, scheduler=LoopScheduler(loop, room=mailbox.room)
            )
        self._subscription.disposable = CompositeDisposable(subscription, Disposable(mailbox.close))

    @property
    def dropped(self) -> int:
        """How many items were dropped so far, because the loop was too slow."""
        return self._drops.total

    def done(self, *, failed: bool = False) -> None:
        """Be done with the item that was taken last, before the next is asked for; with `failed` in vain."""
        self._mailbox.held.done(failed=failed)

    async def __anext__(self) -> T:
        if self._is_of_the_parent:
            raise StreamClosed(OPENED_BEFORE_FORK)
        self._mailbox.held.done()
        try:
            return await self._mailbox.get()
        except asyncio.CancelledError:
            # Whoever waits with a timeout goes on with the iterator, but a kept traceback must not keep one
            # that nobody else holds.
            del self
            raise

    async def aclose(self) -> None:
        """End the subscription and the iterator; what still waits in the buffer is forgotten."""
        if self._is_of_the_parent:
            return
        self._subscription.dispose()
        self._mailbox.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if not self._is_of_the_parent:
            self._subscription.dispose()

    @property
    def _is_of_the_parent(self) -> bool:
        return self._process is not this_process()
