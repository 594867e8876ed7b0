"""What a stream and all streams derived from it stand on: one connection, its status, and the end of them
all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from operator import attrgetter
from typing import Any, TypeVar
from weakref import WeakSet

from reactivex import Observable, abc
from reactivex import operators as ops
from reactivex.disposable import CompositeDisposable, Disposable
from reactivex.scheduler import NewThreadScheduler, TimeoutScheduler
from typing_extensions import override

from ctfy_rx.catalogue import Payload
from ctfy_rx.connection.frames import Frames, loop_of
from ctfy_rx.connection.rest import Steps
from ctfy_rx.delivery.buffer import Drops
from ctfy_rx.delivery.cold import Cold
from ctfy_rx.delivery.guard import Keeper
from ctfy_rx.delivery.hub import complete
from ctfy_rx.delivery.receipts import Progress, Receipts
from ctfy_rx.delivery.slow_subscriber import Failure, report_unheard_end
from ctfy_rx.delivery.status_feed import StatusFeed, StatusSubject, failed
from ctfy_rx.delivery.subscribers import Subscribers
from ctfy_rx.errors import ConfigurationError, StreamClosed
from ctfy_rx.event import Event
from ctfy_rx.operators.retry import retry_with_backoff
from ctfy_rx.operators.share import Choice, Shared
from ctfy_rx.pipeline.logbook import logbook
from ctfy_rx.pipeline.stage import Resumable
from ctfy_rx.platform.asking import asked
from ctfy_rx.platform.questions import Identity
from ctfy_rx.recording.lines import Header
from ctfy_rx.sse import Frame
from ctfy_rx.stats import Counters
from ctfy_rx.status import Closed, Connecting, Dropped, Open, Status
from ctfy_rx.threads.consumers import Consumer, who_subscribes
from ctfy_rx.threads.loops import Drive, LoopScheduler
from ctfy_rx.threads.process import OPENED_BEFORE_FORK, OwnLock
from ctfy_rx.threads.turns import after_all

__all__ = ["Kept", "Pipeline", "Source", "Tell", "once"]

T = TypeVar("T")

_NO_PLATFORM = "this stream is not that of a platform, so there is nobody to ask: make it with events(url)"

Tell = Callable[[Status], None]
Source = Callable[[Tell], Observable[Event[Payload]]]
"""Makes the events of one connection, which tells what it is doing."""

LiveSource = Callable[[Tell], Observable[Iterator[Event[Payload]]]]
"""The same in batches, of a source that does not wait for anybody."""


class Kept(NewThreadScheduler):
    """Who subscribes with this gets the last events that were kept, at once, and then the end."""


class Pipeline(Keeper):
    """A source of events, shared: built once for a root stream, held by all that derive from it, whose
    subscribers it keeps."""

    def __init__(
        self,
        name: str,
        source: Source | LiveSource,
        *,
        live: bool = False,
        cold: bool = False,
        autoconnect: bool = True,
        linger: float = 0.0,
        keep: int = 0,
        platform: Frames | None = None,
        competition: str | None = None,
        receipts: Receipts | None = None,
    ) -> None:
        self.name = name
        self.platform = platform  # where to ask, None for events from elsewhere
        self.of_platform = None if platform is None else platform.of_platform
        self.competition = competition  # the one contest that the stream is narrowed to
        # Those of a source that acknowledges, else ours. A cold stream may give a million events, and is
        # read from its start, so nobody needs to know how far all are.
        self.receipts = receipts if cold else receipts or Receipts()
        self._progress = Progress(self.receipts or Receipts(), lambda: self.closed)
        self.drive = Drive()  # of the opening that was the last
        self._status = StatusSubject()
        self._status.feed.subscribe(logbook(name))
        self._left: StatusSubject | None = None  # in a forked child, instead
        self.counters = Counters()
        self.cursor: Callable[[], str | None] = lambda: self._progress.cursor
        self.header: Callable[[], Header] = lambda: Header.now(name)
        self.identity: Callable[[], Identity | None] = lambda: None
        self.names: Any = None  # what `ContestStreams.names` keeps here
        self.live = live  # its source is one that does not wait for anybody
        self.cold = cold  # each subscriber has a source of its own, which waits for it
        self.kept: deque[Event[Payload]] = deque(maxlen=keep)
        self.closed = False
        self._source = source
        self._state = OwnLock()
        self.subscribers = Subscribers(self._is_at_the_root)
        self._loops: WeakSet[Consumer] = WeakSet()  # they may have events though all have come to them
        self._failures: deque[Exception] = deque(maxlen=8)  # of the source itself
        self.events: Shared[Event[Payload]] | Cold[Event[Payload]]
        if cold:
            self.events = Cold(self._open, self.counters)
        else:
            self.events = Shared(
                Observable(self._open),
                batches=live,
                key=attrgetter("event"),
                autoconnect=autoconnect,
                linger=linger,
                receipts=self.receipts,
            )

    def __repr__(self) -> str:
        return f"{self.name} ({self.status.current}, {self.subscribers.subscribed} subscribed)"

    @property
    def status(self) -> StatusFeed:
        """What the connection is doing; for a forked child, what has become of its parent's."""
        return self._told.feed

    @property
    def _told(self) -> StatusSubject:
        if self._left is None and self.is_of_the_parent:
            self._left = StatusSubject()
            self._left.end(Closed(StreamClosed(OPENED_BEFORE_FORK)))
        return self._left or self._status

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """That drives the connection, unless threads do, or nothing is open, or it is gone."""
        return self.drive.loop

    @property
    def is_of_the_parent(self) -> bool:
        """Whether this process is a child, forked from the one that holds the connection: it has none of that
        one's threads, and must not touch the socket that they share."""
        return self.events.is_of_the_parent

    def refuse_in_a_forked_child(self) -> None:
        """Raise `StreamClosed` in a child of the process that holds the connection."""
        if self.is_of_the_parent:
            raise StreamClosed(OPENED_BEFORE_FORK)

    def drops(self) -> Drops:
        """What counts the drops of a slow consumer, and tells the status of them."""
        return Drops(lambda total: self._told.emit(Dropped(total)), self.counters.count_drop)

    def timer(self, scheduler: abc.SchedulerBase | None) -> abc.SchedulerBase:
        """What gives the time to a subscription: its own scheduler, the loop that reads, else threads."""
        if scheduler is not None:
            return scheduler
        return TimeoutScheduler.singleton() if self.loop is None else LoopScheduler(self.loop)

    def ask(
        self, steps: Callable[[], Steps[T]], *, public: bool = False, attempts: int | None = None
    ) -> Observable[T]:
        """What the platform answers, as `asked`: asked again while it is in trouble, at most `attempts`
        times in a row, and no longer than the stream is open."""

        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            if self.platform is None:
                raise ConfigurationError(_NO_PLATFORM)
            if scheduler is None and self.loop is not None:
                scheduler = LoopScheduler(self.loop)
            answer = asked(self.platform, steps, public=public)
            patient = answer.pipe(retry_with_backoff(max_attempts=attempts), ops.take(1))
            return self.attach(patient, observer, scheduler)

        return Observable(subscribe)

    def attach(
        self, source: Observable[Any], observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None
    ) -> abc.DisposableBase:
        """Subscribe `observer` to `source`, to be completed when the stream is closed."""
        if isinstance(scheduler, Kept):
            if not self._is_at_the_root(source):
                return source.subscribe(observer, scheduler=scheduler)
            for event in self.last_kept():
                if not isinstance(source, Choice) or source.wants(event.event):
                    observer.on_next(event)
            observer.on_completed()
            return Disposable()
        self.refuse_in_a_forked_child()
        consumer = who_subscribes()
        if consumer is None:
            return self._attach(source, observer, scheduler)
        if not self.cold:  # each opening of a cold stream speaks for itself
            consumer.needs(lambda: self.loop)
        with consumer.inside(self) as stands_here:
            return self._attach(source, observer, scheduler, consumer if stands_here else None)

    def _attach(
        self,
        source: Observable[Any],
        observer: abc.ObserverBase[Any],
        scheduler: abc.SchedulerBase | None,
        consumer: Consumer | None = None,
    ) -> abc.DisposableBase:
        with self._state:
            closed = self.closed
            if not closed:
                self.subscribers.add(observer, source)
            if not closed and consumer is not None:
                self._loops.add(consumer)
        if closed:
            observer.on_completed()
            return Disposable()
        self._leave_what_stands_still()
        try:
            # Not `subscribe`: the observer is one that detaches itself already, and each more of that kind
            # takes 80 ns an event.
            serve = source.serve if isinstance(source, Cold) else source._subscribe_core  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            subscription = serve(observer, scheduler)
        except BaseException:
            self.subscribers.remove(observer)
            raise

        def leave() -> None:
            if not self.is_of_the_parent:
                subscription.dispose()
                self.subscribers.remove(observer)

        return Disposable(leave)

    def connect(self, scheduler: abc.SchedulerBase | None) -> abc.DisposableBase:
        """Open the connection, and keep it open until what this returns is disposed."""
        self._leave_what_stands_still()
        return self.events.connect(scheduler)

    def _leave_what_stands_still(self) -> None:
        """A connection that only lingers, on a loop that does not run, serves nobody who comes."""
        loop = self.loop
        if loop is not None and not loop.is_running():
            self.events.leave_if_idle()

    # Who keeps an eye on the subscribers

    @override
    def raised(self, error: BaseException, item: object, *, goes_on: bool) -> None:
        """A callback raised: it is reported, and its event is not acknowledged."""
        self._fail_receipt()
        super().raised(error, item, goes_on=goes_on)

    @override
    def ended(self, failure: Failure) -> None:
        """A subscriber has ended that had no `on_error`: the log and the status tell, and whoever waits if
        nobody is left."""
        self._fail_receipt()
        if not self.refuses(failure.error):  # not it alone: the stream has failed
            report_unheard_end(failure.error)
            return
        super().ended(failure)
        self._told.emit(failed(failure))
        self.subscribers.has_ended_unheard(failure.error)

    @override
    def refuses(self, error: Exception) -> bool:
        """A subscriber, yes; the stream's own failure is everybody's."""
        return all(failure is not error for failure in self._failures)

    @property
    def abandoned(self) -> Exception | None:
        """The error with which the last subscriber has ended, if nobody heard of it and nobody is left; None
        where the stream was closed."""
        return None if self.closed else self.subscribers.abandoned

    def _fail_receipt(self) -> None:
        receipt = self.receipts.current if self.receipts is not None else None
        if receipt is not None:
            receipt.fail()

    def _is_at_the_root(self, source: Observable[Any]) -> bool:
        """Whether it is all events, or a choice of them by name."""
        return source is self.events or isinstance(source, Choice)

    def choice(self, wants: Callable[[str], bool]) -> Choice[Event[Payload]] | None:
        """The events whose names it `wants`; None where each subscriber has a source of its own."""
        return self.events.choice(wants) if isinstance(self.events, Shared) else None

    def wants(self, name: str) -> bool:
        """Whether anybody wants events of that name."""
        return bool(self.kept.maxlen) or not isinstance(self.events, Shared) or self.events.wants(name)

    def last_kept(self) -> tuple[Event[Payload], ...]:
        """The events that were kept, as they are now."""
        while True:
            with suppress(RuntimeError):  # one came meanwhile
                return tuple(self.kept)

    def is_open(self) -> bool:
        """Whether a connection is open, and so where in the log it began is known; or all has ended."""
        return not self.live or isinstance(self.status.current, (Open, Closed))

    def close(self) -> None:
        """End everything, once; from any thread, also from a callback. Does nothing in a forked child."""
        if self.is_of_the_parent:
            return
        with self._state:
            closes, self.closed = not self.closed, True
        if closes:
            self._told.of_connection()  # instead of the one that is open: the last word is ours
            self._end_consumers()
            self._told.end(Closed())

    def _end_consumers(self) -> None:
        """What waits in the buffers of loops is discarded, then all complete: after the items that are being
        delivered, so that nobody is completed in the middle of a call."""
        with self._state:
            loops = tuple(self._loops)

        def complete_one(observer: abc.ObserverBase[Any]) -> None:
            for loop in loops:
                loop.accept()
            complete(observer)

        def complete_the_others() -> None:
            # Those whom the end of the connection did not complete: a merge with an interval, say, would go
            # on for ever. The innermost came last and go first: what take_last, say, still holds is
            # delivered.
            for observer in reversed(tuple(self.subscribers)):
                complete(observer)

        def complete_the_loops() -> None:
            for loop in loops:
                loop.accept()
            has_ended = after_all(len(loops), complete_the_others)
            for loop in loops:
                loop.complete(has_ended)

        for loop in loops:
            loop.closed(self)
        self.events.close(complete_one, then=complete_the_loops)

    def _open(
        self, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        if self.closed:
            observer.on_completed()
            return Disposable()
        tell = self._told.of_connection()

        def on_error(error: Exception) -> None:
            self._failures.append(error)
            tell(Closed(error, reopens=True))
            observer.on_error(error)

        def on_completed() -> None:
            tell(Closed(reopens=True))
            observer.on_completed()

        # The first subscriber's scheduler chooses the driver, but its clock is its own: it may be gone before
        # the connection is.
        loop = loop_of(scheduler)
        drive = self.drive = Drive(on_error)
        consumer = who_subscribes()
        if consumer is not None:
            consumer.needs(lambda: drive.loop)
        end = CompositeDisposable(Disposable(drive.end), Disposable(tell.stop))
        try:
            if not self.live:  # of what comes from elsewhere nobody tells
                drive.by(loop)
            connection = self._source(tell).subscribe(
                self._taken(observer.on_next),
                on_error,
                on_completed,
                scheduler=scheduler if loop or self.cold else None,
            )
        except BaseException:
            end.dispose()
            raise
        return CompositeDisposable(connection, end)

    def _taken(self, give: Callable[[Any], None]) -> Callable[[Any], None]:
        """`give`, with what is done before to each event, or to each batch of a live source."""
        kept, counters, progress = self.kept, self.counters, self._progress

        def batch(events: Iterator[Event[Payload]]) -> None:
            for event in events:
                if self.closed:
                    self._fail_receipt()
                    return
                kept.append(event)
                give((event,))

        def one(event: Event[Payload]) -> None:
            counters.events += 1
            kept.append(event)
            if event.cursor is None:
                give(event)
            else:
                progress.deliver(event.cursor, lambda: give(event))

        def alone(event: Event[Payload]) -> None:
            kept.append(event)
            give(event)
            if event.cursor is not None:
                progress.cursor = event.cursor

        if self.live:  # it tells its cursor itself
            return batch if kept.maxlen else give
        return alone if self.cold else one  # a cold one is counted by itself


def once(source: Resumable, on_status: Callable[[Status], None]) -> Observable[list[Frame]]:
    """One connection for each subscription, which tells its status; it ends as the connection does."""

    def subscribe(
        observer: abc.ObserverBase[list[Frame]], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        session = source.session()
        session.on_open = lambda: on_status(Open())
        on_status(Connecting())
        return source.connect(session).subscribe(observer, scheduler=scheduler)

    return Observable(subscribe)
