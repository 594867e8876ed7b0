"""`parse`: frames to events."""

from __future__ import annotations

import time
from collections.abc import Callable

from reactivex import Observable, abc

from ctfy_rx.catalogue import Payload
from ctfy_rx.event import Event
from ctfy_rx.sse import Frame

__all__ = ["parse"]


def parse(
    *, clock: Callable[[], float] = time.time
) -> Callable[[Observable[Frame]], Observable[Event[Payload]]]:
    """Each frame as the event that it means, stamped with the time of `clock` (unix time, seconds).

    ::

        -- frame ------ frame ---|
                parse()
        -- event ------ event ---|

    Nothing is decoded here: an event decodes its data when they are first read, and data that are no JSON are
    the text itself. Completes and fails with its source.

    See also: `of_event`, `Event`.

    >>> import reactivex
    >>> frames = reactivex.of(Frame("flag_correct", '{"flag_id": "user.txt"}'), Frame("note", "hello"))
    >>> frames.pipe(parse()).subscribe(lambda event: print(event.event, event.data)).dispose()
    flag_correct {'flag_id': 'user.txt'}
    note hello
    """

    def apply(source: Observable[Frame]) -> Observable[Event[Payload]]:
        def subscribe(
            observer: abc.ObserverBase[Event[Payload]], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            on_next = observer.on_next

            def decode(frame: Frame) -> None:
                on_next(Event(frame.event, frame.data, frame.id, clock()))

            return source.subscribe(decode, observer.on_error, observer.on_completed, scheduler=scheduler)

        return Observable(subscribe)

    return apply
