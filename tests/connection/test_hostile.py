"""A hostile server costs bounded memory and ends in an error of ours, or does no harm at all."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from reactivex import operators as ops

from ctfy_rx.connection.frames import frames
from ctfy_rx.errors import (
    BadRedirect,
    ConnectionFailed,
    CtfyRxError,
    FrameTooLarge,
    HttpError,
    NotAnEventStream,
)

from ..support.servers import (
    CHUNKED,
    CLOSE_DELIMITED,
    OPEN,
    Peer,
    Script,
    Server,
    chunk,
    frame,
    redirect,
    reply,
    sends,
)
from .conftest import Watch

MEBIBYTE = 1 << 20
LIMIT = 24 * MEBIBYTE  # of memory, the server's own included, which is in this process
SECONDS = 30.0


@pytest.fixture
def memory() -> Iterator[None]:
    """The test must not need more memory than LIMIT at any moment."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LIMIT, f"{peak / MEBIBYTE:.0f} MiB"


def endless(head: bytes, more: Callable[[int], bytes]) -> Script:
    """Sends `head`, and then `more` for ever."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(head)
        for number in count():
            peer.send(more(number))

    return script


def coded(name: str) -> bytes:
    return CLOSE_DELIMITED[:-2] + f"Content-Encoding: {name}\r\n\r\n".encode()


ZEROS = gzip.compress(bytes(200 * MEBIBYTE), 1)
ONE_LINE = {
    "endless headers": (
        endless(b"HTTP/1.1 200 OK\r\n", lambda n: b"X-%d: y\r\n" % n * 100),
        ConnectionFailed,
    ),
    "an endless header": (endless(b"HTTP/1.1 200 OK\r\nX: ", lambda _: b"y" * 5000), ConnectionFailed),
    "an endless status line": (endless(b"HTTP/1.1 200 ", lambda _: b"O" * 5000), ConnectionFailed),
    "an endless line": (endless(CLOSE_DELIMITED + b"data: ", lambda _: b"x" * 5000), FrameTooLarge),
    "an endless frame": (endless(CLOSE_DELIMITED, lambda _: b"data: " + b"x" * 5000 + b"\n"), FrameTooLarge),
    "an endless chunk size": (endless(CHUNKED, lambda _: b"f" * 5000), ConnectionFailed),
    "a chunk size beyond all bounds": (
        endless(CHUNKED + b"f" * 18 + b"\r\n", lambda _: b"x" * 5000),
        (ConnectionFailed, FrameTooLarge),
    ),
    "a negative chunk size": (sends(CHUNKED + b"-1\r\nabc"), ConnectionFailed),
    "a gzip bomb": (sends(coded("gzip"), ZEROS), FrameTooLarge),
    "a bomb within a bomb": (sends(coded("gzip, gzip"), gzip.compress(ZEROS)), FrameTooLarge),
    "many codings": (sends(coded(", ".join(["gzip"] * 500)), ZEROS), NotAnEventStream),
    "an unknown coding": (sends(coded("br"), b"\0" * 100), NotAnEventStream),
    "cut gzip": (sends(coded("gzip"), gzip.compress(frame("a") * 99)[:-20]), ConnectionFailed),
    "a bomb as the body of an error": (
        sends(reply(500, gzip.compress(b"no" * 10 * MEBIBYTE), Content_Encoding="gzip")),
        HttpError,
    ),
}


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(("script", "kind"), ONE_LINE.values(), ids=ONE_LINE)
def test_what_has_no_end_is_cut_off(watch: Watch, script: Script, kind: type[CtfyRxError]) -> None:
    with Server(script) as server:
        error = watch(frames(server.url, max_frame_bytes=MEBIBYTE)).failure(SECONDS)
    assert isinstance(error, kind)
    assert len(str(error)) < 1000


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("step", [1000, pytest.param(3000, marks=pytest.mark.slow)])
def test_redirects_to_ever_longer_addresses_end(watch: Watch, step: int) -> None:
    def script(peer: Peer) -> None:
        peer.send(redirect(f"{peer.read_request()}{'x' * step}"))

    with Server(script) as server:
        error = watch(frames(f"{server.url}/x")).failure(SECONDS)
        assert isinstance(error, (BadRedirect, ConnectionFailed))
        assert len(server.requests) <= 21


@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize(
    ("count", "limit"),
    [(200_000, LIMIT), pytest.param(1_000_000, 3 * LIMIT, marks=pytest.mark.slow)],
    ids=["many", "a million"],
)
def test_tiny_frames_that_come_at_once_are_delivered_in_bounded_memory(
    watch: Watch, coding: str, count: int, limit: int
) -> None:
    body = b"data:\n\n" * count
    script = sends(coded("gzip"), gzip.compress(body)) if coding else sends(CLOSE_DELIMITED, body)
    with Server(script) as server:
        tracemalloc.start()
        watched = watch(frames(server.url).pipe(ops.count()))
        try:
            assert watched.end(60.0).completed, watched.error
            assert tracemalloc.get_traced_memory()[1] < limit  # 256 KiB hold 37,000 frames
        finally:
            tracemalloc.stop()
    assert watched.frames == [count]


def test_a_byte_at_a_time_is_a_stream_like_any_other(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        for byte in CHUNKED + chunk(frame("a", "é")) + chunk(b""):
            peer.send(bytes([byte]))

    with Server(script) as server:
        watched = watch(frames(server.url)).end()
        assert [f.data for f in watched.frames] == ["é"], watched.error


NASTY = "\x1b]0;pwned\x07\x1b[2J\x00\x9b31m\u202e"


def test_nuls_ill_formed_text_and_control_characters_are_data_and_printed_escaped(watch: Watch) -> None:
    body = f"id: {NASTY}\nevent: {NASTY}\ndata: {NASTY}".encode() + b"\xff\xfe\xed\xa0\x80\n\n"
    with Server(sends(CLOSE_DELIMITED, body)) as server:
        [received] = watch(frames(server.url)).end().frames
    assert received.event == NASTY
    assert received.data.startswith(NASTY)
    assert received.id == ""
    assert repr(received).isprintable()


@pytest.mark.parametrize("status", [200, 302, 400, 401, 503])
def test_no_control_character_of_an_error_reaches_the_terminal(watch: Watch, status: int) -> None:
    body = NASTY.encode()
    head = f"HTTP/1.1 {status} \x9b31m\r\nContent-Length: {len(body)}\r\n".encode("latin-1")
    head += (
        b"Content-Type: text/\x9b31m\xe2\x80\xae\r\nLocation: http://h\x9b:x/\r\nRetry-After: \x9b\r\n\r\n"
    )
    with Server(sends(head, body)) as server:
        error = watch(frames(server.url)).failure()
    assert isinstance(error, CtfyRxError)
    assert str(error).isprintable()
    assert repr(error).isprintable()


@pytest.mark.parametrize(
    "nonsense", [b"\x1b[2J\r\n\r\n", b"HTTP/1.1 \x1b[2J OK\r\n\r\n", OPEN + b"\x1b: x\r\n\r\n"]
)
def test_nor_one_of_what_is_no_http(watch: Watch, nonsense: bytes) -> None:
    with Server(sends(nonsense)) as server:
        error = watch(frames(server.url)).failure()
    assert isinstance(error, ConnectionFailed)
    assert str(error).isprintable()
