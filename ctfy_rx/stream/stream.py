"""`EventStream`: events as people use them: subscribed to, iterated over, composed, kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from reactivex import Observable
from reactivex import operators as ops
from typing_extensions import TypeVar, override

from ctfy_rx.catalogue import Payload
from ctfy_rx.contest.eventual import Eventual
from ctfy_rx.contest.merge_alongside import merge_alongside
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.pipeline.kept import Kept
from ctfy_rx.pipeline.lineage import remembering
from ctfy_rx.pipeline.pipeline import Pipeline, Source, Tell
from ctfy_rx.recording.lines import Header
from ctfy_rx.recording.recorder import EVERY
from ctfy_rx.recording.recording import Recording, begun
from ctfy_rx.recording.table import Events, frame_of
from ctfy_rx.status import Open, Status
from ctfy_rx.stream.iterated import IteratedStream
from ctfy_rx.stream.to_table import gathered
from ctfy_rx.text.html import element, joined, page

if TYPE_CHECKING:
    from ctfy_rx.notebook import LiveView, View, ViewName

__all__ = ["EventStream"]

P = TypeVar("P", bound=Payload, covariant=True, default=Payload)  # noqa: PLC0105 - EventStream[P]
Q = TypeVar("Q", bound=Payload)

_NAMES = 1.0  # seconds


@remembering
class EventStream(IteratedStream[P]):
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
        nothing = self.selected(lambda _: False)  # of no name: an event that only this would want is not made
        return Eventual(merge_alongside(listening)(self.derived(nothing)))

    @override
    def share(self) -> EventStream[P]:
        """This stream, whose connection is shared already; of a cold one, such as `replay` gives, a stream
        that plays once for all who subscribe."""
        return cast("EventStream[P]", self._shared()) if self._pipeline.cold else self

    def _shared(self) -> EventStream:
        return EventStream.over(self, name=self._pipeline.name, header=self._pipeline.header)

    @override
    def named(self) -> Self:
        stream, names, earlier = super().named(), self.names, self._earlier

        def earlier_ones(since: str) -> Iterable[Event[Any]]:
            rows = earlier(since) if earlier is not None else ()
            return [names.directory.named(row) for row in rows]  # as known by now

        stream._earlier = earlier and earlier_ones  # noqa: SLF001 - one of us
        return stream

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
        there, for the whole stream, also with names; a derived one says in the log that it lacks it. Keeps
        the connection open.

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

    def _root(self) -> EventStream[Payload]:
        return EventStream(self._pipeline, self._pipeline.events)

    def _stream(self, source: Observable[Any]) -> EventStream[Any]:
        return EventStream(self._pipeline, source)
