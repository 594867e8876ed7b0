"""A proxy that refuses, is dead, or speaks otherwise than is thought, is the one that an error names."""

from __future__ import annotations

import httpx
import pytest

import ctfy_rx
from ctfy_rx.connection.failures import translated
from ctfy_rx.connection.frames import frames
from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.connection.route import Route
from ctfy_rx.errors import (
    CertificateRejected,
    ConfigurationError,
    ConnectionFailed,
    ConnectionTimedOut,
    HttpError,
    TokenRefused,
)
from ctfy_rx.reconnect import is_transient

from ..support.ports import own_port
from ..support.servers import Peer, Script, Server, redirect, reply, sends
from .conftest import Watch

BOTH = pytest.mark.parametrize("url", ["http://nobody.invalid", "https://nobody.invalid"])


def name(proxy: Server) -> str:
    return f"127.0.0.1:{proxy.port}"


@BOTH
def test_a_dead_proxy_is_named_and_tried_again(watch: Watch, url: str) -> None:
    port = own_port()
    error = watch(frames(url, proxy=f"http://127.0.0.1:{port}")).failure()
    assert type(error) is ConnectionFailed
    assert is_transient(error)
    assert f"could not connect to the proxy 127.0.0.1:{port}, on the way to {url}/api/v1/events" in str(error)


def test_a_proxy_whose_name_is_not_known_is_named(watch: Watch) -> None:
    error = watch(frames("http://localhost", proxy="http://proxy.invalid:3128")).failure()
    assert "the proxy proxy.invalid:3128, on the way to http://localhost" in str(error)


@BOTH
@pytest.mark.parametrize(
    ("status", "transient", "helps"),
    [
        (407, False, "the proxy wants a user and a password: write them into its URL"),
        (401, False, "the proxy does not allow it"),
        (403, False, "the proxy does not allow it: ask who runs it, or name the host in NO_PROXY"),
        (404, False, ""),
        (405, False, ""),
        (429, True, ""),
        (502, True, ""),
        (503, True, ""),
        (504, True, ""),
    ],
)
def test_a_proxy_that_refuses_is_named_and_as_final_for_a_tunnel_as_on_plain_http(
    watch: Watch, url: str, status: int, transient: bool, helps: str
) -> None:
    with Server(sends(reply(status, Server="squid/6.13"))) as proxy:
        error = watch(frames(url, proxy=proxy.url, token="pt_s3cret")).failure()
    assert type(error) is HttpError
    assert error.status == status
    assert is_transient(error) is transient
    assert name(proxy) in str(error)
    assert helps in str(error)
    assert "token" not in str(error)


@pytest.mark.parametrize(
    "says", [{"X-Squid-Error": "ERR_ACCESS_DENIED 0"}, {"Server": "tinyproxy/1.11"}, {"Proxy-Agent": "x"}]
)
def test_what_a_proxy_forbids_is_not_the_tokens_fault(watch: Watch, says: dict[str, str]) -> None:
    with Server(sends(reply(403, b"<html>", **says))) as proxy:
        error = watch(frames("http://nobody.invalid", proxy=proxy.url, token="pt_s3cret")).failure()
    assert type(error) is HttpError
    assert f"(through the proxy {name(proxy)}) answered 403: the proxy does not allow it" in str(error)


def test_what_the_server_forbids_is_the_tokens_fault_though_there_is_a_proxy(watch: Watch) -> None:
    with Server(sends(reply(403, b"{}", Server="uvicorn", Via="1.1 squid"))) as proxy:
        error = watch(frames("http://nobody.invalid", proxy=proxy.url, token="pt_s3cret")).failure()
    assert type(error) is TokenRefused
    assert f"(through the proxy {name(proxy)})" in str(error)


def test_a_stream_behind_a_proxy_that_forbids_it_ends_with_that() -> None:
    with Server(sends(reply(403, b"<html>", Server="squid/6.13"))) as proxy:
        stream = ctfy_rx.events("http://nobody.invalid", proxy=proxy.url, token="pt_s3cret")
        with pytest.raises(HttpError, match="the proxy does not allow it"):
            next(iter(stream))


def closes(peer: Peer) -> None:
    peer.read_request()


def plainly(peer: Peer) -> None:
    peer.socket.recv(65536)
    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "scheme", "kind", "says"),
    [
        (closes, "http", ConnectionFailed, "broke the connection off"),
        (sends(stay=True), "http", ConnectionTimedOut, "has been silent for too long"),
        (plainly, "https", ConfigurationError, "speaks plain HTTP, or nothing that is known: write http://"),
    ],
    ids=["closes", "silent", "plain"],
)
def test_a_proxy_that_gives_no_tunnel_is_named(
    watch: Watch, script: Script, scheme: str, kind: type[Exception], says: str
) -> None:
    with Server(script) as proxy:
        way = f"{scheme}://{name(proxy)}"
        error = watch(frames("https://nobody.invalid", proxy=way, idle_timeout=0.3)).failure()
    assert type(error) is kind
    assert f"the proxy {name(proxy)}, on the way to https://nobody.invalid/api/v1/events, {says}" in str(
        error
    )


def test_a_proxy_whose_certificate_is_not_trusted_is_named(watch: Watch) -> None:
    with Server(closes, tls=True) as proxy:
        error = watch(frames("https://nobody.invalid", proxy=proxy.url)).failure()
    assert type(error) is CertificateRejected
    assert f"the certificate of the proxy {name(proxy)}, on the way to" in str(error)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "https://127.0.0.1"])
def test_a_server_behind_a_proxy_that_fails_is_named_itself(watch: Watch, url: str) -> None:
    def script(peer: Peer) -> None:
        if peer.read_request() and peer.request.startswith(b"CONNECT"):
            peer.send(b"HTTP/1.1 200 OK\r\n\r\n")

    with Server(script) as proxy:
        error = watch(frames(f"{url}:8443", proxy=proxy.url)).failure()
    assert f"{url}:8443/api/v1/events (through the proxy {name(proxy)})" in str(error)
    assert is_transient(error)


def test_a_redirect_to_and_fro_is_no_proxy(watch: Watch) -> None:
    def back(peer: Peer) -> None:
        if peer.read_request().endswith("events"):
            peer.send(redirect(f"{other.url}/there"))
            peer.read_request()
        peer.send(reply(503))

    def there(peer: Peer) -> None:
        sends(redirect(f"{server.url}/back"))(peer)

    with Server(there) as other, Server(back) as server:
        error = watch(frames(server.url)).failure()
    assert isinstance(error, HttpError)
    assert "proxy" not in str(error)


@pytest.mark.parametrize(
    ("says", "final"),
    [
        ("Proxy Server could not connect: Connection not allowed by ruleset.", True),
        ("Invalid username/password", True),
        ("Requested NO AUTHENTICATION REQUIRED from proxy server, but got NO ACCEPTABLE METHODS.", True),
        ("Proxy Server could not connect: Command not supported.", True),
        ("Proxy Server could not connect: Connection refused.", False),
        ("Proxy Server could not connect: General SOCKS server failure.", False),
    ],
)
def test_a_socks_proxy_is_final_where_it_does_not_allow_what_is_asked(says: str, final: bool) -> None:
    route = Route()
    route.trace("socks.connect_tcp.started", {"host": "::1", "port": 1080})
    route.trace("socks.connect_tcp.complete", {})
    route.trace("socks.setup_socks5_connection.started", {})
    way = route.way(httpx.URL("https://h"))
    error = translated(httpx.ProxyError(says), address="https://h", secrets=Secrets(), way=way)
    assert is_transient(error) is not final
    assert str(error).startswith("the proxy [::1]:1080, on the way to https://h, refuses: ")
    route.trace("socks.setup_socks5_connection.complete", {})
    assert route.way(httpx.URL("https://h")).to("https://h") == "https://h (through the proxy [::1]:1080)"
