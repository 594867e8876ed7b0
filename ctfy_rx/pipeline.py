"""What a stream and all streams derived from it stand on: one connection, its status, and the end of them
all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import RLock
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable

from ctfy_rx.catalogue import Payload
from ctfy_rx.connection import Frames, loop_of
from ctfy_rx.event import Event
from ctfy_rx.feed import StatusFeed
from ctfy_rx.loop import LoopTask
from ctfy_rx.operators.share import Shared
from ctfy_rx.sse import Frame
from ctfy_rx.status import Closed, Connecting, Open, Status

__all__ = ["Pipeline", "Source", "once"]

Source = Callable[[Callable[[Status], None]], Observable[Event[Payload]]]
"""Makes the events of one connection, which tells what it is doing."""


class Pipeline:
    """A source of events, shared: built once for a root stream, held by all that derive from it."""

    def __init__(self, name: str, source: Source, *, autoconnect: bool = True, linger: float = 0.0) -> None:
        self.name = name
        self.loop: asyncio.AbstractEventLoop | None = None  # that drives the connection, unless threads do
        self.status = StatusFeed()
        self.closed = False
        self._source = source
        self._state = RLock()
        # In the order in which they came, each with what it is subscribed to.
        self._consumers: dict[abc.ObserverBase[Any], Observable[Any]] = {}
        self.events: Shared[Event[Payload]] = Shared(
            Observable(self._open), autoconnect=autoconnect, linger=linger
        )

    def __repr__(self) -> str:
        with self._state:
            subscribed = sum(source is self.events for source in self._consumers.values())
        return f"{self.name} ({self.status.current}, {subscribed} subscribed)"

    def attach(
        self, source: Observable[Any], observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None
    ) -> abc.DisposableBase:
        """Subscribe `observer` to `source`, to be completed when the stream is closed."""
        with self._state:
            closed = self.closed
            if not closed:
                self._consumers[observer] = source
        if closed:
            observer.on_completed()
            return Disposable()
        try:
            subscription = source.subscribe(observer, scheduler=scheduler)
        except BaseException:
            self._detach(observer)
            raise
        return CompositeDisposable(subscription, Disposable(lambda: self._detach(observer)))

    def close(self) -> None:
        """End everything, once; from any thread, also from a callback."""
        with self._state:
            closes, self.closed = not self.closed, True
        if closes:
            self.status.teller()  # takes the word from the connection: the last one is ours
            # The last subscriber of the connection: it ends after all others, and after the item that is
            # being delivered, so that nobody is completed in the middle of a call.
            self.events.subscribe(
                on_error=lambda _: self._complete_consumers(), on_completed=self._complete_consumers
            )
            self.events.close()
            self.status.end(Closed())

    def _detach(self, observer: abc.ObserverBase[Any]) -> None:
        with self._state:
            self._consumers.pop(observer, None)

    def _complete_consumers(self) -> None:
        # Those whom the end of the connection did not complete: a merge with an interval, say, would go on
        # for ever. The innermost came last and go first: what take_last, say, still holds is delivered.
        with self._state:
            consumers = tuple(self._consumers)
        for observer in reversed(consumers):
            observer.on_completed()

    def _open(
        self, observer: abc.ObserverBase[Event[Payload]], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        if self.closed:
            observer.on_completed()
            return Disposable()
        tell = self.status.teller()

        def on_error(error: Exception) -> None:
            tell(Closed(error))
            observer.on_error(error)

        def on_completed() -> None:
            tell(Closed())
            observer.on_completed()

        # The first subscriber's scheduler chooses the driver, but its clock is its own: it may be gone before
        # the connection is.
        self.loop = loop_of(scheduler)
        connection = self._source(tell).subscribe(
            observer.on_next, on_error, on_completed, scheduler=scheduler if self.loop else None
        )
        guard = _guard(self.loop, on_error)
        return CompositeDisposable(connection, guard, Disposable(tell.stop))


def _guard(
    loop: asyncio.AbstractEventLoop | None, on_lost: Callable[[Exception], None]
) -> abc.DisposableBase:
    """Tells when `loop` ends: what waits in it for a reconnect would vanish in silence."""
    return Disposable() if loop is None else LoopTask(loop, _forever, on_lost=on_lost)


async def _forever() -> None:
    await asyncio.Event().wait()


def once(source: Frames, on_status: Callable[[Status], None]) -> Observable[Frame]:
    """One connection for each subscription, which tells its status; it ends as the connection does."""

    def subscribe(
        observer: abc.ObserverBase[Frame], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        session = source.session()
        session.on_open = lambda: on_status(Open())
        on_status(Connecting())
        return source.connect(session).subscribe(observer, scheduler=scheduler)

    return Observable(subscribe)
