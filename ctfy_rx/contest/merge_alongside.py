"""`merge_alongside`: items of other sources among those of one, which decides when it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable

from ctfy_rx.threads.turns import Turns

__all__ = ["merge_alongside"]


def merge_alongside(*others: Observable[Any]) -> Callable[[Observable[Any]], Observable[Any]]:
    """The items of the source and of `others`, one at a time; completes and fails with the source alone.

    ::

        source  --a-----b--|
        other   ----x-----------y--
                merge_alongside(other)
                --a-x---b--|
    """

    def apply(source: Observable[Any]) -> Observable[Any]:
        def subscribe(
            observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            turns = Turns()

            def on_next(item: Any) -> None:
                turns.take(lambda: observer.on_next(item))

            def on_error(error: Exception) -> None:
                turns.take(lambda: observer.on_error(error))

            def on_completed() -> None:
                turns.take(observer.on_completed)

            listening = [other.subscribe(on_next, on_error, scheduler=scheduler) for other in others]
            return CompositeDisposable(
                *listening, source.subscribe(on_next, on_error, on_completed, scheduler=scheduler)
            )

        return Observable(subscribe)

    return apply
