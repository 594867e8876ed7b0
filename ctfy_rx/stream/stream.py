"""`EventStream`: events as people use them: subscribed to, iterated over, composed, kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast, overload

from reactivex import Observable, abc
from reactivex import operators as ops
from typing_extensions import TypeVar, override

from ctfy_rx import operators as op
from ctfy_rx.catalogue import AchievementUnlocked, FlagCorrect, FlagWrong, Payload
from ctfy_rx.contest.alongside import alongside
from ctfy_rx.contest.eventual import Eventual
from ctfy_rx.contest.streams import ContestStreams
from ctfy_rx.delivery.buffer import DEFAULT_BUFFER, Policy, check_buffer
from ctfy_rx.delivery.composed import Composed
from ctfy_rx.delivery.handling import OnHandlerError, check_on_error, handled
from ctfy_rx.delivery.iterators import AsyncItems, Items
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.delivery.status_feed import StatusFeed
from ctfy_rx.delivery.subscribers import only_waiting
from ctfy_rx.errors import ConfigurationError, StreamClosed
from ctfy_rx.event import Event
from ctfy_rx.operators.of_event import selected
from ctfy_rx.operators.solves import DEFAULT_MAX_KEYS
from ctfy_rx.pipeline.lineage import remembering
from ctfy_rx.pipeline.pipeline import Kept, Pipeline, Source, Tell
from ctfy_rx.recording.lines import Header
from ctfy_rx.recording.recorder import EVERY, Earlier
from ctfy_rx.recording.recording import Recording, begun
from ctfy_rx.recording.table import Events, frame_of
from ctfy_rx.stats import Stats
from ctfy_rx.status import Closed, Open, Status
from ctfy_rx.stream.to_table import gathered
from ctfy_rx.text.html import element, joined, page
from ctfy_rx.threads.consumers import Consumer
from ctfy_rx.threads.waiting import Alarm

if TYPE_CHECKING:
    from ctfy_rx.notebook import LiveView, View, ViewName

__all__ = ["EventStream"]

P = TypeVar("P", bound=Payload, covariant=True, default=Payload)  # noqa: PLC0105 - EventStream[P]
Q = TypeVar("Q", bound=Payload)

_NAMES = 1.0  # seconds


@remembering
class EventStream(ContestStreams[P]):
    """The events of a platform, or a choice of them: subscribe to it, iterate over it, compose it.

    A stream is made by `events`. It holds no connection until somebody subscribes; all subscribers, and those
    of every stream derived from it, share one. The domain's operators and reactivex's own that keep the item
    give a stream again; the others, and `pipe`, a plain `Observable`.

    All callbacks run on one thread, in order, or on the event loop that reads the connection if the first to
    subscribe was asynchronous; what takes long stands behind `buffered`. A callback that raises is reported
    under the logger ``ctfy_rx`` and goes on with the next event. A function of an operator that raises ends
    its subscription: ``on_error`` is called, or else the log and the status say so, and `wait` raises it when
    nobody is left.
    """

    def __init__(
        self, pipeline: Pipeline, source: Observable[Event[P]], *, earlier: Earlier | None = None
    ) -> None:
        super().__init__()
        self._pipeline = self._keeper = pipeline
        self._source = source
        self._earlier = earlier

    @classmethod
    def over(
        cls,
        source: Observable[Event] | Source,
        *,
        name: str = "of events",
        autoconnect: bool = True,
        linger: float = 0.0,
        cold: bool = False,
        keep: int = 0,
        header: Callable[[], Header] | None = None,
        receipts: Receipts | None = None,
    ) -> EventStream:
        """A stream of events that come from elsewhere: a test, a message queue, another stream.

        The first subscriber subscribes to `source`, all others share that, and it ends as `source` does. With
        `cold` each subscriber subscribes to it anew, and iterators have it wait where it is faster than they
        are. `source` may also be a function that makes it; it is given what tells the `status`. `name` stands
        in the stream's repr. The last `keep` events are kept for `recent`. `header` makes what a recording of
        it begins with. `receipts` are those of a source that acknowledges what its subscribers are done with.

        >>> import reactivex
        >>> stream = EventStream.over(reactivex.of(Event("flag_correct", "{}"), Event("flag_wrong", "{}")))
        >>> [event.event for event in stream.wrong_answers()]
        ['flag_wrong']
        """

        def opened(tell: Tell) -> Observable[Event]:
            def noted(status: Status) -> None:
                pipeline.counters.note(status)
                tell(status)

            if callable(source):
                return source(noted)
            noted(Open())
            return source

        pipeline = Pipeline(
            name,
            opened,
            cold=cold,
            autoconnect=autoconnect,
            linger=linger,
            keep=keep,
            receipts=receipts,
        )
        pipeline.header = header or pipeline.header
        return EventStream(pipeline, pipeline.events)

    def __repr__(self) -> str:
        return f"<EventStream {self._pipeline!r}{self.derived_by}>"

    def _repr_html_(self) -> str:
        ways = ("live()", "solves()", 'of_event("instance_*")', "filter(…)", "status", "close()")
        told = f" {self._pipeline!r} · events so far: {self.stats.events:,}"
        how = joined((element("code", f".{way}") for way in ways), " · ")
        return page(
            element("div", element("b", "EventStream"), told),
            element("div", "go on: ", how, " · ", element("code", "for event in …"), class_="dim"),
        )

    # What it is made of

    @property
    def status(self) -> StatusFeed:
        """What the connection is doing: the current `Status` at once, then each change. Opens no connection.

        ::

            idle--connecting--open-----waiting(4 s)--connecting--open-----closed|
        """
        return self._pipeline.status

    @property
    def stats(self) -> Stats:
        """What the stream has done so far, in numbers; all streams on one connection share them."""
        return self._pipeline.counters.stats()

    @property
    def cursor(self) -> str | None:
        """What to give to ``events(since=...)`` in order to go on after the last event of the log that every
        present subscriber has returned from; None while there is none, or where the log is not read.

        A ``for`` loop has returned from an event when it asks for the next, so in its body this is the cursor
        of the event before. What waits in a buffer when the stream is closed is not counted, what a buffer
        has dropped is. Of operators that hold events back (``debounce``, ``observe_on``) nothing is known:
        there, and where an app must repeat none, keep `Event.cursor` with what you made of the event.
        """
        return self._pipeline.cursor()

    @property
    def receipts(self) -> Receipts | None:
        """Where whoever keeps an event for later, as a ``for`` loop does, finds its receipt; None for a
        cold stream."""
        return self._pipeline.receipts

    @property
    @override
    def closed_with(self) -> object:
        """What all streams have in common that `close` closes together."""
        return self._pipeline

    def derived(self, source: Observable[Any]) -> Self:
        """A stream on the same connection, of the events of `source`; what the operators return."""
        return type(self)(self._pipeline, source)

    # Subscribing

    @override
    def subscribe(
        self,
        on_next: abc.ObserverBase[Event[P]] | abc.OnNext[Event[P]] | None = None,
        on_error: abc.OnError | None = None,
        on_completed: abc.OnCompleted | None = None,
        *,
        scheduler: abc.SchedulerBase | None = None,
    ) -> abc.DisposableBase:
        """As reactivex's; the first subscriber opens the connection, the last one out closes it.

        Raises `StreamClosed` after `close()`, and in a forked child if the stream was open before; TypeError
        for a coroutine function: those go to `each`.
        """
        if not isinstance(scheduler, Kept):
            self._refuse_if_closed()
        return super().subscribe(on_next, on_error, on_completed, scheduler=scheduler)

    def _subscribe_core(
        self, observer: abc.ObserverBase[Event[P]], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return self._pipeline.attach(self._source, observer, scheduler)

    def _refuse_if_closed(self) -> None:
        self._pipeline.refuse_in_a_forked_child()
        if self._pipeline.closed:
            raise StreamClosed("the stream is closed: make a new one with ctfy_rx.events(...)")

    def connect(self, scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        """Open the connection now, and keep it open until the stream, or what this returns, is closed or
        disposed.

        For several subscribers that must all see it from its start: ``events(..., autoconnect=False)``,
        subscribe, connect. An `AsyncIOScheduler` has its loop drive the connection.
        """
        self._refuse_if_closed()
        return self._pipeline.connect(scheduler)

    def live(self, view: ViewName | View = "items", *, rows: int = 10) -> LiveView:
        """Show these events, with names, here, in this cell or on this terminal, while they come. See
        `notebook.live`.

        `view` is ``"items"``, the last `rows` of them, ``"race"``, ``"heat"``, ``"rate"``, or a view of your
        own.
        """
        from ctfy_rx.notebook import live  # noqa: PLC0415 - loaded by those who look

        self._refuse_if_closed()
        names = self.names
        keeping = names.use(self._pipeline.timer(None))
        try:
            if self._pipeline.platform is not None:
                names.wait(_NAMES)  # so that the first events have names too: later ones wait for none
            return live(self.named(), view, rows=rows)
        finally:
            keeping.dispose()

    def opened(self) -> Eventual[Open]:
        """The moment from which it hears everything: ``await stream.opened()``, or ``.wait()``, before you do
        what you want to hear of. Opens the connection, and keeps it open no longer than that: subscribe
        first."""
        listening = self.status.pipe(ops.filter(lambda status: isinstance(status, Open)))
        return Eventual(alongside(listening)(self.ignore_elements()))

    # Iterating

    def __iter__(self) -> Items[Event[P]]:
        items = Items(self, drops=self._pipeline.drops(), waits=self._pipeline.cold)
        items.refuse_to_block()
        return items

    def __aiter__(self) -> AsyncItems[Event[P]]:
        return AsyncItems(self, drops=self._pipeline.drops(), waits=self._pipeline.cold)

    async def next_event(self, timeout: float | None = None) -> Event[P]:  # noqa: ASYNC109 - the one usual wait
        """The next event that comes from now on.

        What comes between two calls is not waited for, and the connection closes between them unless
        something else keeps it open (another subscriber, `connect`, ``events(linger=...)``): for all events,
        write ``async for``.

        Raises TimeoutError after `timeout` seconds, `StreamClosed` if the stream ends before, and what the
        stream fails with.
        """
        limit = asyncio.timeout(timeout)
        try:
            async with limit, AsyncItems(self) as items:
                async for event in items:
                    items.done()
                    return event
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimeoutError(f"no event came within {timeout} s") from None
        raise StreamClosed("the stream ended before an event came")

    async def each(
        self, handler: Callable[[Event[P]], Awaitable[object]], *, on_error: OnHandlerError = "raise"
    ) -> None:
        """Await `handler(event)` for each event, one after another, until the stream ends.

        Events that come meanwhile wait, as they do in ``async for``. What the handler raises ends this, or,
        with ``on_error="log"``, is logged under ``ctfy_rx``, and the next event has its turn: for a bot that
        must outlive a chat service's bad moment. A cancellation of the task ends it in any case.

        Raises `ConfigurationError` for another `on_error`.
        """
        check_on_error(on_error)
        async with aiter(self) as items:
            async for event in items:
                if not await handled(handler, event, on_error=on_error):
                    items.done(failed=True)

    def __await__(self) -> NoReturn:
        raise TypeError(
            "a stream cannot be awaited: write `await stream.next_event()`, or `async for event in stream`"
        )

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the stream ends (True) or `timeout` seconds have passed (False); a script's last line.

        Keeps the connection open meanwhile, and raises what the stream fails with, or has failed with, and
        `ConfigurationError` on the event loop that reads it. Where nobody is left subscribed, because an
        operator's function raised and there was no ``on_error`` to hear of it, raises that. Ctrl-C ends the
        wait with `KeyboardInterrupt`, as it ends any other, and leaves the stream as it is.
        """
        self._raise_if_abandoned()
        ended_before = self.status.current
        if isinstance(ended_before, Closed):
            if ended_before.cause is not None:
                raise ended_before.cause
            return True
        ended = Alarm()
        failures: list[Exception] = []

        def on_error(error: Exception) -> None:
            failures.append(error)
            ended.set()

        consumer = Consumer()
        try:
            # Of no name: an event that only this would want need not be made.
            end = self.derived(self.selected(lambda _: False))
            with only_waiting(), consumer.subscribing(end):
                subscription = end.subscribe(on_error=on_error, on_completed=ended.set)
        except StreamClosed:
            return True
        watching = self._pipeline.subscribers.when_abandoned(on_error)
        try:
            consumer.refuse_to_block()
            has_ended = ended.wait(timeout)
        finally:
            watching.dispose()
            subscription.dispose()
        if failures:
            raise failures[0]
        if has_ended:
            self._raise_if_abandoned()
        return has_ended

    def _raise_if_abandoned(self) -> None:
        error = self._pipeline.abandoned
        if error is not None:
            raise error

    # Ending

    def close(self) -> None:
        """End the stream and all that is derived from it: consumers complete, the connection closes. Returns
        at once.

        No further event comes; what waits in the buffers of loops is discarded, and the log tells its number.
        What operators such as `take_last` hold still comes. From any thread, at any moment, as often as you
        like; in a forked child it ends nothing of its parent's.
        """
        self._pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The domain's operators

    @overload
    def of_event(self, name: type[Q], /) -> EventStream[Q]: ...
    @overload
    def of_event(self, *names: str | type[Payload]) -> EventStream[Payload]: ...
    def of_event(self, *names: str | type[Payload]) -> EventStream[Any]:
        """The events of some names: names, patterns, payload classes. See `operators.of_event`."""
        return self._with(op.of_event(*cast("tuple[str, str]", names)))

    def solves(self, *, max_keys: int = DEFAULT_MAX_KEYS) -> EventStream[FlagCorrect]:
        """The first right answer of each team to each flag. See `operators.solves`."""
        return self._with(op.solves(max_keys=max_keys))

    def solved_challenges(self, *, max_keys: int = DEFAULT_MAX_KEYS) -> EventStream[FlagCorrect]:
        """The answers that finished a challenge, once for each team. See `operators.solved_challenges`."""
        return self._with(op.solved_challenges(max_keys=max_keys))

    def distinct_by(self, key: Callable[[Event[P]], Hashable], *, max_keys: int = DEFAULT_MAX_KEYS) -> Self:
        """The events whose `key` is not among those met last. See `operators.distinct_by`."""
        return self.derived(self.pipe(op.distinct_by(key, max_keys=max_keys)))

    def wrong_answers(self) -> EventStream[FlagWrong]:
        """Every wrong answer."""
        return self._with(op.wrong_answers())

    def achievements(self) -> EventStream[AchievementUnlocked]:
        """Every achievement that somebody unlocked."""
        return self._with(op.achievements())

    def instances(self) -> EventStream[Payload]:
        """Everything that happens to instances (boxes)."""
        return self._with(op.instances())

    def where(self, **fields: Any) -> Self:
        """The events whose data have these fields with these values. See `operators.where`."""
        return self.derived(self.pipe(op.where(**fields)))

    def by_competition(self, competition_id: str, /, *, and_of_none: bool = False) -> Self:
        """The events of one contest. See `operators.by_competition`."""
        return self.derived(self.pipe(op.by_competition(competition_id, and_of_none=and_of_none)))

    def by_actor(self, actor_id: str, /) -> Self:
        """The events that one actor caused. See `operators.by_actor`."""
        return self.derived(self.pipe(op.by_actor(actor_id)))

    def buffered(self, size: int = DEFAULT_BUFFER, policy: Policy = "drop_oldest") -> Self:
        """These events, each subscriber with a thread and a buffer of its own; the status tells of drops. See
        `operators.buffered`.

        Raises `ConfigurationError` for ``policy="block"`` on a live stream, whose source cannot wait.
        """
        check_buffer(size, policy, source_can_wait=not self._pipeline.live)
        return self.derived(self.pipe(op.buffered(size, policy, make_drops=self._pipeline.drops)))

    @override
    def share(self) -> EventStream[P]:
        """This stream, whose connection is shared already; of a cold one, such as `replay` gives, a stream
        that plays once for all who subscribe."""
        return cast("EventStream[P]", self._shared()) if self._pipeline.cold else self

    def _shared(self) -> EventStream:
        return EventStream.over(self, name=self._pipeline.name, header=self._pipeline.header)

    # What becomes of it

    def described(self) -> Header:
        """What a recording of it says first; for a platform's, it is asked for its version."""
        return self._pipeline.header()

    def record(self, path: str | Path, *, every: float = EVERY, fsync: bool = False) -> Recording:
        """Record these events into the file at `path`, from now until the stream ends or the recording is
        stopped. ``replay(path)`` gives them again.

        ``.gz`` and ``.zst`` (with the extra ``zstd``, before Python 3.14) are compressed. Events are written
        within `every` seconds, and with `fsync` are on the disk then. A file that is there is gone on with: a
        torn end, which a crash leaves, is mended, and what the platform's log got since is fetched from
        there, for the whole stream; a derived one says in the log that it lacks it. Keeps the connection
        open.

        Raises `RecordingFailed` where the file cannot be written, or somebody else records into it,
        `BadRecording` where it is something else, and `StreamClosed`. What fails later is logged, and raised
        by `Recording.wait`.
        """
        self._refuse_if_closed()
        return begun(
            self,
            path,
            self._pipeline.header,
            every=every,
            fsync=fsync,
            waits=not self._pipeline.live,
            is_open=self._pipeline.is_open,
            earlier=self._earlier,
        )

    def recent(self, n: int | None = None) -> Events:
        """The last `n` events of this stream (None: all) among those that ``events(keep=...)`` keeps, oldest
        first; also once it is closed.

        Raises `ConfigurationError` where nothing is kept.
        """
        if not self._pipeline.kept.maxlen:
            raise ConfigurationError("nothing is kept: write events(..., keep=1000), say")
        found: list[Event[Any]] = []
        self.subscribe(found.append, scheduler=Kept()).dispose()
        return Events(found if n is None else found[max(len(found) - n, 0) :])

    def to_arrow(self, *, progress: bool | None = None) -> Any:
        """Its events as a `pyarrow.Table`, when it has ended. See `Events.to_arrow`.

        For what ends: `replay`, which is not played at its pace then, `history`, ``stream.take(100)``. Of a
        live stream take ``recent()``. Long work shows a progress bar, where somebody looks; `progress`
        decides otherwise. Raises what the stream fails with.
        """
        return gathered(self, progress=progress)

    def to_pandas(self, *, progress: bool | None = None) -> Any:
        """Its events as a `pandas.DataFrame`, when it has ended. See `to_arrow`."""
        return frame_of(self.to_arrow(progress=progress))

    def selected(self, matches: Callable[[str], bool]) -> Observable[Event[P]]:
        """The events whose name matches: what `operators.of_event` looks for in its source. `matches` is
        asked once for a name."""
        choice = self._pipeline.choice(matches) if self._source is self._pipeline.events else None
        if choice is None:
            return selected(self, matches)

        def subscribe(
            observer: abc.ObserverBase[Event[P]], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            if not isinstance(scheduler, Kept):
                self._refuse_if_closed()
            return self._pipeline.attach(choice, observer, scheduler)

        chosen = Composed(Observable(subscribe), self._pipeline)
        return chosen.for_operator() if self._feeds_operator else chosen

    def _with(self, operator: Callable[[Observable[Any]], Observable[Event[Q]]]) -> EventStream[Q]:
        return EventStream(self._pipeline, self.pipe(operator))

    def _root(self) -> EventStream[Payload]:
        return EventStream(self._pipeline, self._pipeline.events)

    def _stream(self, source: Observable[Any]) -> EventStream[Any]:
        return EventStream(self._pipeline, source)
