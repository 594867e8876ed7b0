"""The events served again as server-sent events **with ids**: for browsers, and every client that there is.

Whoever comes back with ``Last-Event-ID`` gets what it missed: from memory, else from the log. Who reads too
slowly is cut off, and goes on there.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import aclosing, closing, contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ctfy_rx.errors import ConfigurationError, ConnectionFailed, MissingExtra
from ctfy_rx.relay.public import Pseudonyms
from ctfy_rx.relay.replaying import Replay
from ctfy_rx.relay.ring import Ring, Served
from ctfy_rx.relay.sources import Source
from ctfy_rx.threads.loops import LoopScheduler

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["PATH", "Server"]

PATH = "/api/v1/events"
"""Where the events are, as on the platform."""

_REMEMBERED = 10_000  # events
_KEEPALIVE = 15.0  # seconds
_STILL_HERE = b": keepalive\n\n"
_CLIENTS = 20_000
_GRACE = 1  # seconds for answers that are under way when it ends


class Server:
    """Serves the events of `source` at `host` and `port`; 0 is a free one.

    Who holds `token` hears all; with `public` everybody hears what `ctfy_rx.relay.public` lists, under names
    made from `token`, or without one from a secret that is new at each start. Raises `ConfigurationError`
    without a token and without a public, `MissingExtra` without starlette and uvicorn.
    """

    def __init__(
        self,
        source: Source,
        *,
        token: str | None,
        public: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if not all(map(find_spec, ("starlette", "uvicorn"))):
            raise MissingExtra("nats", "Serving events")
        if not token and not public:
            raise ConfigurationError(
                "without a token nobody could be let in: give the relay one, or serve what is public"
            )
        self.host = host
        self.port = port
        self.clients = 0
        self.cut_off = 0  # who were too slow
        self._source = source
        self._token = token or ""
        self._names = Pseudonyms(token or secrets.token_hex()) if public else None
        self._ring = Ring(_REMEMBERED)
        self._replay = Replay(source, self._ring, self._names)
        self._ending = False
        self._failure: Exception | None = None
        self._ended = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"

    async def run(self, *, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until cancelled; `on_ready` is called when it listens. Raises `ConnectionFailed` where it
        cannot listen, and what the source fails with."""
        import uvicorn  # noqa: PLC0415 - needs the extra

        class Quiet(uvicorn.Server):
            """Whose signals are not its own."""

            @contextmanager
            def capture_signals(self) -> Generator[None]:
                yield

        config = uvicorn.Config(
            self._app(),
            access_log=False,  # it would hold tokens
            log_config=None,
            lifespan="off",
            ws="none",
            limit_concurrency=_CLIENTS,
            timeout_graceful_shutdown=_GRACE,
            server_header=False,
        )
        with closing(self._listener()) as listener:
            await self._serve(Quiet(config), listener, on_ready)
        if self._failure is not None:
            raise self._failure

    async def _serve(self, server: Any, listener: socket.socket, on_ready: Callable[[], None]) -> None:
        stream = await self._source.live()
        stream.subscribe(self._put, self._fail, scheduler=LoopScheduler(asyncio.get_running_loop()))
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            on_ready()
            ended = asyncio.ensure_future(self._ended.wait())
            await asyncio.wait([serving, ended], return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
        finally:
            self._ending = server.should_exit = True
            stream.close()
            self._ring.wake()  # or they would hold up its end until the next keepalive
            with suppress(asyncio.CancelledError):
                await serving

    def _listener(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            listener.listen(_CLIENTS)  # at once: until it does, another may bind the same port
        except OSError as error:
            listener.close()
            raise ConnectionFailed(f"cannot listen at {self.host}:{self.port}: {error.strerror}") from None
        self.port = listener.getsockname()[1]
        return listener

    def _put(self, event: Any) -> None:
        self._ring.put(Served.of(event, self._names))

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._ended.set()

    def _app(self) -> Any:
        from starlette.applications import Starlette  # noqa: PLC0415 - needs the extra
        from starlette.routing import Route  # noqa: PLC0415

        return Starlette(routes=[Route(PATH, self._events), Route("/", _welcome)])

    async def _events(self, request: Request) -> Response:
        from starlette.responses import JSONResponse, StreamingResponse  # noqa: PLC0415 - needs the extra

        knows = self._knows(request)
        if not knows and (self._names is None or _given(request)):
            refusal = {"code": "http_401", "detail": "the token of this relay is wanted"}
            return JSONResponse(refusal, 401, {"www-authenticate": "Bearer"})
        last_id = request.headers.get("last-event-id") or request.query_params.get("last_event_id", "")
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        if self._names is not None:
            headers["access-control-allow-origin"] = "*"
        if last_id and await self._replay.is_whole(last_id):
            headers["last-event-id"] = last_id  # as the Mercure protocol has it: it goes on after that one
        chunks = self._chunks(last_id, private=knows)
        return StreamingResponse(chunks, media_type="text/event-stream", headers=headers)

    def _knows(self, request: Request) -> bool:
        given = _given(request)
        return bool(self._token) and hmac.compare_digest(given.encode(), self._token.encode())

    async def _chunks(self, last_id: str, *, private: bool) -> AsyncIterator[bytes]:
        self.clients += 1
        try:
            yield b": connected\n\n"
            place, sent = self._ring.end, set[str]()
            async with aclosing(self._replay.pages(last_id, _KEEPALIVE)) as pages:
                async for page in pages:
                    yield _chunk(page, private=private) or _STILL_HERE
                    sent.update(each.id for each in page)
                    last_id = page[-1].id if page else last_id
            joined = self._ring.place_after(last_id)
            if joined is not None:
                place, sent = joined, set[str]()
            async for chunk in self._from(place, sent, private=private):
                yield chunk
        except TimeoutError:
            return  # it comes back, and asks again for what it has not got
        finally:
            self.clients -= 1

    async def _from(self, place: int, sent: set[str], *, private: bool) -> AsyncIterator[bytes]:
        while not self._ending:
            served = self._ring.since(place)
            if served is None:
                self.cut_off += 1
                return
            place += len(served)
            fresh = [each for each in served if not each.id or each.id not in sent] if sent else served
            if chunk := _chunk(fresh, private=private):
                yield chunk
            elif not served and not await self._ring.more(_KEEPALIVE):
                yield _STILL_HERE


def _chunk(served: list[Served], *, private: bool) -> bytes:
    return b"".join(each.private if private else each.public or b"" for each in served)


def _given(request: Request) -> str:
    """The token in the header, or in the query, as browsers must."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else request.query_params.get("token", "")


async def _welcome(_: Request) -> Response:
    from starlette.responses import PlainTextResponse  # noqa: PLC0415 - needs the extra

    return PlainTextResponse(f"A relay of ctfy_rx. The events are at {PATH}, with ids.\n")
