"""`rate`: how many a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable
from reactivex.scheduler import TimeoutScheduler

from ctfy_rx.delivery.clock import seconds_of
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.threads.turns import Turns

__all__ = ["rate"]


def rate(
    window: float | timedelta, *, every: float = 1.0, scheduler: abc.SchedulerBase | None = None
) -> Callable[[Observable[Any]], Observable[float]]:
    """How many items came a second, on the average of the last `window` (seconds), told `every` second.

    ::

        --x-x---x--------|
          rate(2)
        --.5-.5-1-.5-0-0-|     each second; less than a whole window counts as one

    Time is that of `scheduler` (default: that of the subscription, else a timer thread for each wait).
    Completes and fails with its source. Raises `ConfigurationError` for a time of 0.

    See also: `burst`; reactivex's ``buffer_with_time`` and ``window_with_time``.

    >>> import reactivex
    >>> from reactivex.testing import TestScheduler
    >>> time = TestScheduler()
    >>> stop = reactivex.of("a", "b", "c").pipe(reactivex.operators.concat(reactivex.never()),
    ...     rate(10)).subscribe(print, scheduler=time)
    >>> time.advance_to(1.5)
    0.3
    """
    seconds = window.total_seconds() if isinstance(window, timedelta) else float(window)
    if not (seconds > 0 and every > 0):
        raise ConfigurationError(f"a rate needs a window and a pace above 0, not {seconds} s and {every} s")

    def apply(source: Observable[Any]) -> Observable[float]:
        def subscribe(
            observer: abc.ObserverBase[float], subscribed_on: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            timer = scheduler or subscribed_on or TimeoutScheduler.singleton()
            recent = _Recent(seconds, timer)
            turns = Turns()
            tick = SerialDisposable()

            def on_tick(*_: Any) -> None:
                turns.take(lambda: observer.on_next(recent.a_second()))
                if not tick.is_disposed:
                    tick.disposable = timer.schedule_relative(every, on_tick)

            tick.disposable = timer.schedule_relative(every, on_tick)
            items = source.subscribe(
                recent.add,
                lambda error: turns.take(lambda: observer.on_error(error)),
                lambda: turns.take(observer.on_completed),
                scheduler=subscribed_on,
            )
            return CompositeDisposable(items, tick)

        return Observable(subscribe)

    return apply


class _Recent:
    """When the items of the last `seconds` came, by `timer`."""

    def __init__(self, seconds: float, timer: abc.SchedulerBase) -> None:
        self._seconds = seconds
        self._timer = timer
        self._came: deque[float] = deque()

    def add(self, _: object) -> None:
        """One has come."""
        self._came.append(seconds_of(self._timer))

    def a_second(self) -> float:
        """How many came a second."""
        horizon = seconds_of(self._timer) - self._seconds
        while self._came and self._came[0] <= horizon:
            self._came.popleft()
        return len(self._came) / self._seconds
