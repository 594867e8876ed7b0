"""`buffered`: a thread and a buffer for a slow subscriber."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable

from ctfy_rx.delivery.buffer import DEFAULT_BUFFER, Drops, OnDrop, Policy, check_buffer
from ctfy_rx.delivery.hub import complete
from ctfy_rx.delivery.receipts import receipts_of
from ctfy_rx.delivery.slow_subscriber import Strand
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.threads.loops import loop_of, running_loop

__all__ = ["buffered"]

T = TypeVar("T")


def buffered(
    size: int = DEFAULT_BUFFER,
    policy: Policy = "drop_oldest",
    *,
    on_drop: OnDrop | None = None,
    make_drops: Callable[[], Drops] | None = None,
) -> Callable[[Observable[T]], Observable[T]]:
    """Deliver to each subscriber on a daemon thread of its own; up to `size` items wait for it.

    ::

        source      --a-b-c-d-e-------------|
                    buffered(2)
        subscriber  --aaaaaddddddeeeeee-----|    b and c were dropped

    `policy` is what becomes of an item for which there is no room: it takes the place of the oldest
    (``"drop_oldest"``), is dropped itself (``"drop_newest"``), fails the subscription with `BufferOverflow`
    after what waits (``"error"``), or has the source wait (``"block"``), which is for sources that can: a
    recording, a message queue, never a socket. `on_drop` is called with the running total, now and then;
    `make_drops` makes what counts instead. Completes and fails with its source, after what waits.

    Raises `ConfigurationError` on an event loop: there ``async for`` has a buffer.

    See also: `retry_with_backoff`; reactivex's ``observe_on``, which has no bound, ``throttle_with_timeout``,
    ``sample``.

    >>> import reactivex, threading
    >>> done = threading.Event()
    >>> slow = reactivex.of(1, 2, 3).pipe(buffered(policy="block"))
    >>> _ = slow.subscribe(print, on_completed=done.set); _ = done.wait(5)
    1
    2
    3
    """
    check_buffer(size, policy, source_can_wait=True)

    def apply(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            if loop_of(scheduler) is not None or running_loop() is not None:
                raise ConfigurationError(
                    "buffered() delivers on a thread: on an event loop write `async for`, which has a buffer"
                )
            drops = make_drops() if make_drops is not None else Drops(on_drop)
            strand = Strand(observer, size, policy, drops, receipts_of(source))
            with strand.subscribing(source):
                subscription = source.subscribe(
                    strand.on_next,
                    lambda error: strand.finish(lambda observer: observer.on_error(error)),
                    lambda: strand.finish(complete),
                    scheduler=scheduler,
                )
            return CompositeDisposable(Disposable(strand.stop), subscription)

        return Observable(subscribe)

    return apply
