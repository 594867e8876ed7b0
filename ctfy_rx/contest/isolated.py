"""`isolated`: a subscriber that raises hurts nobody but itself, wherever its items come from."""

from __future__ import annotations

from typing import TypeVar

from reactivex import Observable, abc

from ctfy_rx.delivery.hub import complete
from ctfy_rx.delivery.slow_subscriber import deliver, end

__all__ = ["isolated"]

T = TypeVar("T")


def isolated(source: Observable[T]) -> Observable[T]:
    """The items of `source`, which may come from threads and timers that know nothing of subscribers: what
    one of these raises is reported, as it is by a hub, and it goes on with the next item."""

    def subscribe(
        observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return source.subscribe(
            lambda item: deliver(observer, item),
            lambda error: end(observer, lambda it: it.on_error(error)),
            lambda: end(observer, complete),
            scheduler=scheduler,
        )

    return Observable(subscribe)
