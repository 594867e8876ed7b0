"""`share`: one connection for any number of subscribers.

reactivex's own `share` counts without a lock: who subscribes while the last dispose is still closing the
source is never served. Here every set of subscribers, a `Hub`, has one connection of its own, and what is
decided is decided under a lock: a hub that has closed is never joined, the next subscriber begins a new one.
Connecting, disposing and delivering happen outside that lock, so that a callback may do any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable
from reactivex.scheduler import TimeoutScheduler

from ctfy_rx.delivery.composed import Guarded
from ctfy_rx.delivery.hub import Hub, complete
from ctfy_rx.delivery.interests import Wants, all_alike
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.delivery.slow_subscriber import End
from ctfy_rx.errors import LoopClosed, StreamClosed
from ctfy_rx.threads.process import OPENED_BEFORE_FORK, OwnLock

__all__ = ["Choice", "Shared", "share"]

T = TypeVar("T")


def share(
    *, linger: float = 0.0, scheduler: abc.SchedulerBase | None = None
) -> Callable[[Observable[T]], Observable[T]]:
    """One subscription to the source, shared: the first subscriber opens it, the last one out closes it.

    ::

        source      ^---a---b---c---d---!
        first       ^---a---b---!
        second             ^b---c---d---!

    The source stays open for `linger` seconds after the last subscriber has left, measured by `scheduler`. A
    subscriber that raises is reported under the logger ``ctfy_rx`` and goes on with the next item; the others
    do not notice. So it is reported where an operator raises, which ends its subscriber, and there is no
    `on_error` to hear of it. Completes and fails with its source for all subscribers of that moment; a later
    one subscribes to the source anew. Put it last: source, retry, parse, share.

    See also: `retry_with_backoff`, `buffered`; reactivex's ``publish``, ``ref_count`` and ``replay``.

    >>> import reactivex
    >>> source = reactivex.defer(lambda _: print("opened") or reactivex.never())
    >>> shared = source.pipe(share())
    >>> first, second = shared.subscribe(), shared.subscribe()
    opened
    """

    def apply(source: Observable[T]) -> Shared[T]:
        return Shared(source, linger=linger, scheduler=scheduler)

    return apply


class Shared(Guarded[T]):
    """What `share` returns: besides, it can be held open without subscribers, and closed while there are
    some."""

    def __init__(
        self,
        source: Observable[T] | Observable[Iterator[T]],
        *,
        batches: bool = False,
        key: Callable[[T], Hashable] = all_alike,
        linger: float = 0.0,
        scheduler: abc.SchedulerBase | None = None,
        autoconnect: bool = True,
        receipts: Receipts | None = None,
    ) -> None:
        super().__init__()
        self._receipts = receipts
        self._source: Observable[Any] = source
        self._batches = batches  # what the source gives is given on one by one
        self._key = key
        self._linger = linger
        self._scheduler = scheduler
        self._autoconnect = autoconnect
        self._state = OwnLock()  # reentrant: a garbage collection inside may dispose a forgotten iterator
        self._hub: Hub[T] | None = None
        self._former: Hub[T] = Hub()  # an item of it may be in delivery still

    def _subscribe_core(
        self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return self.serve(observer, scheduler)

    def choice(self, wants: Wants) -> Choice[T]:
        """The items of the keys that it `wants`; what nobody wants costs next to nothing."""
        return Choice(self, wants)

    def wants(self, key: Hashable) -> bool:
        """Whether anybody who is subscribed wants the items of `key`."""
        hub = self._hub
        return hub is not None and hub.wants(key)

    def serve(
        self,
        observer: abc.ObserverBase[T],
        scheduler: abc.SchedulerBase | None = None,
        wants: Wants | None = None,
    ) -> abc.DisposableBase:
        """Subscribe `observer`, which detaches itself, to what it `wants`. Raises `StreamClosed` in a forked
        child, if its parent holds the source open."""
        if self.is_of_the_parent:
            raise StreamClosed(OPENED_BEFORE_FORK)
        with self._state:
            hub = self._join(observer, wants)
            hub.lingering.disposable = Disposable()
            hub.bring(scheduler)
            opens = self._autoconnect and hub.must_open()
        if opens:
            self._open(hub)
        return Disposable(lambda: self._leave(hub, observer))

    def connect(self, scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        """Open the source, and keep it open until the returned disposable is disposed. Raises as `serve`."""
        if self.is_of_the_parent:
            raise StreamClosed(OPENED_BEFORE_FORK)
        with self._state:
            hub = self._current_hub()
            hub.holds += 1
            hub.bring(scheduler)
            opens = hub.must_open()
        if opens:
            self._open(hub)
        return Disposable(lambda: self._release(hub))

    @property
    def is_of_the_parent(self) -> bool:
        """Whether this process is a child, forked from the one that holds the source open."""
        hub = self._hub
        return hub is not None and hub.is_of_the_parent

    def leave_if_idle(self) -> None:
        """Close the source now, if it only lingers."""
        hub = self._hub
        if hub is not None:
            self._close_if_idle(hub)

    def close(self, tell: End = complete, *, then: Callable[[], None] = lambda: None) -> None:
        """Close the source; everybody who is subscribed is told, after the item in delivery, that it
        completes, and then `then` is called."""
        with self._state:
            former, hub, self._hub = self._former, self._hub, None
        former.discard()

        def after_the_former() -> None:
            former.finish(tell, then=then)

        if hub is None:
            after_the_former()
            return
        hub.lingering.dispose()
        hub.connection.dispose()
        hub.discard()
        hub.finish(tell, then=after_the_former)

    def _join(self, observer: abc.ObserverBase[T], wants: Wants | None) -> Hub[T]:
        while True:
            hub = self._current_hub()
            hub.add(observer, wants)
            # Not so if a garbage collection in between let a forgotten iterator, the last subscriber, leave.
            if self._hub is hub:
                return hub

    def _current_hub(self) -> Hub[T]:
        if self._hub is None:
            self._hub = Hub(self._receipts, self._key)
        return self._hub

    def _open(self, hub: Hub[T]) -> None:
        def on_error(error: Exception) -> None:
            self._end(hub, lambda observer: observer.on_error(error))

        def on_completed() -> None:
            self._end(hub, complete)

        try:
            on_next = hub.on_batch if self._batches else hub.on_next
            hub.connection.disposable = self._source.subscribe(
                on_next, on_error, on_completed, scheduler=hub.scheduler
            )
        except BaseException:  # an interrupt, say: nobody must join, or wait for, what never opened
            self._end(hub, complete)
            raise

    def _end(self, hub: Hub[T], end: Callable[[abc.ObserverBase[T]], None]) -> None:
        with self._state:
            if self._hub is hub:
                self._hub, self._former = None, hub
        hub.lingering.dispose()
        hub.finish(end)

    def _leave(self, hub: Hub[T], observer: abc.ObserverBase[T]) -> None:
        if hub.is_of_the_parent:
            return
        with self._state:
            hub.remove(observer)
            lingers = self._linger > 0 and hub.is_idle() and self._hub is hub
        if lingers:
            self._close_later(hub)
        else:
            self._close_if_idle(hub)

    def _close_later(self, hub: Hub[T]) -> None:
        def close(*_: object) -> None:
            self._close_if_idle(hub)

        threads = TimeoutScheduler.singleton()
        timer = self._scheduler or hub.scheduler or threads
        try:
            hub.lingering.disposable = timer.schedule_relative(self._linger, close)
        except LoopClosed:  # that of whoever came first; it did not read, or the hub would be no more
            hub.lingering.disposable = threads.schedule_relative(self._linger, close)

    def _release(self, hub: Hub[T]) -> None:
        if hub.is_of_the_parent:
            return
        with self._state:
            hub.holds -= 1
        self._close_if_idle(hub)

    def _close_if_idle(self, hub: Hub[T]) -> None:
        with self._state:
            if self._hub is not hub or not hub.is_idle():
                return
            self._hub = None
        hub.connection.dispose()


class Choice(Observable[T]):
    """What `Shared.choice` returns."""

    def __init__(self, shared: Shared[T], wants: Wants) -> None:
        super().__init__()
        self._shared = shared
        self.wants = wants

    def _subscribe_core(
        self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return self._shared.serve(observer, scheduler, self.wants)
