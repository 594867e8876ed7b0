"""The last item of an Observable, waited for: what reactivex's `run`, ``await`` and `to_future` give.

Its own block an event loop that has to bring the item, and wake none when another thread has brought it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar, cast

from reactivex import Observable, abc
from reactivex.internal import SequenceContainsNoElementsError
from reactivex.run import run as run_to_its_end

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.threads.consumers import Consumer
from ctfy_rx.threads.loops import LoopScheduler, on_loop

__all__ = ["future_of", "run"]

T = TypeVar("T")

_NOTHING: Final = object()


def run(source: Observable[T], scheduler: abc.SchedulerBase | None) -> T:
    """Block until `source` ends; its last item.

    Raises what it fails with, and `ConfigurationError` on the event loop that would have to bring its items.
    """
    return run_to_its_end(cast("Observable[T]", _Refusing(source)), scheduler)


class _Refusing:
    """`source`, for who subscribes and then blocks; no Observable, so that nothing is between the two."""

    def __init__(self, source: Observable[Any]) -> None:
        self._source = source

    def subscribe(self, *on_what: Any, scheduler: abc.SchedulerBase) -> abc.DisposableBase:
        consumer = Consumer()
        with consumer.subscribing(self._source):
            subscription = self._source.subscribe(*on_what, scheduler=scheduler)
        try:
            consumer.refuse_to_block()
        except ConfigurationError:
            subscription.dispose()
            raise
        return subscription


def future_of(source: Observable[T], loop: asyncio.AbstractEventLoop) -> asyncio.Future[T]:
    """The last item of `source`, which is subscribed to now, on `loop`, wherever it comes from."""
    future: asyncio.Future[T] = loop.create_future()
    last: Any = _NOTHING

    def on_next(item: T) -> None:
        nonlocal last
        last = item

    def settle(error: Exception | None = None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        elif last is _NOTHING:
            future.set_exception(SequenceContainsNoElementsError())
        else:
            future.set_result(last)

    def end(error: Exception | None = None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            on_loop(loop, partial(settle, error))

    subscription = source.subscribe(on_next, end, end, scheduler=LoopScheduler(loop))
    future.add_done_callback(lambda _: subscription.dispose())
    return future
