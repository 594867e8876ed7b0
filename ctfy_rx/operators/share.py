"""`share`: one connection for any number of subscribers.

reactivex's own `share` counts without a lock: who subscribes while the last dispose is still closing the
source is never served. Here every set of subscribers, a `Hub`, has one connection of its own, and what is
decided is decided under a lock: a hub that has closed is never joined, the next subscriber begins a new one.
Connecting, disposing and delivering happen outside that lock, so that a callback may do any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable
from reactivex.scheduler import TimeoutScheduler

from ctfy_rx.hub import Hub, complete

__all__ = ["Shared", "share"]

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
    do not notice. Completes and fails with its source for all subscribers of that moment; a later one
    subscribes to the source anew. Put it last: source, retry, parse, share.

    >>> import reactivex
    >>> source = reactivex.defer(lambda _: print("opened") or reactivex.never())
    >>> shared = source.pipe(share())
    >>> first, second = shared.subscribe(), shared.subscribe()
    opened
    """

    def apply(source: Observable[T]) -> Shared[T]:
        return Shared(source, linger=linger, scheduler=scheduler)

    return apply


class Shared(Observable[T]):
    """What `share` returns: besides, it can be held open without subscribers, and closed over their heads."""

    def __init__(
        self,
        source: Observable[T],
        *,
        linger: float = 0.0,
        scheduler: abc.SchedulerBase | None = None,
        autoconnect: bool = True,
    ) -> None:
        super().__init__()
        self._source = source
        self._linger = linger
        self._scheduler = scheduler
        self._autoconnect = autoconnect
        self._state = RLock()  # reentrant: a garbage collection inside may dispose a forgotten iterator
        self._hub: Hub[T] | None = None

    def _subscribe_core(
        self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        with self._state:
            hub = self._join(observer)
            hub.lingering.disposable = Disposable()
            hub.scheduler = hub.scheduler or scheduler
            opens = self._autoconnect and hub.must_open()
        if opens:
            self._open(hub)
        return Disposable(lambda: self._leave(hub, observer))

    def connect(self, scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        """Open the source, and keep it open until the returned disposable is disposed."""
        with self._state:
            hub = self._current_hub()
            hub.holds += 1
            hub.scheduler = hub.scheduler or scheduler
            opens = hub.must_open()
        if opens:
            self._open(hub)
        return Disposable(lambda: self._release(hub))

    def close(self) -> None:
        """Close the source; everybody who is subscribed completes."""
        with self._state:
            hub, self._hub = self._hub, None
        if hub is not None:
            hub.lingering.dispose()
            hub.connection.dispose()
            hub.finish(complete)

    def _join(self, observer: abc.ObserverBase[T]) -> Hub[T]:
        while True:
            hub = self._current_hub()
            hub.add(observer)
            # Not so if a garbage collection in between let a forgotten iterator, the last subscriber, leave.
            if self._hub is hub:
                return hub

    def _current_hub(self) -> Hub[T]:
        if self._hub is None:
            self._hub = Hub()
        return self._hub

    def _open(self, hub: Hub[T]) -> None:
        def on_error(error: Exception) -> None:
            self._end(hub, lambda observer: observer.on_error(error))

        def on_completed() -> None:
            self._end(hub, complete)

        try:
            hub.connection.disposable = self._source.subscribe(
                hub.on_next, on_error, on_completed, scheduler=hub.scheduler
            )
        except BaseException:  # an interrupt, say: nobody must join, or wait for, what never opened
            self._end(hub, complete)
            raise

    def _end(self, hub: Hub[T], end: Callable[[abc.ObserverBase[T]], None]) -> None:
        with self._state:
            if self._hub is hub:
                self._hub = None
        hub.lingering.dispose()
        hub.finish(end)

    def _leave(self, hub: Hub[T], observer: abc.ObserverBase[T]) -> None:
        with self._state:
            hub.remove(observer)
            lingers = self._linger > 0 and hub.is_idle() and self._hub is hub
        if lingers:
            timer = self._scheduler or hub.scheduler or TimeoutScheduler.singleton()
            hub.lingering.disposable = timer.schedule_relative(
                self._linger, lambda _, __: self._close_if_idle(hub)
            )
        else:
            self._close_if_idle(hub)

    def _release(self, hub: Hub[T]) -> None:
        with self._state:
            hub.holds -= 1
        self._close_if_idle(hub)

    def _close_if_idle(self, hub: Hub[T]) -> None:
        with self._state:
            if self._hub is not hub or not hub.is_idle():
                return
            self._hub = None
        hub.connection.dispose()
