"""What every stream has: one pipeline, its status, its subscribers, its end."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from reactivex import Observable, abc
from typing_extensions import TypeVar, override

from ctfy_rx.catalogue import Payload
from ctfy_rx.contest.streams import ContestStreams
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.delivery.status_feed import StatusFeed
from ctfy_rx.errors import StreamClosed
from ctfy_rx.event import Event
from ctfy_rx.pipeline.kept import Kept
from ctfy_rx.pipeline.pipeline import Pipeline
from ctfy_rx.recording.recorder import Earlier
from ctfy_rx.stats import Stats

__all__ = ["SharedStream"]

P = TypeVar("P", bound=Payload, covariant=True, default=Payload)  # noqa: PLC0105 - as in `stream`


class SharedStream(ContestStreams[P]):
    """A stream that shares one connection with all that are derived from the same root."""

    def __init__(
        self, pipeline: Pipeline, source: Observable[Event[P]], *, earlier: Earlier | None = None
    ) -> None:
        super().__init__()
        self._pipeline = self._keeper = pipeline
        self._source = source
        self._earlier = earlier

    @property
    def status(self) -> StatusFeed:
        """What the connection is doing: the current `Status` at once, then each change. Opens no connection.

        ::

            idle--connecting--open-----waiting(4 s)--connecting--open-----closed|

        States are `Idle`, `Connecting`, `Open`, `Waiting` and `Closed`, of which one is ``status.current``;
        news are `Gap`, `Late`, `Lagging`, `Dropped`, `NoContest` and `SubscriberFailed`. ``print`` says each
        as a sentence; ``help(stream.status)`` has what they hold.
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
