"""One HTTP response as a cold `Observable` of frames.

Each subscription opens a connection of its own and closes it when disposed. The client decides who drives it:
a blocking one a daemon thread, which works in any program, an asynchronous one a task on an event loop,
without a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import httpx
from reactivex import Observable, abc
from reactivex.disposable import Disposable
from reactivex.scheduler.eventloop import AsyncIOScheduler
from typing_extensions import Unpack

from ctfy_rx.connection.clients import add_bearer, add_token, check_transports
from ctfy_rx.connection.credentials import Token, TokenIn, cleaned, current_token
from ctfy_rx.connection.drivers import LoopDriver, ThreadDriver
from ctfy_rx.connection.failures import translated
from ctfy_rx.connection.joined_reads import join_chunks
from ctfy_rx.connection.making import ClientFactory, ClientMaker, ClientOptions
from ctfy_rx.connection.redaction import Secrets, keep_out_of_our_log
from ctfy_rx.connection.request import EventRequest, api_root, bare, check, encoded_json, resolve
from ctfy_rx.connection.rest import Root
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.reconnect import UNASKED, Session, Unasked
from ctfy_rx.sse import DEFAULT_MAX_FRAME_BYTES, Frame, FrameDecoder
from ctfy_rx.text.suggestion import did_you_mean
from ctfy_rx.threads.consumers import who_subscribes
from ctfy_rx.threads.loops import running_loop

__all__ = ["Frames", "FramesOptions", "Params", "frames", "loop_of"]

T = TypeVar("T")

_NO_LOOP = (
    "an AsyncClient needs a running event loop: subscribe inside a coroutine, "
    "or let client_factory return an httpx.Client"
)

Params = Mapping[str, Any] | Sequence[tuple[str, Any]] | str | None
"""All that httpx takes: values may be lists, and names may repeat."""


class FramesOptions(ClientOptions, total=False):
    """The further options of `frames`, for functions that pass them on."""

    headers: Mapping[str, str] | Sequence[tuple[str, str]] | None
    params: Params
    auth: Any
    method: str
    content: bytes | str | None
    json: Any
    idle_timeout: float | None
    connect_timeout: float
    max_frame_bytes: int
    last_event_id: str
    token_in: TokenIn


def frames(
    url: str | httpx.URL | None = None,
    *,
    token: Token = None,
    client_factory: ClientFactory | None = None,
    path: str | None = None,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
    params: Params = None,
    auth: Any = None,
    method: str = "GET",
    content: bytes | str | None = None,
    json: Any = None,
    idle_timeout: float | None = 75.0,
    connect_timeout: float = 5.0,
    max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
    last_event_id: str = "",
    token_in: TokenIn = "query",  # noqa: S107 - where it goes, not what it is
    **client_options: Unpack[ClientOptions],
) -> Frames:
    """A cold Observable of the frames of an event stream: one connection for each subscription, closed when
    that is disposed.

    ::

        subscribe   ^
        connection  |--: connected---frame--frame--: keepalive--frame--|
        frames      +----------------f------f-------------------f------|

    It completes when the server ends the response, and fails with a `CtfyRxError` when the connection breaks
    or is refused. Put ``op.retry_with_backoff()`` behind it to reconnect.

    `url` without a path is the platform's root; with a path it is taken as it is. `token`, or what a callable
    returns at each attempt, goes in the query of requests to that origin alone, as the platform has it, or,
    with ``token_in="header"``, as ``Authorization: Bearer``. `idle_timeout` (seconds,
    None: never) is how long the server may send no byte. `headers`, `params`, `auth`, `method`, `content`
    and `json` are httpx's, as are all other options (`verify`, `cert`, `proxy` …), which build the client;
    `client_factory` makes it instead: an `httpx.Client`, or an `httpx.AsyncClient` to read on the running
    event loop. Subscribing with an `AsyncIOScheduler` as `scheduler` reads on its loop as well.

    Raises `ConfigurationError` for what cannot work, and `TypeError` for an unknown option.

    >>> frames("http://localhost:8100", token="pt_secret")
    <Frames of http://localhost:8100/api/v1/events>
    """
    _refuse_unknown(client_options)
    check(
        url=url,
        token=token,
        client_factory=client_factory,
        path=path,
        method=method,
        content=content,
        idle_timeout=idle_timeout,
        connect_timeout=connect_timeout,
        max_frame_bytes=max_frame_bytes,
        last_event_id=last_event_id,
        token_in=token_in,
    )
    token = cleaned(token) if isinstance(token, str) else token
    url = str(url or "")
    if url.startswith("/"):
        url, path = "", url
    if client_factory is None:
        if not url:
            raise ConfigurationError(
                'no URL: write frames("http://localhost:8100"), the address of your platform'
            )
        maker = ClientMaker(client_options)
        maker.check(resolve(url, path, ""))
        make_client: ClientFactory | ClientMaker = maker
    elif client_options:
        raise ConfigurationError(
            f"{', '.join(client_options)}: set this on the client that client_factory returns"
        )
    else:
        make_client = client_factory
    if url:
        url, path = str(resolve(url, path, "")), None
    request = EventRequest(
        method=method,
        headers=_encoded(headers),
        params=_query(params),
        content=content if json is None else encoded_json(json, content),
        is_json=json is not None,
        auth=auth,
        idle_timeout=idle_timeout,
        connect_timeout=connect_timeout,
    )
    return Frames(
        url,
        path=path,
        request=request,
        token=token,
        token_in=token_in,
        client_factory=make_client,
        max_frame_bytes=max_frame_bytes,
        last_event_id=last_event_id,
    )


class Frames(Observable[Frame]):
    """The cold Observable that `frames` returns."""

    def __init__(
        self,
        url: str,
        *,
        path: str | None,
        request: EventRequest,
        token: Token,
        token_in: TokenIn,
        client_factory: ClientFactory | ClientMaker,
        max_frame_bytes: int,
        last_event_id: str,
    ) -> None:
        super().__init__()
        self._url = url
        self._path = path
        self._request = request
        self._token = token
        self._add_token = add_bearer if token_in == "header" else add_token  # noqa: S105 - as above
        self._client_factory = client_factory
        self._max_frame_bytes = max_frame_bytes
        self._last_event_id = last_event_id
        # For as long as this one is used; those of the last connection, once there is one.
        self._secrets = keep_out_of_our_log(Secrets(token if isinstance(token, str) else None))

    def __repr__(self) -> str:
        return f"<Frames of {self.address}>"

    @property
    def address(self) -> str:
        """The URL as it may be shown."""
        if self._url:
            return bare(httpx.URL(self._url))
        return (self._path or "").partition("?")[0] or "the client's base URL"

    @property
    def of_platform(self) -> bool | None:
        """Whether it is a platform's stream, by its address; None where only the client knows that."""
        return api_root(httpx.URL(self._url)) is not None if self._url else None

    def session(self) -> Session:
        """A new session: hand it to `connect` once for each attempt."""
        return Session(self._last_event_id)

    def connect(self, session: Session) -> Observable[Frame]:
        """A cold Observable of one connection of `session`: it resumes where the one before it ended."""

        def subscribe(
            observer: abc.ObserverBase[Frame], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            on_next = observer.on_next

            def each(frames: list[Frame]) -> None:
                for frame in frames:
                    on_next(frame)

            batches = self.connect_in_batches(session)
            return batches.subscribe(each, observer.on_error, observer.on_completed, scheduler=scheduler)

        return Observable(subscribe)

    def connect_in_batches(self, session: Session) -> Observable[list[Frame]]:
        """As `connect`; the frames that one read of the socket completed come together."""

        def subscribe(
            observer: abc.ObserverBase[list[Frame]], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            loop = loop_of(scheduler)
            client = self.client(asynchronous=loop is not None)
            decoder = FrameDecoder(max_frame_bytes=self._max_frame_bytes, last_event_id=session.last_event_id)
            prepare = partial(self._prepare, session)
            if not hasattr(client, "aclose"):
                session.driven_by(None)
                thread = ThreadDriver(client, prepare, session, decoder, observer, address=self.address)
                thread.start()
                return Disposable(thread.dispose)
            loop = loop or session.loop or running_loop()
            if loop is None:
                raise ConfigurationError(_NO_LOOP)
            session.driven_by(loop)
            consumer = who_subscribes()
            if consumer is not None:
                consumer.needs(lambda: loop)
            task = LoopDriver(client, prepare, session, decoder, observer, address=self.address)
            task.start(loop)
            return Disposable(task.dispose)

        return Observable(subscribe)

    def _subscribe_core(
        self, observer: abc.ObserverBase[Frame], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return self.connect(self.session()).subscribe(observer, scheduler=scheduler)

    def client(self, *, asynchronous: bool) -> Any:
        """A new client, as each connection gets one."""
        make = self._client_factory
        client: Any = (
            make.client(asynchronous=asynchronous) if isinstance(make, ClientMaker) else self._told_by(make)
        )
        if not hasattr(client, "is_closed"):
            raise ConfigurationError(
                "client_factory must return an httpx.Client or an httpx.AsyncClient, "
                f"not {type(client).__name__}"
            )
        if client.is_closed:
            raise ConfigurationError("client_factory must return a new client at each call")
        check_transports(client)
        return client

    @property
    def makes_clients(self) -> bool:
        """Whether clients are of our making, and so of either kind."""
        return isinstance(self._client_factory, ClientMaker)

    def public_root(self, client: Any) -> Root | None:
        """Where the platform's other routes begin for who shows no token of ours; None where the stream is
        not that of a platform."""
        request, _ = self._request_of(client)
        url = api_root(request.url)
        return None if url is None else Root(url, "", request.connect_timeout, request.idle_timeout)

    def root(self, client: Any, session: Session) -> Root | None:
        """Where the platform's other routes begin for the token of this attempt, which `client` is to make.

        None without a token, where the stream is not that of a platform, and where the caller's own
        credentials stand in the header that the token would need.
        """
        request, token_in_url = self._request_of(client)
        session.token = self._current_token()
        token = session.token or token_in_url
        url = api_root(request.url)
        if not token or url is None or request.has_credentials(client):
            return None
        return Root(url, token, request.connect_timeout, request.idle_timeout)

    def shows_no_token(self, client: Any, session: Session) -> bool:
        """Whether `client` goes to a platform as nobody in this attempt; `root` was asked before."""
        request, token_in_url = self._request_of(client)
        shown = session.token or token_in_url or request.has_credentials(client)
        return not shown and api_root(request.url) is not None

    def _prepare(self, session: Session, client: Any) -> tuple[EventRequest, Secrets]:
        request, token_in_url = self._request_of(client)
        asked, session.token = session.token, UNASKED
        token = (self._current_token() if isinstance(asked, Unasked) else asked) or token_in_url
        join_chunks(client)
        if token:
            self._add_token(client, token, request.url)
        self._secrets = keep_out_of_our_log(Secrets(token, *request.secrets(client)))
        return request, self._secrets

    def _current_token(self) -> str | None:
        return self._told_by(lambda: current_token(self._token))

    def _told_by(self, ask: Callable[[], T]) -> T:
        """What a function of the app returns. An answer or a lost connection that it meets, as it logs in, is
        worth another attempt, or not, as if we had met it."""
        try:
            return ask()
        except Exception as error:
            failure = translated(error, address=self.address, secrets=self._secrets)
            if failure is error:
                raise
        raise failure  # out of the handler: httpx's error, which holds the request, is not chained

    def _request_of(self, client: Any) -> tuple[EventRequest, str | None]:
        return self._request.at(resolve(self._url, self._path, str(client.base_url)), client)


def _encoded(headers: Mapping[str, str] | Sequence[tuple[str, str]] | None) -> httpx.Headers:
    try:
        return httpx.Headers(headers)
    except UnicodeEncodeError:  # its text repeats what may be a secret
        raise ConfigurationError(
            "headers= holds a character that is not ASCII: encode the value first"
        ) from None
    except (TypeError, ValueError):
        raise ConfigurationError("headers must be a mapping or a list of pairs of str") from None


def _query(params: Params) -> httpx.QueryParams:
    all_pairs = getattr(params, "multi_items", None)  # httpx2's QueryParams has it too
    given: Any = all_pairs() if all_pairs else params
    try:
        return httpx.QueryParams(given)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise ConfigurationError("params must be a mapping, a list of pairs, or a query as str") from None


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    for name in options.keys() - ClientOptions.__optional_keys__:
        known = {"url", "token", "client_factory", "path", *FramesOptions.__optional_keys__}
        meant = did_you_mean(name, known)
        raise TypeError(f"unexpected keyword argument {name!r}{meant and ': '}{meant}")


def loop_of(scheduler: abc.SchedulerBase | None) -> asyncio.AbstractEventLoop | None:
    """The event loop of an asyncio scheduler."""
    if not isinstance(scheduler, AsyncIOScheduler):
        return None
    return scheduler._loop  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # it has no public name
