"""The caller's own clients, proxies and transports."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import httpx
import httpx2
import pytest

from ctfy_rx.connection.frames import frames
from ctfy_rx.errors import ConfigurationError, NotAnEventStream

from ..support.servers import CLOSE_DELIMITED, Peer, Server, frame, redirect, reply, sends, trusting
from ..support.waiting import PATIENCE, until
from ..support.watching import Watched
from .conftest import Watch, no_readers

OPENS = sends(CLOSE_DELIMITED, frame("a"))
STAYS = sends(CLOSE_DELIMITED, frame("a"), stay=True)


@pytest.fixture(params=["httpx", "httpx2"])
def client_class(request: pytest.FixtureRequest, driver: str) -> Any:
    library = {"httpx": httpx, "httpx2": httpx2}[request.param]
    return library.AsyncClient if driver == "asyncio" else library.Client


def test_a_client_of_the_callers_own_opens_with_the_token_and_is_closed_after(
    watch: Watch, client_class: Any
) -> None:
    made: list[Any] = []

    def factory() -> Any:
        made.append(client_class(headers={"X-Own": "1"}, params={"p": "1"}))
        return made[-1]

    with Server(OPENS) as server:
        source = frames(f"{server.url}/s?a=1", client_factory=factory, token="pt_1")
        for _ in range(2):
            assert watch(source).end().names == ["a"]
        assert server.requests[0].target == "/s?a=1&p=1&token=pt_1"
        assert server.requests[0].headers("x-own") == [b"1"]
    assert [client.is_closed for client in made] == [True, True]


def test_a_disposed_client_of_the_callers_own_is_closed(watch: Watch, client_class: Any) -> None:
    client = client_class()
    with Server(STAYS) as server:
        watch(frames(server.url, client_factory=lambda: client)).got(1).dispose()
        until(lambda: client.is_closed and server.peers[0].gone.is_set())


def test_redirects_and_refusals_work_with_it_as_well(watch: Watch, client_class: Any) -> None:
    with (
        Server(sends(reply(200, b"pt%5F1", Content_Type="text/html"))) as other,
        Server(sends(redirect(other.url))) as server,
    ):
        error = watch(frames(server.url, client_factory=client_class, token="pt_1")).failure()
        assert isinstance(error, NotAnEventStream)
        assert error.body == "***"
        assert b"pt_1" not in other.requests[0].request


@pytest.mark.parametrize(
    ("base", "options", "target"),
    [
        ("", {}, "/api/v1/events"),
        ("/base", {}, "/base/"),  # as httpx completes it
        ("/base/", {"path": "/events"}, "/base/events"),
        ("/base", {"url": "/events?x=1"}, "/base/events?x=1"),
    ],
)
def test_the_base_url_of_the_client_counts(
    watch: Watch, client_class: Any, base: str, options: dict[str, Any], target: str
) -> None:
    with Server(OPENS) as server:
        source = frames(**options, client_factory=lambda: client_class(base_url=server.url + base))
        assert watch(source).end().completed
        assert server.requests[0].target == target


def test_a_client_without_a_base_url_needs_a_url(watch: Watch, client_class: Any) -> None:
    assert isinstance(watch(frames(client_factory=client_class)).failure(), ConfigurationError)


def test_its_repr_shows_no_secret_of_a_path() -> None:
    source = frames("/events?token=pt_secret", client_factory=httpx.Client)
    assert repr(source) == "<Frames of /events>"
    assert repr(frames(client_factory=httpx.Client)) == "<Frames of the client's base URL>"


def test_a_factory_that_returns_a_closed_client_is_told_so(watch: Watch) -> None:
    client = httpx.Client()
    with Server(OPENS) as server:
        source = frames(server.url, client_factory=lambda: client)
        watch(source).end()
        error = watch(source).failure()
    assert isinstance(error, ConfigurationError)
    assert "a new client at each call" in str(error)


def test_options_of_the_client_do_not_go_with_a_factory() -> None:
    with pytest.raises(ConfigurationError, match="verify, proxy: set this on the client"):
        frames("http://h", client_factory=httpx.Client, verify=False, proxy="http://p")


@pytest.mark.parametrize("made", [None, "client", dict])
def test_a_factory_that_returns_no_client_is_told_so(watch: Watch, made: object) -> None:
    error = watch(frames("http://h", client_factory=lambda: made)).failure()
    assert isinstance(error, ConfigurationError)
    assert f"must return an httpx.Client or an httpx.AsyncClient, not {type(made).__name__}" in str(error)


def test_an_async_client_without_a_running_loop_is_an_error() -> None:
    watched = Watched().watch(frames("http://127.0.0.1:1", client_factory=httpx.AsyncClient), None)
    error = watched.failure()
    assert isinstance(error, ConfigurationError)
    assert "needs a running event loop" in str(error)


async def test_an_async_client_reads_on_the_running_loop_without_a_thread() -> None:
    seen: list[object] = []
    arrived = asyncio.Event()

    def on_frame(_: object) -> None:
        seen.append((asyncio.get_running_loop(), threading.current_thread()))
        arrived.set()

    with Server(STAYS) as server:
        source = frames(server.url, client_factory=httpx.AsyncClient)
        subscription = source.subscribe(on_frame)
        async with asyncio.timeout(5):
            await arrived.wait()
        assert seen == [(asyncio.get_running_loop(), threading.current_thread())]
        assert no_readers()
        subscription.dispose()
        assert await asyncio.to_thread(server.peers[0].gone.wait, 1.0)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_client_that_was_used_before_opens_and_is_disposed_at_once(
    watch: Watch, client_class: Any, driver: str, loop: asyncio.AbstractEventLoop, tls: bool
) -> None:
    """It keeps its connection, and no new one is made for the stream."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(reply(200, b"logged in"))
        STAYS(peer)

    def factory() -> Any:
        client = client_class(verify=trusting())
        if driver == "thread":
            client.get(server.url)
        else:
            asyncio.run_coroutine_threadsafe(client.get(server.url), loop).result(PATIENCE)
        return client

    with Server(script, tls=tls) as server:
        watched = watch(frames(server.url, client_factory=factory))
        until(lambda: watched.names or watched.ended)
        assert watched.names == ["a"], watched.error
        assert server.connections == 1
        watched.dispose()
        until(server.peers[0].gone.is_set)
        until(no_readers)


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in two parts, for clients of both kinds."""

    def __iter__(self) -> Iterator[bytes]:
        yield from (frame("a")[:9], frame("a")[9:])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


@pytest.mark.parametrize("body", [{"content": frame("a")}, {"stream": Body()}], ids=["content", "stream"])
def test_a_mock_transport_works(watch: Watch, body: dict[str, Any]) -> None:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, **body)

    source = frames("http://h", transport=httpx.MockTransport(handle), token="pt_1")
    assert watch(source).end().names == ["a"]
    assert str(requests[0].url) == "http://h/api/v1/events?token=pt_1"


# Proxies


def proxy(peer: Peer) -> None:
    """A forward proxy: passes requests on, and tunnels for CONNECT."""
    target = peer.read_request()
    if peer.request.startswith(b"CONNECT"):
        host, _, port = target.partition(":")
        with socket.create_connection((host, int(port))) as server:
            peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
            pump = threading.Thread(target=copy, args=(peer.socket, server))
            pump.start()
            copy(server, peer.socket)
            pump.join()
    else:
        url = httpx.URL(target)
        with socket.create_connection((url.host, url.port or 80)) as server:
            server.sendall(peer.request.replace(target.encode(), url.raw_path, 1))
            copy(server, peer.socket)


def copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture(params=["proxy=", "environment", "mounts="])
def through(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, driver: str) -> Any:
    """Options that lead through the proxy at a URL."""

    def options(url: str) -> dict[str, Any]:
        match request.param:
            case "proxy=":
                return {"proxy": url}
            case "environment":
                for name in ("http_proxy", "https_proxy"):
                    monkeypatch.setenv(name, url)
                monkeypatch.setenv("no_proxy", "")
                return {}
            case _:
                kind = httpx.AsyncHTTPTransport if driver == "asyncio" else httpx.HTTPTransport
                return {"mounts": {"all://": kind(proxy=url, verify=trusting())}}

    return options


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_goes_through_a_proxy_with_the_token_and_with_verify(watch: Watch, through: Any, tls: bool) -> None:
    with Server(proxy) as forward, Server(OPENS, tls=tls) as server:
        source = frames(server.url, token="pt_1", verify=trusting(), **through(forward.url))
        watched = watch(source).end()
        assert watched.names == ["a"], watched.error
        assert server.requests[0].target == "/api/v1/events?token=pt_1"
        assert forward.connections == 1
        assert (b"pt_1" in forward.requests[0].request) is not tls


def test_a_proxy_does_not_switch_the_certificate_check_off(watch: Watch) -> None:
    with Server(proxy) as forward, Server(OPENS, tls=True) as server:
        error = watch(frames(server.url, token="pt_1", proxy=forward.url)).failure()
    assert "is not trusted" in str(error)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_dispose_ends_a_connection_through_a_proxy(watch: Watch, tls: bool) -> None:
    with Server(proxy) as forward, Server(STAYS, tls=tls) as server:
        watch(frames(server.url, verify=trusting(), proxy=forward.url)).got(1).dispose()
        until(forward.peers[0].gone.is_set) if tls else until(no_readers)
