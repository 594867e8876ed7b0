"""The subscribers of one connection: each gets every item, none hurts another, all end once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, TypeVar

from reactivex import abc
from reactivex.disposable import SerialDisposable, SingleAssignmentDisposable

__all__ = ["Hub", "complete"]

T = TypeVar("T")

_log = logging.getLogger("ctfy_rx")


class Hub(Generic[T]):
    """The subscribers of one connection. Delivers to each in turn, and ends them once.

    Notifications never overlap: who ends the hub while an item is being delivered leaves the end to the
    deliverer.
    """

    def __init__(self) -> None:
        # Replaced, never changed, so that delivery needs no copy.
        self.observers: tuple[abc.ObserverBase[T], ...] = ()
        self.connection = SingleAssignmentDisposable()
        self.lingering = SerialDisposable()
        self.scheduler: abc.SchedulerBase | None = None  # the first subscriber's
        self.holds = 0
        self._opened = False
        self._membership = RLock()
        self._delivery = RLock()
        self._end: Callable[[abc.ObserverBase[T]], None] | None = None

    def add(self, observer: abc.ObserverBase[T]) -> None:
        """Deliver to `observer` from the next item on."""
        with self._membership:
            self.observers = (*self.observers, observer)

    def remove(self, observer: abc.ObserverBase[T]) -> None:
        """Deliver to `observer` no more."""
        with self._membership:
            self.observers = tuple(other for other in self.observers if other is not observer)

    def must_open(self) -> bool:
        """True once."""
        opened, self._opened = self._opened, True
        return not opened

    def is_idle(self) -> bool:
        """Nobody listens, nobody holds it open."""
        return not self.observers and not self.holds

    def on_next(self, item: T) -> None:
        """Give `item` to each subscriber; one that raises is reported, and hurts no other."""
        with self._delivery:
            for observer in self.observers:
                try:
                    observer.on_next(item)
                except Exception:
                    _log.exception("a subscriber raised on %r; it goes on with the next", item)
        if self._end is not None:
            self._finish()

    def finish(self, end: Callable[[abc.ObserverBase[T]], None]) -> None:
        """End every subscriber with `end`, now or, during a delivery, right after it."""
        self._end = self._end or end
        self._finish()

    def _finish(self) -> None:
        # Not taken: somebody delivers, and will look at _end after it has let go of the lock.
        if self._end is None or not self._delivery.acquire(blocking=False):
            return
        try:
            observers, self.observers = self.observers, ()
            for observer in observers:
                try:
                    self._end(observer)
                except Exception:
                    _log.exception(
                        "a subscriber did not handle the end of its stream: give subscribe() an on_error"
                    )
        finally:
            self._delivery.release()


def complete(observer: abc.ObserverBase[Any]) -> None:
    """The orderly end, for `Hub.finish`."""
    observer.on_completed()
