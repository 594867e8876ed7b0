"""What a stream and all derived from it stand on: one connection, and the end of them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable
from reactivex.scheduler import TimeoutScheduler
from typing_extensions import override

from ctfy_rx.catalogue import Payload
from ctfy_rx.connection.frames import Frames
from ctfy_rx.delivery.cold import Cold
from ctfy_rx.delivery.receipts import Progress, Receipts
from ctfy_rx.event import Event
from ctfy_rx.operators.share import Choice, Shared
from ctfy_rx.pipeline.asking import Asking
from ctfy_rx.pipeline.ending import Ending
from ctfy_rx.pipeline.kept import Kept, KeptEvents
from ctfy_rx.pipeline.overseer import Overseer
from ctfy_rx.pipeline.unheard import unheard
from ctfy_rx.platform.questions import Identity
from ctfy_rx.recording.lines import Header
from ctfy_rx.status import Closed, Open, Status
from ctfy_rx.threads.consumers import Consumer, who_subscribes
from ctfy_rx.threads.loops import Drive, LoopScheduler, loop_of
from ctfy_rx.threads.process import OwnLock

__all__ = ["Pipeline", "Source", "Tell"]

Tell = Callable[[Status], None]
Source = Callable[[Tell], Observable[Event[Payload]]]
"""Makes the events of one connection, which tells what it is doing."""

LiveSource = Callable[[Tell], Observable[Iterator[Event[Payload]]]]
"""The same in batches, of a source that does not wait for anybody."""


class Pipeline(Overseer):
    """A source of events, shared: built once for a root stream, held by all that derive from it."""

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
        # A cold stream may give a million events, from its start: nobody needs to know how far all are.
        super().__init__(name, receipts if cold else receipts or Receipts())
        self.platform = platform  # where to ask, None for events from elsewhere
        self.of_platform = platform.of_platform if platform else None
        self.competition = competition  # the one contest that the stream is narrowed to
        self._progress = Progress(self.receipts or Receipts(), self.nobody_is_left)
        self.drive = Drive()  # of the opening that was the last
        self.cursor: Callable[[], str | None] = lambda: self._progress.cursor
        self.header: Callable[[], Header] = lambda: Header.now(name)
        self.identity: Callable[[], Identity | None] = lambda: None
        self.is_read_by_httpx: Callable[[], bool] = lambda: False
        self.names: Any = None  # what `ContestStreams.names` keeps here
        self.live = live  # its source is one that does not wait for anybody
        self.cold = cold  # each subscriber has a source of its own, which waits for it
        self.kept = KeptEvents(keep)
        self.ask = Asking(platform, lambda: self.loop, self.attach)
        self._source = source
        self._state = OwnLock()
        self._ending = Ending()
        self.events: Shared[Event[Payload]] | Cold[Event[Payload]] = (
            Cold(self._open, self.counters) if cold else self._shared(autoconnect=autoconnect, linger=linger)
        )
        self.status.subscribe(unheard(name, self.events.wants))

    def _shared(self, *, autoconnect: bool, linger: float) -> Shared[Event[Payload]]:
        return Shared(
            Observable(self._open),
            batches=self.live,
            key=attrgetter("event"),
            autoconnect=autoconnect,
            linger=linger,
            receipts=self.receipts,
        )

    def __repr__(self) -> str:
        reader = ", read by httpx" if self.is_read_by_httpx() and not self.closed else ""
        return f"{self.name} ({self.status.current}, {self.subscribers.subscribed} subscribed{reader})"

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """That drives the connection, unless threads do, or nothing is open, or it is gone."""
        return self.drive.loop

    @property
    @override
    def is_of_the_parent(self) -> bool:
        return self.events.is_of_the_parent

    def timer(self, scheduler: abc.SchedulerBase | None) -> abc.SchedulerBase:
        """What gives the time to a subscription: its own scheduler, the loop that reads, else threads."""
        if scheduler is not None:
            return scheduler
        return TimeoutScheduler.singleton() if self.loop is None else LoopScheduler(self.loop)

    def attach(
        self, source: Observable[Any], observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None
    ) -> abc.DisposableBase:
        """Subscribe `observer` to `source`, to be completed when the stream is closed."""
        if isinstance(scheduler, Kept):
            if not self._is_at_the_root(source):
                return source.subscribe(observer, scheduler=scheduler)
            for event in self.kept.last():
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
                self._ending.add(observer, consumer)
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

    @override
    def _is_at_the_root(self, source: Observable[Any]) -> bool:
        return source is self.events or isinstance(source, Choice)

    def choice(self, wants: Callable[[str], bool]) -> Choice[Event[Payload]] | None:
        """The events whose names it `wants`; None where each subscriber has a source of its own."""
        return self.events.choice(wants) if isinstance(self.events, Shared) else None

    def wanted(self) -> Callable[[str], object] | None:
        """What tells of a name whether anybody wants its events; None where all are wanted."""
        return self.events.wanted if isinstance(self.events, Shared) and not self.kept.maxlen else None

    def when_named(self, then: Callable[[], None], coming: Iterable[Event[Payload]]) -> None:
        """Call `then` once the names that somebody wants in the events that are `coming` are known."""
        if self.names is None:
            then()
        else:
            self.names.when_answered(then, coming)

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
        """What waits in loops' buffers is discarded, then all complete; nobody in the middle of a call."""
        with self._state:
            loops = self._ending.consumers
        busy = tuple(loop for loop in loops if loop.is_busy)

        def complete_one(observer: abc.ObserverBase[Any]) -> None:
            for loop in loops:
                loop.accept()
            self._ending.complete_unless_fed(observer, busy)

        def complete_the_others() -> None:
            # Whom the end of the connection did not complete: what is merged with an interval, or fed in the
            # middle of an item. The innermost came last and go first: what take_last holds is delivered.
            for loop in loops:
                loop.accept()
            self._ending.complete(loops, reversed(tuple(self.subscribers)))

        for loop in loops:
            loop.closed(self)
        self.events.close(complete_one, then=complete_the_others)

    def _open(
        self, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        if self.closed:
            observer.on_completed()
            return Disposable()
        tell = self._told.of_connection()

        def on_error(error: Exception) -> None:
            self.failed_with(error)
            tell(Closed(error, reopens=True))
            observer.on_error(error)

        def on_completed() -> None:
            tell(Closed(reopens=True))
            observer.on_completed()

        drive = self.drive = Drive(on_error)
        consumer = who_subscribes()
        if consumer is not None:
            consumer.needs(lambda: drive.loop)
        end = CompositeDisposable(Disposable(drive.end), Disposable(tell.stop))
        try:
            if not self.live:  # of what comes from elsewhere nobody tells
                drive.by(loop_of(scheduler))
            connection = self._source(tell).subscribe(
                self._taken(observer.on_next), on_error, on_completed, scheduler=self._that_drives(scheduler)
            )
        except BaseException:
            end.dispose()
            raise
        return CompositeDisposable(connection, end)

    def _that_drives(self, scheduler: abc.SchedulerBase | None) -> abc.SchedulerBase | None:
        """That of the first subscriber, where it is a loop's. Its clock is its own: it may be gone before the
        connection is."""
        return scheduler if loop_of(scheduler) or self.cold else None

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
