"""One HTTP response as a cold `Observable` of frames.

Each subscription opens a connection of its own and closes it when disposed. The client decides who drives it:
a blocking one a daemon thread, which works in any program, an asynchronous one a task on an event loop,
without a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import httpx
from reactivex import Observable, abc
from reactivex.disposable import Disposable
from typing_extensions import Unpack

from ctfy_rx.connection.attempt import Attempt, told_by
from ctfy_rx.connection.client_maker import ClientFactory, ClientMaker, ClientOptions
from ctfy_rx.connection.clients import check_transports
from ctfy_rx.connection.credentials import Token, TokenIn, cleaned
from ctfy_rx.connection.either_httpx import is_asynchronous, is_client
from ctfy_rx.connection.loop_driver import LoopDriver
from ctfy_rx.connection.options import Params, check, encoded_headers, query, refuse_unknown
from ctfy_rx.connection.redaction import Secrets, keep_out_of_our_log
from ctfy_rx.connection.request import EventRequest, address_of, api_root, encoded_json, resolve
from ctfy_rx.connection.thread_driver import ThreadDriver
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.reconnect import Session
from ctfy_rx.sse import DEFAULT_MAX_FRAME_BYTES, Frame, FrameDecoder
from ctfy_rx.threads.consumers import who_subscribes
from ctfy_rx.threads.loops import loop_of, running_loop

__all__ = ["Frames", "frames"]

T = TypeVar("T")

_NO_LOOP = (
    "an AsyncClient needs a running event loop: subscribe inside a coroutine, "
    "or let client_factory return an httpx.Client"
)


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

    - `url` = None: without a path the platform's root (``/api/v1/events`` is added), with a path it is taken
      as it is; `path` = None is appended to it, or to the base URL of `client_factory`'s clients.
    - `token` = None: what the platform knows you by, or a function that returns it, called at each attempt.
      It goes to the origin of `url` alone: `token_in` = 'query', as the platform has it, or "header", as
      ``Authorization: Bearer``.
    - `idle_timeout` = 75.0: seconds for which the server may send no byte, None: for ever; `connect_timeout`
      = 5.0: seconds until it is reached.
    - `max_frame_bytes` = 1048576: a longer frame fails it with `FrameTooLarge`.
    - `last_event_id` = '': after which event the server is asked to go on.
    - `headers` = None, `params` = None, `auth` = None, `method` = 'GET', `content` = None, `json` = None:
      the request's, as in httpx.
    - `client_factory` = None: makes the client of each connection: an `httpx.Client`, read by a thread, or an
      `httpx.AsyncClient`, read on the running event loop. Without it httpx's `verify`, `cert`, `proxy`,
      `mounts`, `trust_env`, `http1`, `http2`, `limits` and `transport` do.

    Subscribing with an `AsyncIOScheduler` as `scheduler` reads on its loop as well.

    Raises `ConfigurationError` for what cannot work, and `TypeError` for an unknown option.

    >>> frames("http://127.0.0.1:8100", token="pt_secret")
    <Frames of http://127.0.0.1:8100/api/v1/events>
    """
    refuse_unknown(client_options)
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
                'no URL: write frames("http://127.0.0.1:8100"), the address of your platform'
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
        headers=encoded_headers(headers),
        params=query(params),
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
    """The cold Observable that `frames` returns.

    What refuses has `refusal_timeout` seconds to say why, a page in the place of a stream `page_timeout`.
    """

    refusal_timeout = 5.0
    page_timeout = 0.5

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
        self._token_in: TokenIn = token_in
        self._client_factory = client_factory
        self._max_frame_bytes = max_frame_bytes
        self._last_event_id = last_event_id
        # Out of our log for as long as this one is used, as are those of the last attempt.
        self._attempt: Attempt | None = None
        self._secrets = keep_out_of_our_log(Secrets(token if isinstance(token, str) else None))

    def __repr__(self) -> str:
        return f"<Frames of {self.address}>"

    @property
    def address(self) -> str:
        """The URL as it may be shown."""
        if self._url:
            return address_of(httpx.URL(self._url))
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
            attempt = self.attempt(client, session)
            limits = {"refusal_timeout": self.refusal_timeout, "page_timeout": self.page_timeout}
            if not is_asynchronous(client):
                session.driven_by(None)
                thread = ThreadDriver(attempt, decoder, observer, **limits)
                thread.start()
                return Disposable(thread.dispose)
            loop = loop or session.loop or running_loop()
            if loop is None:
                raise ConfigurationError(_NO_LOOP)
            session.driven_by(loop)
            consumer = who_subscribes()
            if consumer is not None:
                consumer.needs(lambda: loop)
            task = LoopDriver(attempt, decoder, observer, loop, **limits)
            task.start()
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
            make.client(asynchronous=asynchronous)
            if isinstance(make, ClientMaker)
            else told_by(make, address=self.address, secrets=self._secrets)
        )
        if not is_client(client):
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

    def attempt(self, client: Any, session: Session) -> Attempt:
        """What `client`, a new one, asks for in an attempt of `session`."""
        self._attempt = Attempt(
            client=client,
            session=session,
            wanted=self._request,
            url=self._url,
            path=self._path,
            token=self._token,
            token_in=self._token_in,
            address=self.address,
            secrets=self._secrets,
        )
        return self._attempt
