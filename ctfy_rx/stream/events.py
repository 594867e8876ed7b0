"""`events`: the event stream of a platform, as people use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import httpx
from reactivex import Observable
from typing_extensions import Unpack

from ctfy_rx import operators as op
from ctfy_rx.catalogue import Payload
from ctfy_rx.connection.client_maker import ClientFactory
from ctfy_rx.connection.credentials import Token, url_and_token, with_environment
from ctfy_rx.connection.frames import Frames, frames
from ctfy_rx.connection.options import FramesOptions
from ctfy_rx.contest.absence import absence
from ctfy_rx.delivery.buffer import DEFAULT_BUFFER, Policy, check_buffer
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.pipeline.pipeline import Pipeline
from ctfy_rx.pipeline.stage import Resumable, StageOptions, single_connection, staged
from ctfy_rx.platform.doorbell import LogOption
from ctfy_rx.platform.since import Place, Since, checked
from ctfy_rx.platform.whole_log import logged_now, version_of
from ctfy_rx.reconnect import Backoff, is_transient
from ctfy_rx.recording.lines import Header
from ctfy_rx.sse import Frame
from ctfy_rx.status import Status
from ctfy_rx.stream.stream import EventStream

__all__ = ["events"]


def events(
    url: str | httpx.URL | None = None,
    *,
    token: Token = None,
    client_factory: ClientFactory | None = None,
    path: str | None = None,
    auto_reconnect: bool | None = None,
    autoconnect: bool = True,
    linger: float = 0.0,
    initial: float = 1.0,
    maximum: float = 30.0,
    factor: float = 2.0,
    jitter: float = 0.5,
    reset_after: float = 60.0,
    max_attempts: int | None = None,
    retry_if: Callable[[Exception], bool] = is_transient,
    log: LogOption = "auto",
    since: Since = None,
    competition: str | None = None,
    anonymous_ok: bool = False,
    buffer: int = DEFAULT_BUFFER,
    policy: Policy = "drop_oldest",
    keep: int = 0,
    **options: Unpack[FramesOptions],
) -> EventStream:
    """The event stream of a platform, or of any SSE server. Nothing is opened until somebody subscribes.

    `url` without a path is the platform's root (``/api/v1/events`` is added), with a path it is taken as it
    is. Without `url`, ``CTFY_PLATFORM_URL`` names the platform and ``CTFY_TOKEN`` holds the token, which goes
    to no other origin. `token` may be a callable, asked at each attempt. `client_factory` makes the client of
    each connection, and its base URL counts. With `auto_reconnect` False the first loss ends the stream with
    its error, and a clean end completes it. None is True, but False where `method` is another than GET and
    HEAD: such a request is sent again only where True is written. With `autoconnect` False only
    `EventStream.connect` opens the connection. It stays open for `linger` seconds after the last subscriber
    has left. `initial` to `retry_if` are those of `operators.retry_with_backoff`, all other options those of
    `frames`.

    Where the token may read the platform's activity log, each event that it holds comes from there, once and
    in order, also those of the time before a reconnect; all other events come live. `log` False: all of them
    live; True: fail with `LogUnavailable` rather than that. `since` begins earlier than now: ``"start"`` of
    the log, a datetime (a naive one is local time), a timedelta or seconds before now, what
    `EventStream.cursor` was, or an event, or its cursor, after which to go on. Other servers have no log:
    there it is `last_event_id`, one of the options of `frames`. `competition` is the id of the one contest to
    hear: events of others are left out, those of none (signals, nodes, accounts) stay. A token that hears
    nothing is refused, or, with `anonymous_ok`, only told of by the status. `buffer` live events wait for
    slow subscribers, and `policy` says what becomes of more: ``"drop_oldest"``, ``"drop_newest"``, or
    ``"error"``. The last `keep` events, of those that came while somebody was subscribed, are kept for
    `EventStream.recent`.

    Raises `ConfigurationError` for what cannot work, TypeError for an option that does not exist.

    >>> stream = events("http://127.0.0.1:8100", token="pt_secret")
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
    reopens = _is_safe(options.get("method", "GET")) if auto_reconnect is None else auto_reconnect
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
    begins = _beginning(source, since, log)
    check_buffer(buffer, policy)
    wanted = StageOptions(
        log=log,
        since=begins,
        anonymous_ok=anonymous_ok,
        buffer=buffer,
        policy=policy,
        backoff=Backoff(initial=initial, maximum=maximum, factor=factor, jitter=jitter),
        reopens=reopens,
    )

    def kept_open(connections: Resumable, tell: Callable[[Status], None]) -> Observable[list[Frame]]:
        return reconnecting(on_status=tell)(connections) if reopens else single_connection(connections, tell)

    def connection(tell: Callable[[Status], None]) -> Observable[Iterator[Event[Payload]]]:
        return staged(source, wanted, kept_open, tell, pipeline)

    pipeline = Pipeline(
        source.address,
        connection,
        live=True,
        autoconnect=autoconnect,
        linger=linger,
        keep=keep,
        platform=source,
        competition=competition,
    )

    def header() -> Header:
        after = pipeline.cursor()  # before it waits for an answer
        return Header.now(source.address, platform_version=version_of(source), after=after)

    pipeline.header = header
    earlier = partial(logged_now, source)
    stream = EventStream(pipeline, pipeline.events, earlier=earlier if log is not False else None)
    if competition is None:
        return stream
    pipeline.status.subscribe(absence(pipeline, competition))
    return stream.by_competition(competition, and_of_none=True)


def _beginning(source: Frames, since: Since, log: LogOption) -> Place:
    if since is not None and log is False:
        raise ConfigurationError("since= reads the activity log: leave log=False away")
    if since is not None and source.of_platform is False:
        raise ConfigurationError(
            "since= reads the activity log, which only a platform has: for another server write "
            "last_event_id=, after which it goes on where it can"
        )
    return checked(since)


def _is_safe(method: object) -> bool:
    """Whether a request may be sent again without being asked: RFC 9110, 9.2.1."""
    return not isinstance(method, str) or method.upper() in {"GET", "HEAD"}
