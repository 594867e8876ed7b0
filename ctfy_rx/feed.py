"""The status of a stream as an Observable that always knows its current item."""

from __future__ import annotations

from threading import RLock

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from ctfy_rx.hub import Hub, complete
from ctfy_rx.status import Idle, Status

__all__ = ["StatusFeed"]


class StatusFeed(Observable[Status]):
    """Gives a new subscriber the current status at once, then each change; opens nothing.

    ::

        idle--connecting--open------waiting--connecting--open---closed|
                   ^open------waiting--connecting--open---closed|
    """

    def __init__(self) -> None:
        super().__init__()
        self._changes = RLock()
        self._hub: Hub[Status] = Hub()
        self._ended = False
        self.current: Status = Idle()

    def __repr__(self) -> str:
        return f"<Status: {self.current}>"

    def emit(self, status: Status) -> None:
        """`status` is current from now on."""
        with self._changes:
            if not self._ended:
                self.current = status
                self._hub.on_next(status)

    def end(self, status: Status) -> None:
        """`status` is the last one."""
        with self._changes:
            if self._ended:
                return
            self.emit(status)
            self._ended = True
        self._hub.finish(complete)

    def _subscribe_core(
        self, observer: abc.ObserverBase[Status], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        with self._changes:
            observer.on_next(self.current)
            if self._ended:
                observer.on_completed()
                return Disposable()
            self._hub.add(observer)
        return Disposable(lambda: self._hub.remove(observer))
