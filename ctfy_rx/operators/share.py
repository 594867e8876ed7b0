"""`share`: one connection for any number of subscribers.

reactivex's own `share` counts without a lock: who subscribes while the last dispose is still closing the
source is never served. Here every opening has subscribers of its own, a `Hub`, and what is decided is
decided under a lock: an opening that has closed is never joined, the next subscriber begins a new one.
Connecting, disposing and delivering happen outside that lock, so that a callback may do any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable, SerialDisposable, SingleAssignmentDisposable
from reactivex.scheduler import TimeoutScheduler

from ctfy_rx.delivery.guarded import Guarded
from ctfy_rx.delivery.hub import Hub, complete
from ctfy_rx.delivery.interests import NOBODY, Wants, all_alike
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.delivery.slow_subscriber import End
from ctfy_rx.errors import LoopClosed, StreamClosed
from ctfy_rx.threads.process import OPENED_BEFORE_FORK, OwnLock, this_process

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


class _Opening(Generic[T]):
    """One opening of the source: who gets its items, who holds it open, and what closes it."""

    def __init__(self, hub: Hub[T]) -> None:
        self.hub = hub
        self.connection = SingleAssignmentDisposable()
        self.lingering = SerialDisposable()
        self.scheduler: abc.SchedulerBase | None = None  # of the first subscriber that has one
        self.holds = 0
        self._opened = False
        self._process = this_process()

    def bring(self, scheduler: abc.SchedulerBase | None) -> None:
        """A subscriber brings its `scheduler`. Whoever comes after the opening takes it away again."""
        if not self._opened:
            self.scheduler = self.scheduler or scheduler

    def must_open(self) -> bool:
        """True once."""
        opened, self._opened = self._opened, True
        self._process = self._process if opened else this_process()
        return not opened

    @property
    def is_of_the_parent(self) -> bool:
        """Whether it was open when this process was forked. One that was not opens here."""
        return self._opened and self._process is not this_process()

    @property
    def is_idle(self) -> bool:
        """Nobody listens, nobody holds it open."""
        return not self.hub.members and not self.holds


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
        self._opening: _Opening[T] | None = None
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
        return bool(self.wanted(key))

    @property
    def wanted(self) -> Callable[[Any], object]:
        """What tells of a key whether a subscriber of now wants its items."""
        opening = self._opening
        return NOBODY.__getitem__ if opening is None else opening.hub.wanted

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
            opening = self._join(observer, wants)
            opening.lingering.disposable = Disposable()
            opening.bring(scheduler)
            opens = self._autoconnect and opening.must_open()
        if opens:
            self._open(opening)
        return Disposable(lambda: self._leave(opening, observer))

    def connect(self, scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        """Open the source, and keep it open until the returned disposable is disposed. Raises as `serve`."""
        if self.is_of_the_parent:
            raise StreamClosed(OPENED_BEFORE_FORK)
        with self._state:
            opening = self._current()
            opening.holds += 1
            opening.bring(scheduler)
            opens = opening.must_open()
        if opens:
            self._open(opening)
        return Disposable(lambda: self._release(opening))

    @property
    def is_of_the_parent(self) -> bool:
        """Whether this process is a child, forked from the one that holds the source open."""
        opening = self._opening
        return opening is not None and opening.is_of_the_parent

    def leave_if_idle(self) -> None:
        """Close the source now, if it only lingers."""
        opening = self._opening
        if opening is not None:
            self._close_if_idle(opening)

    def close(self, tell: End = complete, *, then: Callable[[], None] = lambda: None) -> None:
        """Close the source; everybody who is subscribed is told, after the item in delivery, that it
        completes, and then `then` is called."""
        with self._state:
            former, opening, self._opening = self._former, self._opening, None
        former.discard()

        def after_the_former() -> None:
            former.finish(tell, then=then)

        if opening is None:
            after_the_former()
            return
        opening.lingering.dispose()
        opening.connection.dispose()
        opening.hub.discard()
        opening.hub.finish(tell, then=after_the_former)

    def _join(self, observer: abc.ObserverBase[T], wants: Wants | None) -> _Opening[T]:
        while True:
            opening = self._current()
            opening.hub.add(observer, wants)
            # Not so if a garbage collection in between let a forgotten iterator, the last subscriber, leave.
            if self._opening is opening:
                return opening

    def _current(self) -> _Opening[T]:
        if self._opening is None:
            self._opening = _Opening(Hub(self._receipts, self._key))
        return self._opening

    def _open(self, opening: _Opening[T]) -> None:
        hub = opening.hub

        def on_error(error: Exception) -> None:
            self._end(opening, lambda observer: observer.on_error(error))

        def on_completed() -> None:
            self._end(opening, complete)

        try:
            on_next = hub.on_batch if self._batches else hub.on_next
            opening.connection.disposable = self._source.subscribe(
                on_next, on_error, on_completed, scheduler=opening.scheduler
            )
        except BaseException:  # an interrupt, say: nobody must join, or wait for, what never opened
            self._end(opening, complete)
            raise

    def _end(self, opening: _Opening[T], end: Callable[[abc.ObserverBase[T]], None]) -> None:
        with self._state:
            if self._opening is opening:
                self._opening, self._former = None, opening.hub
        opening.lingering.dispose()
        opening.hub.finish(end)

    def _leave(self, opening: _Opening[T], observer: abc.ObserverBase[T]) -> None:
        if opening.is_of_the_parent:
            return
        with self._state:
            opening.hub.remove(observer)
            lingers = self._linger > 0 and opening.is_idle and self._opening is opening
        if lingers:
            self._close_later(opening)
        else:
            self._close_if_idle(opening)

    def _close_later(self, opening: _Opening[T]) -> None:
        def close(*_: object) -> None:
            self._close_if_idle(opening)

        threads = TimeoutScheduler.singleton()
        timer = self._scheduler or opening.scheduler or threads
        try:
            opening.lingering.disposable = timer.schedule_relative(self._linger, close)
        except LoopClosed:  # that of whoever came first; it did not read, or the hub would be no more
            opening.lingering.disposable = threads.schedule_relative(self._linger, close)

    def _release(self, opening: _Opening[T]) -> None:
        if opening.is_of_the_parent:
            return
        with self._state:
            opening.holds -= 1
        self._close_if_idle(opening)

    def _close_if_idle(self, opening: _Opening[T]) -> None:
        with self._state:
            if self._opening is not opening or not opening.is_idle:
                return
            self._opening = None
        opening.connection.dispose()


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
