"""What one read of the socket brings is parsed as one, over every way to the server."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from reactivex import Observable

from ctfy_rx.connection import direct_body
from ctfy_rx.connection.frames import Frames, frames
from ctfy_rx.errors import ConnectionFailed
from ctfy_rx.sse import Frame

from ..support.servers import CHUNKED, Peer, Server, by_path, chunk, frame, redirect, trusting
from ..support.waiting import PATIENCE, until
from .conftest import Watch
from .test_clients import client_class, proxy

__all__ = ["client_class"]  # a fixture

COUNT = 2000
FLOOD = chunk(frame("a")) * COUNT
LAST = b"0\r\n\r\n"


def floods(peer: Peer) -> None:
    peer.read_request()
    peer.send(CHUNKED + FLOOD + LAST)


class Passing(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of another, and not to be seen through."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __iter__(self) -> Any:
        return iter(self.inner)

    def __aiter__(self) -> Any:
        return aiter(self.inner)

    def close(self) -> None:
        self.inner.close()

    async def aclose(self) -> None:
        await self.inner.aclose()


class Around(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """httpx's own transport, with something around it and around the bodies of its answers."""

    def __init__(self, *, asynchronous: bool, body: Any = None) -> None:
        self.inner: Any = httpx.AsyncHTTPTransport() if asynchronous else httpx.HTTPTransport()
        self.body = body

    def around(self, response: httpx.Response) -> httpx.Response:
        if self.body is not None:
            response.stream = self.body(response.stream)
        return response

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.around(self.inner.handle_request(request))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.around(await self.inner.handle_async_request(request))

    def close(self) -> None:
        self.inner.close()

    async def aclose(self) -> None:
        await self.inner.aclose()


def in_batches(source: Frames) -> Observable[Any]:
    return source.connect_in_batches(source.session())


def batches(watch: Watch, source: Frames) -> list[list[Frame]]:
    watched = watch(in_batches(source)).end()
    assert watched.error is None
    got: Any = watched.frames
    assert sum(map(len, got)) == COUNT
    return got


@pytest.mark.direct_reads
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_frames_of_one_read_come_together(watch: Watch, tls: bool) -> None:
    with Server(floods, tls=tls) as server:
        assert len(batches(watch, frames(server.url, verify=trusting()))) < COUNT / 10


@pytest.mark.direct_reads
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_through_a_proxy_too(watch: Watch, tls: bool) -> None:
    with Server(proxy) as forward, Server(floods, tls=tls) as server:
        source = frames(server.url, verify=trusting(), proxy=forward.url)
        assert len(batches(watch, source)) < COUNT / 10


@pytest.mark.direct_reads
def test_on_a_client_of_the_callers_own_too(watch: Watch, client_class: Any) -> None:
    with Server(floods) as server:
        source = frames(server.url, client_factory=client_class)
        assert len(batches(watch, source)) < COUNT / 10


@pytest.mark.direct_reads
def test_through_a_transport_around_httpxs_own_too(watch: Watch, driver: str) -> None:
    with Server(floods) as server:
        source = frames(server.url, transport=Around(asynchronous=driver == "asyncio"))
        assert len(batches(watch, source)) < COUNT / 10


def test_a_transport_with_a_body_of_its_own_is_read_by_httpx_and_the_log_says_so(
    watch: Watch, driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ctfy_rx")
    with Server(floods) as server:
        source = frames(server.url, transport=Around(asynchronous=driver == "asyncio", body=Passing))
        assert len(batches(watch, source)) == COUNT
    assert "httpx reads the body itself" in caplog.text


def test_what_comes_before_a_malformed_chunk_is_delivered_and_the_error_is_the_parsers_own(
    watch: Watch,
) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(CHUNKED + chunk(frame("a")) * 3 + b"nonsense\r\n")
        peer.stay()

    with Server(script) as server:
        watched = watch(frames(server.url))
        error = watched.failure()
        assert watched.names == ["a"] * 3
        assert "illegal chunk header" in str(error)


def test_dispose_ends_a_read_through_it_at_once(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(CHUNKED + chunk(frame("a")) * 3)
        peer.stay()

    with Server(script, tls=True) as server:
        watch(frames(server.url, verify=trusting())).got(3).dispose()
        until(server.peers[0].gone.is_set)


def test_an_error_of_a_read_knows_the_request_that_a_redirect_led_to(watch: Watch) -> None:
    def silent(peer: Peer) -> None:
        peer.read_request()
        peer.send(CHUNKED + chunk(frame("a")))
        peer.stay()

    with Server(silent) as there, Server(by_path(a=redirect(f"{there.url}/b"))) as here:
        error = watch(frames(f"{here.url}/a", idle_timeout=0.2)).failure()
    assert f"{there.url}/b has been silent for too long" in str(error)


class Masking(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Changes the body that it stands for, and is otherwise that body, as a proxy object is."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __iter__(self) -> Any:
        for piece in self.inner:
            yield piece.replace(b"secret", b"******")

    async def __aiter__(self) -> Any:
        async for piece in self.inner:
            yield piece.replace(b"secret", b"******")


def two_secrets(peer: Peer) -> None:
    peer.read_request()
    peer.send(CHUNKED + chunk(b"data: secret\n\n") * 2 + LAST)


def test_a_body_that_the_callers_transport_changes_is_not_passed_by(watch: Watch, driver: str) -> None:
    with Server(two_secrets) as server:
        source = frames(server.url, transport=Around(asynchronous=driver == "asyncio", body=Masking))
        assert [each.data for each in watch(source).end().frames] == ["******"] * 2


def test_nor_one_that_an_event_hook_changes(watch: Watch, driver: str) -> None:
    def hook(response: Any) -> None:
        response.stream = Masking(response.stream)

    async def asynchronous_hook(response: Any) -> None:
        hook(response)

    def client() -> Any:
        if driver == "asyncio":
            return httpx.AsyncClient(event_hooks={"response": [asynchronous_hook]})
        return httpx.Client(event_hooks={"response": [hook]})

    with Server(two_secrets) as server:
        source = frames(server.url, client_factory=client)
        assert [each.data for each in watch(source).end().frames] == ["******"] * 2


class ResponseOfTheApp(httpx.Response):
    """With helpers, say."""


def test_a_lost_connection_is_one_with_a_response_of_the_apps_own_class(watch: Watch, driver: str) -> None:
    class Helpful(Around):
        def around(self, response: httpx.Response) -> httpx.Response:
            return ResponseOfTheApp(
                response.status_code,
                headers=response.headers,
                stream=response.stream,
                extensions=response.extensions,
            )

    def reset(peer: Peer) -> None:
        peer.read_request()
        peer.send(CHUNKED + chunk(frame("a")))
        assert heard.wait(PATIENCE)
        peer.reset()

    heard = threading.Event()
    with Server(reset) as server:
        watched = watch(frames(server.url, transport=Helpful(asynchronous=driver == "asyncio"))).got(1)
        heard.set()
        assert isinstance(watched.failure(), ConnectionFailed)


async def test_a_body_that_is_left_and_never_suspends_holds_up_its_loop_for_ten_milliseconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    milliseconds = count()
    clock = SimpleNamespace(monotonic=lambda: next(milliseconds) / 1000)
    monkeypatch.setattr(direct_body, "time", clock)

    async def never_suspends() -> AsyncIterator[bytes]:
        while True:
            yield b"more"

    body = direct_body.async_raw_body(httpx.Response(200, content=never_suspends()))
    await anext(body)
    await body.aclose()
    assert next(milliseconds) <= 15
