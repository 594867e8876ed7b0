"""The events of a stream, from the connection to the subscribers: the doorbell rings, the log is read, what
cannot wait is delivered live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import msgspec
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable

from ctfy_rx.catalogue import Payload
from ctfy_rx.connection.frames import Frames
from ctfy_rx.delivery.buffer import Buffer, Drops, Policy
from ctfy_rx.delivery.receipts import Progress, Receipts
from ctfy_rx.errors import BufferOverflow, StreamClosed
from ctfy_rx.event import Event
from ctfy_rx.pipeline.backlog import Delivery
from ctfy_rx.pipeline.loop_workers import LoopWorkers
from ctfy_rx.pipeline.thread_workers import ThreadWorkers
from ctfy_rx.pipeline.workers import Workers
from ctfy_rx.platform.doorbell import Doorbell, LogOption
from ctfy_rx.platform.questions import Identity
from ctfy_rx.platform.since import Place
from ctfy_rx.reconnect import Backoff, Session
from ctfy_rx.sse import Frame
from ctfy_rx.stats import Counters
from ctfy_rx.status import Connecting, Gap, Open, Status
from ctfy_rx.threads.loops import Drive, running_loop

__all__ = ["Owner", "Resumable", "Stage", "StageOptions", "single_connection", "staged"]

Tell = Callable[[Status], None]
Reconnecting = Callable[["Resumable", Tell], Observable[list[Frame]]]
"""Keeps the connections of a source coming, and tells of them."""


class StageOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream reads the log, and how much may wait for its subscribers."""

    log: LogOption = "auto"
    since: Place = None
    anonymous_ok: bool = False
    buffer: int
    policy: Policy = "drop_oldest"
    backoff: Backoff
    reopens: bool = True  # a connection that has ended is followed by another


class Stage:
    """What one opening of a stream needs: who stands between its connections and `observer`."""

    def __init__(
        self,
        source: Frames,
        options: StageOptions,
        observer: abc.ObserverBase[Iterator[Event[Payload]]],
        tell: Tell,
        owner: Owner,
    ) -> None:
        counters = owner.counters
        self._wanted = owner.wanted
        self._when_they_are_named = owner.when_named
        self._source = source
        self._observer = observer
        self._tell_feed = tell
        self._counters = counters
        self._workers: Workers | None = None
        self._drive = owner.drive
        self._reopens = options.reopens
        self._disposed = False
        self._session = Session()
        self._doorbell = Doorbell(
            log=options.log,
            since=options.since,
            anonymous_ok=options.anonymous_ok,
            tell=tell,
            reopen=self._reopen,
            backoff=options.backoff,
            counters=counters,
        )
        buffer: Buffer[Event[Payload]] = Buffer(options.buffer, options.policy, owner.drops())
        self._progress = Progress(owner.receipts or Receipts(), owner.nobody_is_left)
        self._delivery = Delivery(observer, buffer, counters, tell, self._progress)

    @property
    def cursor(self) -> str | None:
        """What to give to ``since=`` to go on after the last event of the log that all are done with."""
        return self._progress.cursor or self._doorbell.start

    @property
    def identity(self) -> Identity | None:
        """Whose the token is, None where nobody has said so."""
        return self._doorbell.identity

    @property
    def is_read_by_httpx(self) -> bool:
        """Whether the connection is read by httpx, and not below it."""
        return self._session.is_read_by_httpx

    def session(self) -> Session:
        """The session of the source, with our hooks in it."""
        self._session = session = self._source.session()
        session.before_open = self._before_open
        session.on_driven = self._drive.by
        session.wants = self._wanted_frames
        self._counters.follow(session)
        return session

    def connect(self, session: Session) -> Observable[list[Frame]]:
        """One connection of the source."""
        return self._source.connect_in_batches(session)

    def tell(self, status: Status) -> None:
        """What the connections tell, passed on with what only we know."""
        status = self._doorbell.completed(status)
        self._counters.note(status)
        self._tell_feed(status)
        if isinstance(status, Gap) and (self._doorbell.is_platform or self._doorbell.is_anonymous):
            self._signal_scoreboard()

    def _signal_scoreboard(self) -> None:
        """Whoever refetches the scoreboard on this signal has perhaps missed one."""
        try:
            self._delivery.put([Event("scoreboard_updated", "{}", received=time.time(), origin="local")])
        except BufferOverflow as error:  # whoever told us of the gap takes no exception
            self.on_error(error)

    def on_next(self, frames: list[Frame]) -> None:
        """What one read of the socket brought."""
        received = time.time()
        events: list[Event[Payload]] = [Event(each.event, each.data, each.id, received) for each in frames]
        self._delivery.put(self._doorbell.live(events))

    def _wanted_frames(self) -> Callable[[str], object] | None:
        """Frames of other names need not be made: that, and to deliver them to nobody, takes as long as to
        read them. A platform's have all to come: its log is read, and its cursor moves, though nobody
        listens."""
        return None if self._doorbell.is_platform else self._wanted()

    def on_error(self, error: Exception) -> None:
        """The connections have failed for good."""
        if self._workers is None:
            self._observer.on_error(error)
        else:
            self._workers.end(error)

    def on_completed(self) -> None:
        """The connections have ended for good."""
        if self._workers is None:
            self._observer.on_completed()
        else:
            self._workers.end(None)

    def dispose(self) -> None:
        """End it; from any thread, returns at once."""
        self._disposed = True
        if self._workers is not None:
            self._workers.stop()

    def _before_open(self, client: Any) -> Any:
        if self._workers is None:
            self._workers = self._workers_of(running_loop())
        if self._disposed:  # just now: who disposed has perhaps not seen the workers
            self._workers.stop()
            raise StreamClosed("disposed before the connection was opened")
        return self._workers.before_open(client)

    def _workers_of(self, loop: asyncio.AbstractEventLoop | None) -> Workers:
        parts = (self._source, self._doorbell, self._delivery, self._when_named)
        if loop is not None:
            return LoopWorkers(*parts, loop=loop)
        workers = ThreadWorkers(*parts)
        self._session.take_steps = workers.take_steps
        return workers

    def _when_named(self, then: Callable[[], None]) -> None:
        self._when_they_are_named(then, self._doorbell.giving)

    def _reopen(self) -> None:
        if self._reopens:
            self._session.end()


class Owner(Protocol):
    """Whose stages they are."""

    counters: Counters
    drive: Drive  # of the opening that begins
    receipts: Receipts | None
    cursor: Callable[[], str | None]
    identity: Callable[[], Identity | None]
    is_read_by_httpx: Callable[[], bool]

    def drops(self) -> Drops:
        """What counts the drops of a buffer."""
        ...

    def wanted(self) -> Callable[[str], object] | None:
        """What tells of a name whether anybody wants its events; None where all are wanted."""
        ...

    def when_named(self, then: Callable[[], None], coming: Iterable[Event[Payload]]) -> None:
        """Call `then` once the names that somebody wants in the events that are `coming` are known."""
        ...

    def nobody_is_left(self) -> bool:
        """Whether the stream is closed, or nobody is subscribed to it."""
        ...


def staged(
    source: Frames, options: StageOptions, reconnecting: Reconnecting, tell: Tell, owner: Owner
) -> Observable[Iterator[Event[Payload]]]:
    """The events of `source`, in batches; each subscription has a `Stage` of its own, whose cursor becomes
    `owner`'s."""

    def subscribe(
        observer: abc.ObserverBase[Iterator[Event[Payload]]], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        stage = Stage(source, options, observer, tell, owner)
        owner.cursor = lambda: stage.cursor
        owner.identity = lambda: stage.identity
        owner.is_read_by_httpx = lambda: stage.is_read_by_httpx
        frames = reconnecting(Resumable(stage), stage.tell)
        connections = frames.subscribe(stage.on_next, stage.on_error, stage.on_completed, scheduler=scheduler)
        return CompositeDisposable(connections, Disposable(stage.dispose))

    return Observable(subscribe)


class Resumable(Observable[list[Frame]]):
    """The connections of a stage, for `retry_with_backoff`. Frames come in batches, one read of the socket
    each, which is three times as fast as one by one."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.session = stage.session
        self.connect = stage.connect


def single_connection(source: Resumable, on_status: Tell) -> Observable[list[Frame]]:
    """One connection for each subscription, which tells its status; it ends as the connection does."""

    def subscribe(
        observer: abc.ObserverBase[list[Frame]], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        session = source.session()
        session.on_open = lambda: on_status(Open())
        on_status(Connecting())
        return source.connect(session).subscribe(observer, scheduler=scheduler)

    return Observable(subscribe)
