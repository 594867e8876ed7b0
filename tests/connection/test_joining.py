"""What one read of the socket brings is parsed as one, over every way to the server."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from reactivex import Observable

from ctfy_rx.connection.frames import Frames, frames
from ctfy_rx.connection.joined_reads import join_chunks
from ctfy_rx.sse import Frame

from ..support.servers import CHUNKED, Peer, Server, by_path, chunk, frame, reply, trusting
from ..support.waiting import until
from .conftest import Watch
from .test_clients import client_class, proxy

__all__ = ["client_class"]  # a fixture

COUNT = 2000
FLOOD = chunk(frame("a")) * COUNT
LAST = b"0\r\n\r\n"


def floods(peer: Peer) -> None:
    peer.read_request()
    peer.send(CHUNKED + FLOOD + LAST)


def in_batches(source: Frames) -> Observable[Any]:
    return source.connect_in_batches(source.session())


def batches(watch: Watch, source: Frames) -> list[list[Frame]]:
    watched = watch(in_batches(source)).end()
    assert watched.error is None
    got: Any = watched.frames
    assert sum(map(len, got)) == COUNT
    return got


@pytest.mark.joined_reads
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_frames_of_one_read_come_together(watch: Watch, tls: bool) -> None:
    with Server(floods, tls=tls) as server:
        assert len(batches(watch, frames(server.url, verify=trusting()))) < COUNT / 10


@pytest.mark.joined_reads
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_through_a_proxy_too(watch: Watch, tls: bool) -> None:
    with Server(proxy) as forward, Server(floods, tls=tls) as server:
        source = frames(server.url, verify=trusting(), proxy=forward.url)
        assert len(batches(watch, source)) < COUNT / 10


@pytest.mark.joined_reads
def test_on_a_client_of_the_callers_own_too(watch: Watch, client_class: Any) -> None:
    with Server(floods) as server:
        source = frames(server.url, client_factory=client_class)
        assert len(batches(watch, source)) < COUNT / 10


@pytest.mark.joined_reads
def test_a_transport_that_is_not_httpcores_reads_chunk_by_chunk_and_the_log_says_so(
    watch: Watch, driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ctfy_rx")
    inner: Any = httpx.AsyncHTTPTransport() if driver == "asyncio" else httpx.HTTPTransport()

    class Wrapped(httpx.BaseTransport, httpx.AsyncBaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return inner.handle_request(request)

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return await inner.handle_async_request(request)

        def close(self) -> None:
            inner.close()

        async def aclose(self) -> None:
            await inner.aclose()

    with Server(floods) as server:
        assert len(batches(watch, frames(server.url, transport=Wrapped()))) == COUNT
    assert "Wrapped is read chunk by chunk" in caplog.text


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


def test_a_second_joining_of_a_client_changes_nothing() -> None:
    with httpx.Client() as client:
        join_chunks(client)
        pool: Any = client._transport
        backend = pool._pool._network_backend
        join_chunks(client)
        assert pool._pool._network_backend is backend


def test_another_response_passes_as_it_came() -> None:
    with Server(by_path(a=reply(200, b"plain"))) as server, httpx.Client() as client:
        join_chunks(client)
        assert client.get(f"{server.url}/a").content == b"plain"
