"""The status of a stream as an Observable that always knows its current item."""

from __future__ import annotations

from collections import deque

from reactivex import abc
from reactivex.disposable import Disposable
from typing_extensions import override

from ctfy_rx.delivery.composed import Guarded
from ctfy_rx.delivery.guard import Keeper
from ctfy_rx.delivery.slow_subscriber import Failure
from ctfy_rx.status import NEWS, Closed, Idle, Status, SubscriberFailed
from ctfy_rx.text.html import element, page
from ctfy_rx.threads.process import OwnLock

__all__ = ["StatusFeed", "Teller", "failed"]

Observers = tuple[abc.ObserverBase[Status], ...]


class StatusFeed(Guarded[Status]):
    """Gives a new subscriber the current status at once, then each change; opens nothing.

    ::

        idle--connecting--open------waiting--connecting--open---closed|
                   ^open------waiting--connecting--open---closed|

    `Gap`, `Dropped`, `Late`, `Lagging` and `SubscriberFailed` are news, not states: who comes later is not
    told them again.

    Changes come from many threads, and a subscriber may take its time or change the status itself. So news
    is queued under the lock, with those whom it concerns, and told outside of it, in order and by one thread
    at a time: the one that made the change, unless another is at it, which then tells this as well. So
    ``stream.close()`` runs the subscribers of the status on the caller's thread, but waits for none that runs
    on another.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = OwnLock()  # reentrant: a garbage collection inside may close a forgotten iterator
        self._observers: Observers = ()
        self._news: deque[tuple[Status | None, Observers]] = deque()  # None is the end
        self._telling = False
        self._ended = False
        self._teller: Teller | None = None
        self._keeper = _Keeper(self)
        self.current: Status = Idle()

    def __repr__(self) -> str:
        return f"<Status: {self.current}>"

    def _repr_html_(self) -> str:
        return page(element("span", "● ", class_="dim"), str(self.current))

    def emit(self, status: Status) -> None:
        """`status` is current from now on."""
        with self._lock:
            self._put(status)
        self._tell()

    def end(self, status: Status) -> None:
        """`status` is the last one."""
        with self._lock:
            self._put(status)
            self._ended = True
            self._news.append((None, self._observers))
            self._observers = ()
        self._tell()

    def teller(self) -> Teller:
        """A voice for a connection that opens; the one before it is not heard any more."""
        self._teller = teller = Teller(self)
        return teller

    def hear(self, teller: Teller, status: Status) -> None:
        """Emit what `teller` says, if its turn has not passed."""
        with self._lock:
            if self._teller is teller:
                self._put(status)
        self._tell()

    def dismiss(self, teller: Teller) -> None:
        """The turn of `teller` has passed; if it did not say why, the stream is idle."""
        with self._lock:
            if self._teller is teller:
                self._teller = None
                if not isinstance(self.current, Closed):
                    self._put(Idle())
        self._tell()

    def _subscribe_core(
        self,
        observer: abc.ObserverBase[Status],
        scheduler: abc.SchedulerBase | None = None,  # noqa: ARG002 - a status waits for nothing
    ) -> abc.DisposableBase:
        with self._lock:
            self._news.append((self.current, (observer,)))
            if self._ended:
                self._news.append((None, (observer,)))
            else:
                self._observers = (*self._observers, observer)
        self._tell()
        return Disposable(lambda: self._forget(observer))

    def _forget(self, observer: abc.ObserverBase[Status]) -> None:
        with self._lock:
            self._observers = tuple(other for other in self._observers if other is not observer)

    def _put(self, status: Status) -> None:
        if self._ended:
            return
        if not isinstance(status, NEWS):
            self.current = status
        self._news.append((status, self._observers))

    def _tell(self) -> None:
        with self._lock:
            if self._telling:
                return  # who is at it tells this as well
            self._telling = True
        try:
            while news := self._next():
                for observer in news[1]:
                    _notify(observer, news[0])
        except BaseException:  # Ctrl-C
            self._telling = False
            raise

    def _next(self) -> tuple[Status | None, Observers] | None:
        with self._lock:
            self._telling = bool(self._news)
            return self._news.popleft() if self._news else None


def _notify(observer: abc.ObserverBase[Status], status: Status | None) -> None:
    if status is None:
        observer.on_completed()
    else:
        observer.on_next(status)


def failed(failure: Failure) -> SubscriberFailed:
    """What the status says of it."""
    error, item, place = failure
    return SubscriberFailed(error, item, "" if place is None else str(place))


class _Keeper(Keeper):
    """Tells of a subscriber of the status itself that has ended."""

    def __init__(self, feed: StatusFeed) -> None:
        self._feed = feed

    @override
    def ended(self, failure: Failure) -> None:
        super().ended(failure)
        if not isinstance(failure.item, SubscriberFailed):  # or it would go round for ever
            self._feed.emit(failed(failure))


class Teller:
    """What one connection says of itself. A connection that is being closed may still speak while the next
    one opens: then it is not heard."""

    def __init__(self, feed: StatusFeed) -> None:
        self._feed = feed

    def __call__(self, status: Status) -> None:
        """`status` is what the connection is doing now."""
        self._feed.hear(self, status)

    def stop(self) -> None:
        """Say nothing more."""
        self._feed.dismiss(self)
