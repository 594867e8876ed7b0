"""Connections that break, or never come about: which error, and whether another attempt is worth it."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable

import httpx
import httpx2
import pytest

import ctfy_rx
from ctfy_rx.connection.failures import translated
from ctfy_rx.connection.frames import frames
from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.errors import (
    CertificateRejected,
    ConfigurationError,
    ConnectionFailed,
    ConnectionTimedOut,
    FrameTooLarge,
    LoopClosed,
    StreamClosed,
)
from ctfy_rx.reconnect import is_transient
from ctfy_rx.sse import Frame

from ..support.ports import own_port
from ..support.servers import (
    CHUNKED,
    CLOSE_DELIMITED,
    OPEN,
    Peer,
    Server,
    chunk,
    frame,
    sends,
    trusting,
)
from ..support.waiting import PATIENCE, until
from ..support.watching import Watched
from .conftest import Watch, no_readers


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(CHUNKED + chunk(frame("a")) + chunk(b"event: b\nda"), id="chunked"),
        pytest.param(OPEN + b"Content-Length: 1000\r\n\r\n" + frame("a") + b"event: b\nda", id="length"),
        pytest.param(CHUNKED + chunk(frame("a")) + b"no chunk\r\n", id="nonsense"),
    ],
)
def test_a_connection_cut_in_mid_frame_fails_after_the_whole_frames(watch: Watch, broken: bytes) -> None:
    with Server(sends(broken)) as server:
        watched = watch(frames(server.url))
        error = watched.failure()
    assert watched.names == ["a"]
    assert type(error) is ConnectionFailed
    assert is_transient(error)
    assert "/api/v1/events broke the connection off: " in str(error)


def test_a_reset_connection_is_lost(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(CHUNKED, chunk(frame("a")))
        assert arrived.wait(PATIENCE)
        peer.reset()

    arrived = threading.Event()
    with Server(script) as server:
        error = watch(frames(server.url), on_frame=lambda _: arrived.set()).failure()
    assert type(error) is ConnectionFailed
    assert is_transient(error)
    assert "/api/v1/events was lost" in str(error)


def test_a_server_that_closes_without_an_answer_breaks_off(watch: Watch) -> None:
    with Server(lambda peer: peer.read_request() and None) as server:
        error = watch(frames(server.url)).failure()
    assert type(error) is ConnectionFailed
    assert is_transient(error)


def test_a_server_that_does_not_speak_http_breaks_off(watch: Watch) -> None:
    with Server(sends(b"SSH-2.0-OpenSSH_9.9\r\n")) as server:
        assert is_transient(watch(frames(server.url)).failure())


def test_a_refused_connection_is_tried_again(watch: Watch) -> None:
    port = own_port()
    error = watch(frames(f"http://127.0.0.1:{port}")).failure()
    assert type(error) is ConnectionFailed
    assert is_transient(error)
    assert f"could not connect to http://127.0.0.1:{port}/api/v1/events: " in str(error)


@pytest.mark.parametrize("host", ["nobody.invalid", f"{'a' * 70}.invalid"])
def test_a_name_that_does_not_resolve_is_tried_again(watch: Watch, host: str) -> None:
    error = watch(frames(f"http://{host}")).failure()
    assert type(error) is ConnectionFailed
    assert is_transient(error)
    assert f"could not connect to http://{host}/api/v1/events: " in str(error)


def test_an_untrusted_certificate_is_final_and_says_what_to_do(watch: Watch) -> None:
    with Server(sends(CLOSE_DELIMITED), tls=True) as server:
        error = watch(frames(server.url)).failure()
    assert type(error) is CertificateRejected
    assert not is_transient(error)
    assert f"the certificate of {server.url}/api/v1/events is not trusted: " in str(error)
    assert "pass verify=" in str(error)


def test_a_certificate_for_another_name_is_rejected(watch: Watch) -> None:
    with Server(sends(CLOSE_DELIMITED), tls=True, name="elsewhere.example") as server:
        error = watch(frames(server.url, verify=trusting())).failure()
    assert type(error) is CertificateRejected


@pytest.mark.parametrize("verify", ["context", False])
def test_a_certificate_that_is_trusted_by_verify_opens(watch: Watch, verify: object) -> None:
    with Server(sends(CLOSE_DELIMITED, frame("a")), tls=True) as server:
        source = frames(server.url, verify=trusting() if verify else False, token="pt_1")
        assert watch(source).end().names == ["a"]
        assert server.requests[0].target == "/api/v1/events?token=pt_1"


def test_tls_towards_a_server_without_it_is_final_and_says_what_to_write(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        peer.socket.recv(65536)
        peer.send(b"HTTP/1.1 400 No TLS here\r\n\r\n")

    with Server(script) as server:
        error = watch(frames(server.url.replace("http:", "https:"))).failure()
    assert type(error) is ConfigurationError
    assert not is_transient(error)
    assert "speaks plain HTTP, or nothing that is known: write http://" in str(error)


def test_what_was_open_before_is_at_the_right_address_whatever_comes_from_there(watch: Watch) -> None:
    with Server(lambda peer: peer.send(b"HTTP/1.1 400 No TLS here\r\n\r\n")) as server:
        source = frames(server.url.replace("http:", "https:"))
        session = source.session()
        session.was_open = True
        error = watch(source.connect(session)).failure()
    assert is_transient(error)
    assert "write http://" in str(error)


def test_garbage_in_the_place_of_an_answer_is_not_the_end_of_a_stream() -> None:
    scripts = iter(
        [sends(CLOSE_DELIMITED, frame("a")), sends(bytes(range(256))), sends(CLOSE_DELIMITED, frame("b"))]
    )

    def script(peer: Peer) -> None:
        next(scripts)(peer)

    with Server(script) as server, ctfy_rx.events(f"{server.url}/stream", initial=0.01) as stream:
        iterator = iter(stream)
        assert [next(iterator).event, next(iterator).event] == ["a", "b"]


def test_a_frame_that_is_too_large_fails_after_those_before_it(watch: Watch) -> None:
    with Server(sends(CLOSE_DELIMITED, frame("a") + frame("b", "x" * 1000), stay=True)) as server:
        watched = watch(frames(server.url, max_frame_bytes=100))
        assert isinstance(watched.failure(), FrameTooLarge)
        assert watched.names == ["a"]
        until(server.peers[0].gone.is_set)


# A subscriber that raises


def test_what_a_subscriber_raises_ends_its_stream_with_that_very_error(watch: Watch) -> None:
    mistake = httpx.ReadError("of the subscriber, not ours")

    def on_frame(_: Frame) -> None:
        raise mistake

    with Server(sends(CLOSE_DELIMITED, frame("a") + frame("b"), stay=True)) as server:
        watched = watch(frames(server.url), on_frame=on_frame)
        assert watched.failure() is mistake
        assert watched.names == ["a"]
        until(server.peers[0].gone.is_set)


def test_a_subscriber_that_exits_ends_its_stream_for_good_as_only_the_main_thread_can_exit() -> None:
    def on_frame(_: Frame) -> None:
        sys.exit(3)

    with Server(sends(CLOSE_DELIMITED, frame("a") + frame("b"), stay=True)) as server:
        watched = Watched(on_frame).watch(frames(server.url), None)
        error = watched.failure()
        assert watched.names == ["a"]
        until(server.peers[0].gone.is_set)
        until(no_readers)
    assert isinstance(error, StreamClosed)
    assert not is_transient(error)
    assert "SystemExit was raised on the reader thread" in str(error)
    assert isinstance(error.__cause__, SystemExit)


def test_a_token_callable_that_exits_ends_its_stream_for_good() -> None:
    error = Watched().watch(frames("http://127.0.0.1:1", token=sys.exit), None).failure()
    assert isinstance(error, StreamClosed)


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
def test_a_subscriber_that_exits_on_a_loop_stops_the_loop_and_ends_its_stream(
    stop: type[BaseException],
) -> None:
    def on_frame(_: Frame) -> None:
        raise stop

    watched = Watched(on_frame)

    async def subscribe() -> None:
        watched.watch(frames(server.url, client_factory=httpx.AsyncClient), None)
        await asyncio.sleep(PATIENCE)

    with Server(sends(CLOSE_DELIMITED, frame("a") + frame("b"), stay=True)) as server:
        with pytest.raises(stop):
            asyncio.run(subscribe())
        assert watched.names == ["a"]
        assert isinstance(watched.failure(), LoopClosed)
        until(server.peers[0].gone.is_set)
    gc.collect()  # asyncio complains of the task when it is collected: here, and in no other test


# The watchdog


@pytest.mark.parametrize("spoken", [b"", OPEN, CLOSE_DELIMITED, CHUNKED, CLOSE_DELIMITED + frame("a")])
def test_a_peer_that_falls_silent_is_given_up_after_idle_timeout(watch: Watch, spoken: bytes) -> None:
    with Server(sends(spoken, stay=True)) as server:
        started = time.monotonic()
        error = watch(frames(server.url, idle_timeout=0.2)).failure()
        assert time.monotonic() - started >= 0.2
        until(server.peers[0].gone.is_set)
    assert type(error) is ConnectionTimedOut
    assert is_transient(error)
    assert "/api/v1/events has been silent for too long (idle_timeout)" in str(error)


def test_any_byte_feeds_the_watchdog(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(CLOSE_DELIMITED)
        for _ in range(25):  # twice the time limit, and a machine that stands still for most of one
            peer.gone.wait(0.1)
            peer.send(b":")
        peer.send(b"\n" + frame("alive"))

    with Server(script) as server:
        assert watch(frames(server.url, idle_timeout=1.2)).end().names == ["alive"]


def test_without_idle_timeout_silence_is_no_error(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(CLOSE_DELIMITED)
        peer.gone.wait(0.3)
        peer.send(frame("late"))

    with Server(script) as server:
        assert watch(frames(server.url, idle_timeout=None, connect_timeout=0.1)).end().names == ["late"]


# Both libraries' errors


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ConnectTimeout", ConnectionTimedOut),
        ("ReadTimeout", ConnectionTimedOut),
        ("WriteTimeout", ConnectionTimedOut),
        ("PoolTimeout", ConnectionTimedOut),
        ("ConnectError", ConnectionFailed),
        ("ReadError", ConnectionFailed),
        ("WriteError", ConnectionFailed),
        ("CloseError", ConnectionFailed),
        ("ProxyError", ConnectionFailed),
        ("RemoteProtocolError", ConnectionFailed),
        ("DecodingError", ConnectionFailed),
        ("LocalProtocolError", ConfigurationError),
        ("UnsupportedProtocol", ConfigurationError),
        ("InvalidURL", ConfigurationError),
    ],
)
def test_every_error_of_httpx_and_httpx2_becomes_one_of_ours(
    library: object, name: str, kind: type[Exception]
) -> None:
    make: Callable[[str], Exception] = getattr(library, name)
    error = translated(make("with pt_secret"), address="http://h/s", secrets=Secrets("pt_secret"))
    assert type(error) is kind
    assert "http://h/s" in str(error)
    assert "pt_secret" not in str(error)
    assert is_transient(error) is issubclass(kind, ConnectionFailed)


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), RuntimeError("x"), FrameTooLarge(1)])
def test_any_other_error_is_left_as_it_is(error: Exception) -> None:
    assert translated(error, address="http://h/s", secrets=Secrets()) is error
