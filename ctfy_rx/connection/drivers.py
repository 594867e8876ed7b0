"""What moves the bytes of one connection: a daemon thread with a blocking client, or a task with an
asynchronous one.

Both do the same over one core, and nothing but read, decode and deliver. What ends a connection, be it the
server, the network or a subscriber that raises, reaches the observer as its end; a disposed connection says
nothing more.
"""

# ruff: noqa: BLE001  # whatever ends a connection must reach its subscriber

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing, suppress
from typing import Any

from reactivex import abc

from ctfy_rx.connection.answers import BODY_BYTES, answer_behind, is_event_stream, refusal
from ctfy_rx.connection.bodies import async_body_of, body_of
from ctfy_rx.connection.clients import Lifeline, LoopSockets
from ctfy_rx.connection.failures import translated
from ctfy_rx.connection.redaction import Secrets, redact_logs
from ctfy_rx.connection.redirects import exchange, redirect_target
from ctfy_rx.connection.request import EventRequest
from ctfy_rx.connection.route import DIRECT, Route, Way
from ctfy_rx.delivery.slow_subscriber import refused_exit
from ctfy_rx.errors import FrameTooLarge, LoopClosed, StreamClosed
from ctfy_rx.reconnect import Session
from ctfy_rx.sse import Frame, FrameDecoder
from ctfy_rx.threads.loops import LoopTask, on_loop

__all__ = ["LoopDriver", "Prepare", "ThreadDriver"]

_log = logging.getLogger("ctfy_rx")
_REFUSAL_TIMEOUT = 5.0  # seconds
_PAGE_TIMEOUT = 0.5  # seconds; what is wrong with a page its head says, and it may go on for ever
_REFUSAL_BYTES = 2 * BODY_BYTES  # so that a secret at the end of what is kept is read whole

Prepare = Callable[[Any], tuple[EventRequest, Secrets]]
"""Makes a client ready to send: the request, and the secrets that nobody may see."""


class _Driver:
    """What both drivers share: the exchange, the decoder, delivery and the end."""

    def __init__(
        self,
        client: Any,
        prepare: Prepare,
        session: Session,
        decoder: FrameDecoder,
        observer: abc.ObserverBase[list[Frame]],
        *,
        address: str,
    ) -> None:
        self._client = client
        self._prepare = prepare
        self._session = session
        self._decoder = decoder
        self._observer = observer
        self._address = address
        self._secrets = Secrets()
        self._idle_timeout: float | None = None
        self._request: Any = None
        self._route = Route()
        self._disposed = False
        self._ended = False

    def dispose(self) -> None:
        """Say nothing more."""
        self._disposed = True

    def end(self) -> None:
        """End as if the server had; what is received already is delivered."""
        self._ended = True

    def go_on(self) -> None:
        """Raise if nothing more is to be sent."""
        if self._disposed or self._ended:
            raise StreamClosed("disposed before the request was sent")

    def failure(self, error: Exception) -> Exception | None:
        # What breaks a connection that is being ended is our own doing.
        return None if self._ended else self.translated(error)

    def exchange(self) -> Generator[tuple[Any, dict[str, Any]], Any, Any]:
        request, self._secrets = self._prepare(self._client)
        self._address, self._idle_timeout = request.address, request.idle_timeout
        redact_logs(self._secrets)
        return exchange(request, self._client, self._session.last_event_id, self._secrets)

    def sends(self, request: Any) -> None:
        """`request` is about to be sent."""
        self._request, self._route = request, Route()

    @property
    def _way(self) -> Way:
        return DIRECT if self._request is None else self._route.way(self._request.url)

    def traced(self, name: str, info: dict[str, Any]) -> None:
        """What httpcore's ``trace`` extension tells of a request."""
        self._route.trace(name, info)
        # What a proxy is asked for by CONNECT is not the server's to accept.
        if name.endswith(".receive_response_headers.started") and not self._disposed:
            method = getattr(info.get("request"), "method", b"")
            if method != b"CONNECT":
                self._session.on_accepted()

    def opened(self, response: Any) -> None:
        # As the Mercure protocol has it, the id after which the server goes on. Others do not say.
        said = response.headers.get("last-event-id")
        self._session.resumes = None if said is None else said == self._session.last_event_id
        if not self._disposed:
            self._session.on_open()

    def refuse_bad_location(self, response: Any) -> None:
        # A hook, for httpx looks at the Location of each redirect itself, and takes a bad one for a broken
        # connection.
        redirect_target(response, self._secrets)

    def refusal(self, response: Any, body: bytes) -> Exception:
        return refusal(
            response, body, address=self._address, secrets=self._secrets, now=time.time(), way=self._way
        )

    def translated(self, error: Exception) -> Exception:
        return translated(error, address=self._address, secrets=self._secrets, way=self._way)

    def deliver(self, chunk: bytes) -> None:
        session, on_next = self._session, self._observer.on_next
        session.bytes += len(chunk)
        try:
            frames = self._decoder.feed(chunk)
        except FrameTooLarge as error:
            if error.frames:
                on_next(error.frames)
            raise
        session.frames += len(frames)
        if frames:
            on_next(frames)

    def finish(self, error: Exception | None) -> None:
        self._session.last_event_id = self._decoder.last_event_id
        if self._decoder.retry is not None:
            self._session.retry = self._decoder.retry / 1000
        if self._disposed:
            return
        try:
            if error is None:
                self._observer.on_completed()
            else:
                self._observer.on_error(error)
        except Exception:
            _log.exception("a subscriber did not handle the end of its stream: give subscribe() an on_error")


class ThreadDriver(_Driver):
    """Reads on a daemon thread of its own."""

    def start(self) -> None:
        """Begin."""
        self._lifeline = Lifeline()
        self._session.end = self.end
        threading.Thread(target=self._run, name="ctfy_rx reader", daemon=True).start()

    def dispose(self) -> None:
        """End it; returns at once, the thread follows within moments."""
        super().dispose()
        self._lifeline.cut()

    def end(self) -> None:
        """End as if the server had; returns at once, from any thread, also before there is an answer."""
        super().end()
        self._lifeline.cut()

    def _run(self) -> None:
        end: Exception | None = None
        try:
            with closing(self._chunks()) as chunks:
                for chunk in chunks:
                    if self._disposed or self._ended:
                        break
                    self.deliver(chunk)
        except Exception as error:  # of the connection, or raised by a subscriber
            end = error
        except BaseException as error:  # as of sys.exit(), which ends a thread in silence
            end = refused_exit(error, "reader")
        self.finish(end)

    def _chunks(self) -> Generator[bytes, None, None]:
        failure: Exception | None = None
        try:
            with closing(self._client):
                self.go_on()
                self._session.before_open(self._client)
                response = self._open()
                self.opened(response)
                yield from body_of(response, self._idle_timeout)
        except Exception as error:
            failure = self.failure(error)
        if failure is not None:
            raise failure  # out of the handler: httpx's error, which holds the request, is not chained

    def _open(self) -> Any:
        def trace(name: str, info: dict[str, Any]) -> None:
            self._lifeline.trace(name, info)
            self.traced(name, info)

        steps = self.exchange()
        self._client.event_hooks["response"].append(self.refuse_bad_location)
        request, options = next(steps)
        while True:
            self.go_on()
            self.sends(request)
            request.extensions["trace"] = trace
            try:
                response = self._client.send(request, stream=True, follow_redirects=False, **options)
            except Exception as error:
                response = answer_behind(error)
            self._lifeline.hold(response.extensions.get("network_stream"))
            try:
                request, options = steps.send(response)
            except StopIteration:
                break
            response.close()
        if is_event_stream(response):
            return response
        raise self.refusal(response, self._beginning(response))

    def _beginning(self, response: Any) -> bytes:
        body = b""
        is_page = response.is_success
        timer = threading.Timer(_PAGE_TIMEOUT if is_page else _REFUSAL_TIMEOUT, self._lifeline.cut)
        timer.daemon = True
        timer.start()
        with suppress(Exception):  # the status says what matters
            for chunk in body_of(response):
                body += chunk
                if is_page or len(body) >= _REFUSAL_BYTES:
                    break
        timer.cancel()
        return body[:_REFUSAL_BYTES]


class LoopDriver(_Driver):
    """Reads in a task on an event loop."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; from any thread."""
        self._loop = loop
        self._reading = asyncio.Timeout(None)  # ends at once when it is asked to
        self._session.end = self.end
        self._sockets = LoopSockets()
        self._task = LoopTask(loop, self._run, on_lost=self.finish, left_behind=self._sockets.cut)

    def dispose(self) -> None:
        """End it; from any thread."""
        super().dispose()
        self._task.dispose()

    def end(self) -> None:
        """End as if the server had; from any thread."""
        super().end()
        with suppress(RuntimeError):  # the loop is closed
            on_loop(self._loop, self._stop_reading)

    def _stop_reading(self) -> None:
        with suppress(RuntimeError, AssertionError):  # it has not begun, or it is over
            self._reading.reschedule(self._loop.time())

    async def _run(self) -> None:
        end: Exception | None = None
        try:
            async with aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    self.deliver(chunk)
                    if self._disposed or self._ended:
                        break
        except Exception as error:  # of the connection, or raised by a subscriber
            end = error
        except (KeyboardInterrupt, SystemExit) as error:  # they stop the loop
            self.finish(LoopClosed(f"{type(error).__name__} stopped the event loop that drove the stream"))
            raise
        self.finish(end)

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        failure: Exception | None = None
        try:
            async with aclosing(self._client), self._reading:
                self.go_on()
                answer = self._session.before_open(self._client)
                if inspect.isawaitable(answer):
                    await answer
                response = await self._open()
                self.opened(response)
                async with aclosing(async_body_of(response, self._idle_timeout)) as chunks:
                    async for chunk in chunks:
                        yield chunk
        except Exception as error:
            failure = self.failure(error)
        if failure is not None:
            raise failure  # out of the handler: httpx's error, which holds the request, is not chained

    async def _open(self) -> Any:
        async def check(response: Any) -> None:
            self.refuse_bad_location(response)

        async def trace(name: str, info: dict[str, Any]) -> None:
            await hold(name, info)
            self.traced(name, info)

        steps = self.exchange()
        self._client.event_hooks["response"].append(check)
        request, options = next(steps)
        while True:
            self.go_on()
            self.sends(request)
            hold = self._sockets.trace()
            request.extensions["trace"] = trace
            try:
                response = await self._client.send(request, stream=True, follow_redirects=False, **options)
            except Exception as error:
                response = answer_behind(error)
            try:
                request, options = steps.send(response)
            except StopIteration:
                break
            await response.aclose()
        if is_event_stream(response):
            return response
        raise self.refusal(response, await self._beginning(response))

    async def _beginning(self, response: Any) -> bytes:
        body, is_page = b"", response.is_success
        timeout = asyncio.timeout(_PAGE_TIMEOUT if is_page else _REFUSAL_TIMEOUT)
        with suppress(Exception):  # the status says what matters
            async with timeout, aclosing(async_body_of(response)) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if is_page or len(body) >= _REFUSAL_BYTES:
                        break
        return body[:_REFUSAL_BYTES]
