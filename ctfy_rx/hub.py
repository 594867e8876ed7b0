"""The subscribers of one connection: each gets every item, none hurts another, all end once."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Lock, RLock, current_thread, main_thread
from typing import Any, Generic, TypeVar

from reactivex import abc
from reactivex.disposable import SerialDisposable, SingleAssignmentDisposable

from ctfy_rx.errors import CtfyRxError

__all__ = ["Hub", "complete"]

T = TypeVar("T")

_log = logging.getLogger("ctfy_rx")


class Hub(Generic[T]):
    """The subscribers of one connection. Delivers to each in turn, and ends them once.

    Notifications never overlap and keep their order: what comes during a delivery, from another thread or
    out of a callback, waits for its end and is delivered by whoever delivers.
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
        self._waiting: deque[T | _End] = deque()
        self._delivering = Lock()

    def add(self, observer: abc.ObserverBase[T]) -> None:
        """Deliver to `observer` from the next item on."""
        self._replace(lambda observers: (*observers, observer))

    def remove(self, observer: abc.ObserverBase[T]) -> None:
        """Deliver to `observer` no more."""
        self._replace(lambda observers: tuple(other for other in observers if other is not observer))

    def must_open(self) -> bool:
        """True once."""
        opened, self._opened = self._opened, True
        return not opened

    def is_idle(self) -> bool:
        """Nobody listens, nobody holds it open."""
        return not self.observers and not self.holds

    def on_next(self, item: T) -> None:
        """Give `item` to each subscriber; one that raises is reported, and hurts no other."""
        self._waiting.append(item)
        self._deliver()

    def finish(self, end: Callable[[abc.ObserverBase[T]], None]) -> None:
        """End every subscriber with `end`, after what came before."""
        self._waiting.append(_End(end))
        self._deliver()

    def _replace(
        self, change: Callable[[tuple[abc.ObserverBase[T], ...]], tuple[abc.ObserverBase[T], ...]]
    ) -> None:
        with self._membership:
            while True:
                before = self.observers
                after = change(before)
                # Not so if a garbage collection in between let a forgotten iterator leave: then once more.
                if self.observers is before:
                    self.observers = after
                    return

    def _deliver(self) -> None:
        # Not acquired: somebody delivers, perhaps this very thread, and looks again after it has let go.
        while self._waiting and self._delivering.acquire(blocking=False):
            try:
                while self._waiting:
                    item = self._waiting.popleft()
                    if isinstance(item, _End):
                        self._end(item)
                    else:
                        self._give(item)
            finally:
                self._delivering.release()

    def _give(self, item: T) -> None:
        for observer in self.observers:
            try:
                observer.on_next(item)
            except SystemExit:
                if current_thread() is main_thread():
                    raise  # sys.exit() ends the program there, and nothing but the thread elsewhere
                _log.exception("a subscriber called sys.exit() on a thread of the stream; it goes on")
            except Exception:  # noqa: BLE001 - whatever it is, it is reported
                _log.exception("a subscriber raised on %.200r; it goes on with the next", item)

    def _end(self, end: _End) -> None:
        observers, self.observers = self.observers, ()
        for observer in observers:
            try:
                end.tell(observer)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
                _log.error(
                    "a subscriber did not handle the end of its stream, %r: give subscribe() an on_error",
                    error,
                    exc_info=not isinstance(error, CtfyRxError),  # ours say all that there is to say
                )


class _End:
    """The last thing that a hub delivers."""

    def __init__(self, tell: Callable[[abc.ObserverBase[Any]], None]) -> None:
        self.tell = tell


def complete(observer: abc.ObserverBase[Any]) -> None:
    """The orderly end, for `Hub.finish`."""
    observer.on_completed()
