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
from ctfy_rx.contest.naming import names_of
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

    Where the token may read the platform's activity log, each event that it holds comes from there, once and
    in order, also those of the time before a reconnect; all other events come live.

    Whose events, as whom:

    - `url` = None: without a path the platform's root (``/api/v1/events`` is added), with a path it is taken
      as it is. None: that in ``CTFY_PLATFORM_URL``.
    - `path` = None: is appended to `url`, or to the base URL of `client_factory`'s clients.
    - `token` = None: the session token (``pt_…``), or a function that returns it, called at each attempt.
      None: that in ``CTFY_TOKEN``, which goes to the origin of ``CTFY_PLATFORM_URL`` alone. One that hears
      nothing is refused with `TokenRefused`.
    - `anonymous_ok` = False: True goes on without a good token, with signals alone, and `status` says so.
    - `competition` = None: the id of the one contest to hear. Events of others are left out, those of none
      (signals, nodes, accounts) stay; `NoContest` on `status` where there is no such contest.

    From where on:

    - `since` = None: begins earlier than now: ``"start"`` of the log, a datetime (a naive one is local time),
      a timedelta or seconds before now, what `EventStream.cursor` was, or an event, or its cursor, after
      which to go on. Other servers have no log: there it is `last_event_id`.
    - `log` = 'auto': reads the log where it can; False: all events live; True: `LogUnavailable` rather than
      that.

    How long it is open:

    - `autoconnect` = True: the first subscriber opens the connection; False: `EventStream.connect` does.
    - `linger` = 0.0: seconds for which it stays open after the last subscriber has left.
    - `auto_reconnect` = None: True, but False where `method` is another than GET and HEAD: such a request is
      sent again only where True is written. With False the first loss ends the stream with its error, and a
      clean end completes it.
    - `initial` = 1.0, `maximum` = 30.0: seconds before a new attempt, after the first failure and at most;
      `factor` = 2.0: how much longer each wait is; `jitter` = 0.5: the share of it that chance may take off.
    - `reset_after` = 60.0: seconds after which a connection counts as good, and the delays begin anew.
    - `max_attempts` = None: how many connections in a row may deliver nothing; None: no limit.
    - `retry_if` = is_transient: says of an error whether it is worth another attempt; more on all of these
      under `operators.retry_with_backoff`.

    How much is kept:

    - `buffer` = 65536: live events that wait for slow subscribers.
    - `policy` = 'drop_oldest': what becomes of more; or ``"drop_newest"``, or ``"error"``.
    - `keep` = 0: how many of the last events, of those that came while somebody was subscribed, are there for
      `EventStream.recent`.

    How it is asked for, as in `frames`: `client_factory` = None makes the client of each connection, in the
    place of httpx's options `verify`, `cert`, `proxy`, `mounts`, `trust_env`, `http1`, `http2`, `limits` and
    `transport`; `headers`, `params`, `auth`, `method`, `content` and `json` are the request's, `token_in`
    says where the token stands in it; `idle_timeout` (75 s without a byte), `connect_timeout` (5 s),
    `max_frame_bytes` (1 MiB) and `last_event_id`.

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
    earlier = partial(logged_now, source, lambda rows, _: names_of(pipeline, rows))
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
