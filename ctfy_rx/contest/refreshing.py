"""`refreshed`: what must be fetched again when something says so, now and after the server's cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable, SerialDisposable

from ctfy_rx.delivery.clock import seconds_of
from ctfy_rx.reconnect import chance
from ctfy_rx.threads.turns import Turns

__all__ = ["CACHE", "FLOOR", "refreshed"]

T = TypeVar("T")

FLOOR = 1.0
"""The least time between two fetches, in seconds."""

CACHE = 20.0
"""How long the platform keeps its boards, in seconds."""

_AFTER = 1.0  # seconds after which a cache that has expired holds nothing older

_JITTER = 0.05  # seconds: many clients hear the same signal


def refreshed(
    fetch: Callable[[], Observable[T]],
    *,
    timer_of: Callable[[abc.SchedulerBase | None], abc.SchedulerBase],
    floor: float = FLOOR,
    cache: float = CACHE,
    random: Callable[[], float] = chance,
) -> Callable[[Observable[Any]], Observable[T]]:
    """What ``fetch()`` gives, at once, at each signal of the source, and once more when the server's
    `cache` (seconds) of what it answered to the last of them has expired.

    ::

        signals   ----s---------s-s--------------------|
        fetched   f   f         f  f                f
                  -r---r---------X--r----------------r-|     X came too late: a newer fetch was on its way

    An answer that is still to come when a newer fetch begins is discarded. Fetches begin `floor` seconds
    apart, twice that for each that was given up in a row, so that a slow server answers in the end. Completes
    with its source, fails with it and with what is fetched.
    """

    def apply(source: Observable[Any]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            fetching = _Fetching(
                fetch, observer, timer_of(scheduler), floor=floor, settled=cache + _AFTER, random=random
            )
            signals = source.subscribe(
                fetching.on_signal, fetching.on_error, fetching.on_completed, scheduler=scheduler
            )
            fetching.begin()
            return CompositeDisposable(signals, fetching.disposable)

        return Observable(subscribe)

    return apply


class _Fetching(Generic[T]):
    """One subscription. Signals, timers and answers come from different threads, and take turns."""

    def __init__(
        self,
        fetch: Callable[[], Observable[T]],
        observer: abc.ObserverBase[T],
        timer: abc.SchedulerBase,
        *,
        floor: float,
        settled: float,
        random: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._observer = observer
        self._timer = timer
        self._floor = floor
        self._settled = settled
        self._random = random
        self._turns = Turns()
        self._asking = SerialDisposable()
        self._soon = SerialDisposable()
        self._later = SerialDisposable()
        self.disposable = CompositeDisposable(self._asking, self._soon, self._later)
        self._number = 0  # of the newest fetch
        self._awaits = False
        self._given_up = 0
        self._is_due = False
        self._began = seconds_of(timer)

    def begin(self) -> None:
        self._turns.take(self._start)

    def on_signal(self, _: Any) -> None:
        self._turns.take(self._signalled)

    def on_error(self, error: Exception) -> None:
        self._turns.take(lambda: self._observer.on_error(error))

    def on_completed(self) -> None:
        self._turns.take(self._observer.on_completed)

    def _signalled(self) -> None:
        self._later.disposable = self._after(self._settled, self._start)
        if self._is_due:
            return
        self._is_due = True
        since = seconds_of(self._timer) - self._began
        self._soon.disposable = self._after(
            max(_JITTER * self._random(), self._floor * 2**self._given_up - since), self._start
        )

    def _after(self, seconds: float, action: Callable[[], None]) -> abc.DisposableBase:
        if self.disposable.is_disposed:
            return Disposable()

        def act(*_: Any) -> None:
            self._turns.take(action)

        return self._timer.schedule_relative(seconds, act)

    def _start(self) -> None:
        if self.disposable.is_disposed:
            return
        self._is_due = False
        self._given_up += self._awaits
        self._began = seconds_of(self._timer)
        self._number += 1
        number, self._awaits = self._number, True
        self._asking.disposable = Disposable()  # the one before is given up, also if it answers right now
        self._asking.disposable = self._fetch().subscribe(
            lambda answer: self._turns.take(lambda: self._answered(number, answer)),
            self.on_error,
            scheduler=self._timer,
        )

    def _answered(self, number: int, answer: T) -> None:
        if number == self._number and not self.disposable.is_disposed:
            self._awaits, self._given_up = False, 0
            self._observer.on_next(answer)
