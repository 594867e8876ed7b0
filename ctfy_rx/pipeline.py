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
from ctfy_rx.operators.parse import parse
from ctfy_rx.operators.share import Shared
from ctfy_rx.sse import Frame
from ctfy_rx.status import Closed, Connecting, Idle, Open, Status

__all__ = ["Pipeline", "once"]


class Pipeline:
    """Connect, retry, parse, share: built once for a root stream, held by all that derive from it."""

    def __init__(
        self, name: str, frames: Observable[Frame], status: StatusFeed, *, autoconnect: bool = True
    ) -> None:
        self.name = name
        self.status = status
        self.closed = False
        self._frames = frames
        self._state = RLock()
        self._consumers: set[abc.ObserverBase[Any]] = set()
        self.events: Shared[Event[Payload]] = Shared(Observable(self._open), autoconnect=autoconnect)

    def __repr__(self) -> str:
        return f"{self.name} ({self.status.current}, {len(self._consumers)} subscribed)"

    def attach(
        self, source: Observable[Any], observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None
    ) -> abc.DisposableBase:
        """Subscribe `observer` to `source`, to be completed when the stream is closed."""
        with self._state:
            self._consumers.add(observer)
        subscription = source.subscribe(observer, scheduler=scheduler)
        return CompositeDisposable(subscription, Disposable(lambda: self._detach(observer)))

    def close(self) -> None:
        """End everything, once; from any thread, also from a callback."""
        with self._state:
            closes, self.closed = not self.closed, True
        if closes:
            self.events.close()
            self._complete_consumers()
            self.status.end(Closed())

    def _detach(self, observer: abc.ObserverBase[Any]) -> None:
        with self._state:
            self._consumers.discard(observer)

    def _complete_consumers(self) -> None:
        # Those that the shared source did not complete: a merge with an interval, say, would go on for ever.
        with self._state:
            consumers = tuple(self._consumers)
        for observer in consumers:
            observer.on_completed()

    def _open(
        self, observer: abc.ObserverBase[Event[Payload]], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        def on_error(error: Exception) -> None:
            self.status.emit(Closed(error))
            observer.on_error(error)

        def on_completed() -> None:
            self.status.emit(Closed())
            observer.on_completed()

        connection = parse()(self._frames).subscribe(
            observer.on_next, on_error, on_completed, scheduler=scheduler
        )
        guard = _guard(loop_of(scheduler), on_error)
        return CompositeDisposable(connection, guard, Disposable(self._idle))

    def _idle(self) -> None:
        if not self.closed and not isinstance(self.status.current, Closed):
            self.status.emit(Idle())


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
