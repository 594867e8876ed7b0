"""`events`: the event stream of a platform, as people use it."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from types import TracebackType
from typing import Any, NoReturn, Self, cast, overload

import httpx
from reactivex import Observable, abc
from typing_extensions import TypeVar, Unpack, override

from ctfy_rx import operators as op
from ctfy_rx.catalogue import AchievementUnlocked, AnnouncementCreated, FlagCorrect, FlagWrong, Payload
from ctfy_rx.connection import ClientFactory, FramesOptions, Token, frames
from ctfy_rx.environment import url_and_token, with_environment
from ctfy_rx.errors import ConfigurationError, StreamClosed
from ctfy_rx.event import Event
from ctfy_rx.feed import StatusFeed
from ctfy_rx.fluent import ItemKeeping
from ctfy_rx.iterators import AsyncItems, Items
from ctfy_rx.loop import refuse_coroutine_functions, running_loop
from ctfy_rx.operators.solves import DEFAULT_MAX_KEYS
from ctfy_rx.pipeline import Pipeline, once
from ctfy_rx.reconnect import is_transient
from ctfy_rx.status import Closed, Dropped, Open, Status

__all__ = ["EventStream", "events"]

P = TypeVar("P", bound=Payload, covariant=True, default=Payload)  # noqa: PLC0105 - EventStream[P]
Q = TypeVar("Q", bound=Payload)


class EventStream(ItemKeeping[Event[P]]):
    """The events of a platform, or a choice of them: subscribe to it, iterate over it, compose it.

    A stream is made by `events`. It holds no connection until somebody subscribes; all subscribers, and those
    of every stream derived from it, share one. The domain's operators and reactivex's own that keep the item
    give a stream again; the others, and `pipe`, a plain `Observable`.

    Callbacks run where the connection is read: on its thread, or on its event loop if the first to subscribe
    was asynchronous. One that raises is reported under the logger ``ctfy_rx`` and goes on with the next
    event.
    """

    def __init__(self, pipeline: Pipeline, source: Observable[Event[P]]) -> None:
        super().__init__()
        self._pipeline = pipeline
        self._source = source

    @classmethod
    def over(
        cls, source: Observable[Event], *, name: str = "of events", autoconnect: bool = True
    ) -> EventStream:
        """A stream of events that come from elsewhere: a recording, a test, a message queue.

        The first subscriber subscribes to `source`, all others share that, and it ends as `source` does.
        `name` stands in the stream's repr.

        >>> import reactivex
        >>> stream = EventStream.over(reactivex.of(Event("flag_correct", "{}"), Event("flag_wrong", "{}")))
        >>> [event.event for event in stream.wrong_answers()]
        ['flag_wrong']
        """

        def opened(tell: Callable[[Status], None]) -> Observable[Event]:
            tell(Open())
            return source

        pipeline = Pipeline(name, opened, autoconnect=autoconnect)
        return EventStream(pipeline, pipeline.events)

    def __repr__(self) -> str:
        return f"<EventStream {self._pipeline!r}>"

    # What it is made of

    @property
    def status(self) -> StatusFeed:
        """What the connection is doing: the current `Status` at once, then each change. Opens no connection.

        ::

            idle--connecting--open-----waiting(4 s)--connecting--open-----closed|
        """
        return self._pipeline.status

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

        Raises `StreamClosed` after `close()`, and TypeError for a coroutine function: those go to `each`.
        """
        self._refuse_if_closed()
        refuse_coroutine_functions(on_next, on_error, on_completed)
        return super().subscribe(on_next, on_error, on_completed, scheduler=scheduler)

    def _subscribe_core(
        self, observer: abc.ObserverBase[Event[P]], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return self._pipeline.attach(self._source, observer, scheduler)

    def _refuse_if_closed(self) -> None:
        if self._pipeline.closed:
            raise StreamClosed("the stream is closed: make a new one with ctfy_rx.events(...)")

    def connect(self, scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        """Open the connection now, and keep it open until the stream, or what this returns, is closed or
        disposed.

        For several subscribers that must all see it from its start: ``events(..., autoconnect=False)``,
        subscribe, connect. An `AsyncIOScheduler` has its loop drive the connection.
        """
        self._refuse_if_closed()
        return self._pipeline.events.connect(scheduler)

    # Iterating

    def __iter__(self) -> Items[Event[P]]:
        self._refuse_to_block_its_loop()
        return Items(self, on_drop=self._dropped)

    def __aiter__(self) -> AsyncItems[Event[P]]:
        return AsyncItems(self, on_drop=self._dropped)

    def _refuse_to_block_its_loop(self) -> None:
        loop = running_loop()
        if loop is not None and loop is self._pipeline.loop:
            raise ConfigurationError(
                "this would block the event loop that reads the stream, for ever: "
                "write `async for event in stream`, or `await stream.next_event()`"
            )

    def _dropped(self, total: int) -> None:
        self.status.emit(Dropped(total))

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
                    return event
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimeoutError(f"no event came within {timeout} s") from None
        raise StreamClosed("the stream ended before an event came")

    async def each(self, handler: Callable[[Event[P]], Awaitable[object]]) -> None:
        """Await `handler(event)` for each event, one after another, until the stream ends or the handler
        raises.

        Events that come meanwhile wait, as they do in ``async for``.
        """
        async with AsyncItems(self, on_drop=self._dropped) as items:
            async for event in items:
                handled = handler(event)
                if not inspect.isawaitable(handled):
                    raise TypeError("each() awaits a coroutine function: for a plain one write subscribe()")
                await handled

    def __await__(self) -> NoReturn:
        raise TypeError(
            "a stream cannot be awaited: write `await stream.next_event()`, or `async for event in stream`"
        )

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the stream ends (True) or `timeout` seconds have passed (False); a script's last line.

        Keeps the connection open meanwhile, and raises what the stream fails with, or has failed with. Ctrl-C
        closes the stream.
        """
        self._refuse_to_block_its_loop()
        ended_before = self.status.current
        if isinstance(ended_before, Closed):
            if ended_before.cause is not None:
                raise ended_before.cause
            return True
        ended = threading.Event()
        failures: list[Exception] = []

        def on_error(error: Exception) -> None:
            failures.append(error)
            ended.set()

        try:
            subscription = self.subscribe(on_error=on_error, on_completed=ended.set)
        except StreamClosed:
            return True
        try:
            ended.wait(timeout)
        except KeyboardInterrupt:
            self.close()
            ended.set()
        finally:
            subscription.dispose()
        if failures:
            raise failures[0]
        return ended.is_set()

    # Ending

    def close(self) -> None:
        """End the stream and all that is derived from it: consumers complete, the connection closes. Returns
        at once.

        From any thread, at any moment, as often as you like.
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
        return self.derived(op.distinct_by(key, max_keys=max_keys)(self))

    def wrong_answers(self) -> EventStream[FlagWrong]:
        """Every wrong answer."""
        return self._with(op.wrong_answers())

    def achievements(self) -> EventStream[AchievementUnlocked]:
        """Every achievement that somebody unlocked."""
        return self._with(op.achievements())

    def announcements(self) -> EventStream[AnnouncementCreated]:
        """Every new announcement, by its id."""
        return self._with(op.announcements())

    def instances(self) -> EventStream[Payload]:
        """Everything that happens to instances (boxes)."""
        return self._with(op.instances())

    def where(self, **fields: Any) -> Self:
        """The events whose data have these fields with these values. See `operators.where`."""
        return self.derived(op.where(**fields)(self))

    def by_competition(self, competition_id: str, /) -> Self:
        """The events of one contest. See `operators.by_competition`."""
        return self.derived(op.by_competition(competition_id)(self))

    def by_actor(self, actor_id: str, /) -> Self:
        """The events that one actor caused. See `operators.by_actor`."""
        return self.derived(op.by_actor(actor_id)(self))

    @override
    def share(self) -> Self:
        """This stream: its connection is shared already."""
        return self

    def _with(self, operator: Callable[[Observable[Any]], Observable[Event[Q]]]) -> EventStream[Q]:
        return EventStream(self._pipeline, operator(self))


def events(
    url: str | httpx.URL | None = None,
    *,
    token: Token = None,
    client_factory: ClientFactory | None = None,
    path: str | None = None,
    auto_reconnect: bool = True,
    autoconnect: bool = True,
    linger: float = 0.0,
    initial: float = 1.0,
    maximum: float = 30.0,
    factor: float = 2.0,
    jitter: float = 0.5,
    reset_after: float = 60.0,
    max_attempts: int | None = None,
    retry_if: Callable[[Exception], bool] = is_transient,
    **options: Unpack[FramesOptions],
) -> EventStream:
    """The event stream of a platform, or of any SSE server. Nothing is opened until somebody subscribes.

    `url` without a path is the platform's root (``/api/v1/events`` is added), with a path it is taken as it
    is. Without `url`, ``CTFY_PLATFORM_URL`` names the platform and ``CTFY_TOKEN`` holds the token, which goes
    to no other origin. `token` may be a callable, asked at each attempt. `client_factory` makes the client of
    each connection, and its base URL counts. With `auto_reconnect` False the first loss ends the stream with
    its error, and a clean end completes it. With `autoconnect` False only `EventStream.connect` opens the
    connection. It stays open for `linger` seconds after the last subscriber has left. `initial` to `retry_if`
    are those of `operators.retry_with_backoff`, all other options those of `frames`.

    Raises `ConfigurationError` for what cannot work, TypeError for an option that does not exist.

    >>> stream = events("http://localhost:8100", token="pt_secret")
    >>> stream.status
    <Status: idle: the first subscriber opens the connection>
    >>> solves = stream.solves().filter(lambda event: event.payload.solve_time_s < 60)
    >>> stream.close()
    """
    url = None if url is None else str(url)
    if client_factory is None or (url and not url.startswith("/")):
        url, token = url_and_token(url, path, token)
    elif callable(client_factory):
        client_factory, token = with_environment(client_factory, token)
    source = frames(url, token=token, client_factory=client_factory, path=path, **options)
    reconnecting = partial(
        op.retry_with_backoff,
        initial,
        maximum,
        factor,
        jitter=jitter,
        reset_after=reset_after,
        max_attempts=max_attempts,
        retry_if=retry_if,
    )
    reconnecting()  # what cannot work is refused here, not at the first subscriber

    def connection(tell: Callable[[Status], None]) -> Observable[Event]:
        kept_open = reconnecting(on_status=tell)(source) if auto_reconnect else once(source, tell)
        return op.parse()(kept_open)

    pipeline = Pipeline(source.address, connection, autoconnect=autoconnect, linger=linger)
    return EventStream(pipeline, pipeline.events)
