"""`Cold`: a source that each subscriber gets for itself, from its start."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from reactivex import abc
from reactivex.disposable import CompositeDisposable, Disposable, SingleAssignmentDisposable

from ctfy_rx.delivery.guarded import Guarded
from ctfy_rx.delivery.hub import complete
from ctfy_rx.delivery.slow_subscriber import End, end, report
from ctfy_rx.stats import Counters
from ctfy_rx.threads.process import OwnLock, this_process
from ctfy_rx.threads.turns import after_all

__all__ = ["Cold"]

T = TypeVar("T")

Begin = Callable[[abc.ObserverBase[T], abc.SchedulerBase | None], abc.DisposableBase]
"""Subscribes an observer to what it gets for itself."""


class Cold(Guarded[T]):
    """Stands where `Shared` does, with its promises: a subscriber that raises is reported and hurts nobody;
    all can be ended at once, nobody in the middle of an item. `counters` count the items.

    There may be a million items, so there are few calls for each: `serve` is `subscribe` for an observer that
    detaches itself.
    """

    def __init__(self, begin: Begin[T], counters: Counters) -> None:
        super().__init__()
        self._begin = begin
        self._counters = counters
        self._process = this_process()
        self._state = OwnLock()
        self._solos: dict[_Solo[T], None] = {}

    def _subscribe_core(
        self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return self.serve(observer, scheduler)

    def wants(self, _: object) -> bool:
        """Whether anybody wants the items of a key: whoever subscribes has a source, of all of them."""
        return True

    def serve(
        self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        """Begin for `observer`."""
        solo = _Solo(observer, self._counters)
        with self._state:
            self._solos[solo] = None
        try:
            solo.connection.disposable = self._begin(solo, scheduler)
        except BaseException:
            self._forget(solo)
            raise
        return CompositeDisposable(solo.connection, Disposable(lambda: self._forget(solo)))

    def connect(self, scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:  # noqa: ARG002
        """There is nothing to hold open: each subscriber begins when it comes."""
        return Disposable()

    @property
    def is_of_the_parent(self) -> bool:
        """Whether this process is a child, forked from one in which somebody was subscribed."""
        forked = self._process is not this_process()
        return forked and any(solo.process is not this_process() for solo in tuple(self._solos))

    def leave_if_idle(self) -> None:
        """Nothing lingers here."""

    def close(self, tell: End = complete, *, then: Callable[[], None] = lambda: None) -> None:
        """Everybody is told, after the item in delivery, that it completes, and then `then` is called."""
        with self._state:
            solos, self._solos = tuple(self._solos), {}
        ended = after_all(len(solos), then)
        for solo in solos:
            solo.connection.dispose()
            solo.end(tell, ended)

    def _forget(self, solo: _Solo[T]) -> None:
        with self._state:
            self._solos.pop(solo, None)


class _Solo(abc.ObserverBase[T]):
    """One subscriber. Its end waits for the item in delivery, and is told by whoever delivers that."""

    def __init__(self, observer: abc.ObserverBase[T], counters: Counters) -> None:
        self.connection = SingleAssignmentDisposable()
        self.process = this_process()
        self._observer = observer
        self._counters = counters
        self._give = observer.on_next
        self._busy = Lock()
        self._end: End | None = None
        self._then: list[Callable[[], None]] = []
        self._told = False

    def on_next(self, value: T) -> None:
        with self._busy:
            if self._told:
                return
            self._counters.events += 1
            try:
                self._give(value)
            except BaseException as error:  # noqa: BLE001 - what is not for the program is reported
                report(error, value)
        if self._end is not None:
            self._tell()

    def on_error(self, error: Exception) -> None:
        self.end(lambda observer: observer.on_error(error))

    def on_completed(self) -> None:
        self.end(complete)

    def end(self, tell: End, then: Callable[[], None] | None = None) -> None:
        """The first end counts; `then` is called when it was told."""
        self._end = self._end or tell
        if then is not None:
            self._then.append(then)
        self._tell()

    def _tell(self) -> None:
        # Not acquired: an item is being delivered, perhaps on this very thread, and looks again after it.
        while (not self._told or self._then) and self._busy.acquire(blocking=False):
            try:
                if not self._told and self._end is not None:
                    self._told = True
                    end(self._observer, self._end)
            finally:
                self._busy.release()
            while self._then:
                self._then.pop()()
