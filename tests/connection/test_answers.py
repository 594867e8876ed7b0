"""Which response opens the stream, and what the others mean."""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from typing import Any

import httpx
import httpx2
import pytest
from reactivex import Observable

from ctfy_rx.connection.answers import BODY_BYTES
from ctfy_rx.connection.frames import Frames as FramesObservable
from ctfy_rx.connection.frames import frames
from ctfy_rx.errors import (
    BadRedirect,
    ConnectionTimedOut,
    HttpError,
    NotAnEventStream,
    TokenRefused,
    TooManyStreams,
)
from ctfy_rx.reconnect import is_transient
from ctfy_rx.sse import Frame

from ..support.servers import (
    CHUNKED,
    CLOSE_DELIMITED,
    OPEN,
    Peer,
    Server,
    by_path,
    chunk,
    frame,
    reply,
    sends,
)
from ..support.waiting import PATIENCE, SILENCE
from .conftest import Watch

TOO_MANY = b'{"code": "too_many_streams", "detail": "512 streams"}'
NESTED = b'{"detail": {"code": "too_many_streams"}}'


def refused(watch: Watch, *parts: bytes, stay: bool = False, **options: object) -> HttpError:
    with Server(sends(*parts, stay=stay)) as server:
        error = watch(frames(server.url, **options)).failure()  # type: ignore[arg-type]
        assert isinstance(error, HttpError), error
        return error


# What opens


@pytest.mark.parametrize(
    "content_type",
    [
        b"text/event-stream",
        b"TEXT/Event-Stream",
        b"text/event-stream; charset=utf-8",
        b"text/event-stream;charset=latin-1;x=y",
        b"  text/event-stream ;",
        b"text/event-stream\r\nContent-Type: text/event-stream; charset=utf-8",
        b"text/html\r\nContent-Type: text/event-stream",
        b"text/html, text/event-stream",
    ],
)
def test_event_stream_in_any_case_with_any_parameters_opens_and_is_utf_8(
    watch: Watch, content_type: bytes
) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: " + content_type + b"\r\n\r\n"
    with Server(sends(head, frame("a", "é 🚩"))) as server:
        assert [f.data for f in watch(frames(server.url)).end().frames] == ["é 🚩"]


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(CLOSE_DELIMITED + frame("a") + frame("b"), id="close-delimited"),
        pytest.param(CHUNKED + chunk(frame("a") + b"eve") + chunk(frame("b")[3:]) + chunk(b""), id="chunked"),
        pytest.param(
            OPEN + b"Content-Length: 46\r\n\r\n" + (frame("a") + frame("b")).ljust(46, b":"), id="length"
        ),
    ],
)
def test_completes_when_the_server_ends_the_body(watch: Watch, response: bytes) -> None:
    with Server(sends(response)) as server:
        watched = watch(frames(server.url)).end()
        assert watched.completed, watched.error
        assert watched.names == ["a", "b"]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_compressed_frames_arrive_one_by_one_as_they_are_flushed(watch: Watch, coding: str) -> None:
    squeeze = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    arrived = threading.Semaphore(0)

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(OPEN + f"Content-Encoding: {coding}\r\n\r\n".encode())
        for name in "abc":
            peer.send(squeeze.compress(frame(name)) + squeeze.flush(zlib.Z_SYNC_FLUSH))
            assert arrived.acquire(timeout=PATIENCE)
        peer.stay()

    with Server(script) as server:
        watched = watch(frames(server.url), on_frame=lambda _: arrived.release())
        assert watched.got(3).names == ["a", "b", "c"]


@pytest.mark.parametrize("compressed", [gzip.compress, zlib.compress])
def test_events_that_are_compressed_one_by_one_are_all_heard(watch: Watch, compressed: Any) -> None:
    coding = "gzip" if compressed is gzip.compress else "deflate"

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(OPEN + f"Content-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for name in "abc":
            peer.send(chunk(compressed(frame(name))))
        peer.stay()

    with Server(script) as server:
        assert watch(frames(server.url)).got(3).names == ["a", "b", "c"]


def test_a_server_that_hangs_behind_something_that_goes_on_flushing_is_noticed(watch: Watch) -> None:
    squeeze = zlib.compressobj(wbits=31)

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(OPEN + b"Content-Encoding: gzip\r\n\r\n")
        peer.send(squeeze.compress(frame("a")) + squeeze.flush(zlib.Z_SYNC_FLUSH))
        while not peer.gone.wait(0.02):
            peer.send(b"\0\0\0\xff\xff")

    with Server(script) as server:
        watched = watch(frames(server.url, idle_timeout=0.3))
        error = watched.failure()
    assert watched.names == ["a"]
    assert type(error) is ConnectionTimedOut
    assert is_transient(error)


def test_content_that_cannot_be_decompressed_breaks_the_connection(watch: Watch) -> None:
    with Server(sends(OPEN + b"Content-Encoding: gzip\r\n\r\n" + b"no gzip at all")) as server:
        error = watch(frames(server.url)).failure()
    assert is_transient(error)
    assert "cannot be decompressed" in str(error)


# What does not; `test_classification.py` has the table


@pytest.mark.parametrize(
    ("headers", "received"),
    [
        ({"Content_Type": "text/html"}, "text/html"),
        ({"Content_Type": "text/event-stream, text/html"}, "text/event-stream, text/html"),
        ({}, "no content type"),
    ],
)
def test_200_without_event_stream_is_refused_and_says_what_came(
    watch: Watch, headers: dict[str, str], received: str
) -> None:
    error = refused(watch, reply(200, b"<title>Log in</title>", **headers))
    assert type(error) is NotAnEventStream
    assert error.body == "<title>Log in</title>"
    assert f"received {received}: a login page, or the wrong URL?" in str(error)
    assert not is_transient(error)


@pytest.mark.parametrize("body", [TOO_MANY, NESTED])
def test_too_many_streams_is_an_error_of_its_own_that_waits_long(watch: Watch, body: bytes) -> None:
    error = refused(watch, reply(429, body))
    assert type(error) is TooManyStreams
    assert is_transient(error)
    assert error.retry_after == 60.0


def test_too_many_streams_waits_longer_if_the_server_says_so(watch: Watch) -> None:
    assert refused(watch, reply(429, TOO_MANY, Retry_After="90")).retry_after == 90.0


@pytest.mark.parametrize("body", [b"[]", b'{"detail": "no"}', b"null", b"[" * 2000, b'{"code": {}}', b"\xff"])
def test_429_with_any_other_body_is_an_ordinary_one(watch: Watch, body: bytes) -> None:
    assert type(refused(watch, reply(429, body))) is HttpError


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("9" * 30, 999999999.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("Fri, 31 Dec 2024 23:59:59 +99999999999999", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_dates_and_ignored_where_it_is_neither(
    watch: Watch, value: str, seconds: float | None
) -> None:
    assert refused(watch, reply(503, Retry_After=value)).retry_after == seconds


def test_retry_after_may_be_a_date(watch: Watch) -> None:
    in_a_minute = formatdate(time.time() + 60, usegmt=True)
    assert refused(watch, reply(503, Retry_After=in_a_minute)).retry_after == pytest.approx(60, abs=5)


def test_a_date_without_a_zone_is_utc_wherever_the_machine_is(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        in_two_minutes = time.asctime(time.gmtime(time.time() + 120))
        waits = refused(watch, reply(503, Retry_After=in_two_minutes)).retry_after
    finally:
        monkeypatch.undo()
        time.tzset()
    assert waits == pytest.approx(120, abs=5)


def test_retry_after_that_comes_twice_is_read(watch: Watch) -> None:
    twice = b"Retry-After: 120\r\n" * 2
    assert refused(watch, b"HTTP/1.1 503 No\r\n" + twice + b"\r\n").retry_after == 120.0


# A client whose hook raises for a status


Frames = Callable[[str], Observable[Frame]]


@pytest.fixture(
    params=[(library, reads) for library in (httpx, httpx2) for reads in (False, True)],
    ids=lambda case: f"{case[0].__name__}{' reads' if case[1] else ''}",
)
def hooked(request: pytest.FixtureRequest, driver: str) -> Frames:
    """`frames` by clients that raise for a status, as many do."""
    library, reads = request.param

    def hook(response: Any) -> None:
        if reads and response.status_code != 200:
            response.read()
        response.raise_for_status()

    async def async_hook(response: Any) -> None:
        if reads and response.status_code != 200:
            await response.aread()
        response.raise_for_status()

    def client() -> Any:
        if driver == "asyncio":
            return library.AsyncClient(event_hooks={"response": [async_hook]})
        return library.Client(event_hooks={"response": [hook]})

    return partial(frames, client_factory=client)


@pytest.mark.parametrize(
    ("response", "kind", "transient"),
    [
        (reply(401), TokenRefused, False),
        (reply(404, b"no"), HttpError, False),
        (reply(503, b"no", Retry_After="7"), HttpError, True),
        (reply(302, Location="mailto:me"), BadRedirect, False),
    ],
    ids=["401", "404", "503", "302"],
)
def test_what_a_hook_raises_for_a_status_is_that_status(
    hooked: Frames, watch: Watch, response: bytes, kind: type[HttpError], transient: bool
) -> None:
    with Server(sends(response)) as server:
        error = watch(hooked(server.url)).failure()
    assert type(error) is kind
    assert is_transient(error) is transient
    assert error.__cause__ is error.__context__ is None
    if error.status == 503:
        assert error.retry_after == 7.0
        assert error.body in {"", "no"}  # httpx has closed what the hook did not read


def test_such_a_client_follows_redirects_as_any_other(watch: Watch, hooked: Frames) -> None:
    first = reply(302, Location="/second", Connection="close")
    with Server(by_path(first=first, second=CLOSE_DELIMITED + frame("a"))) as server:
        assert watch(hooked(f"{server.url}/first")).end().names == ["a"]


# Bodies without end


@pytest.mark.parametrize("page", [chunk(b"<title>Log in</title>"), b""], ids=["a page", "nothing"])
def test_a_page_that_goes_on_for_ever_is_refused_at_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, page: bytes
) -> None:
    monkeypatch.setattr(FramesObservable, "refusal_timeout", SILENCE)
    if page:
        monkeypatch.setattr(FramesObservable, "page_timeout", SILENCE)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Server(sends(head, page, stay=True)) as server:
        error = watch(frames(server.url)).failure()
    assert type(error) is NotAnEventStream
    assert error.body == ("<title>Log in</title>" if page else "")


def test_of_an_endless_body_the_beginning_is_kept(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 500 No\r\n\r\n")
        while True:
            peer.send(b"no" * 1000)

    with Server(script) as server:
        error = watch(frames(server.url)).failure()
    assert error.status == 500
    assert error.body == "no" * (BODY_BYTES // 2)


@pytest.mark.parametrize("drip", [b"", b"x"])
def test_a_body_that_never_ends_does_not_hold_up_its_error(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, drip: bytes
) -> None:
    monkeypatch.setattr(FramesObservable, "refusal_timeout", 0.2)

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 404 No\r\n\r\nbegun")
        while not peer.gone.wait(0.05) and drip:
            peer.send(drip)
        peer.stay()

    with Server(script) as server:
        error = watch(frames(server.url)).failure()
    assert error.status == 404
    assert error.body.rstrip("x") == "begun"


def test_a_compressed_body_that_decompresses_to_nothing_for_ever_ends_as_well(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FramesObservable, "refusal_timeout", 0.2)
    squeeze = zlib.compressobj(wbits=31)

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 404 No\r\nContent-Encoding: gzip\r\n\r\n")
        while not peer.gone.wait(0.01):
            peer.send(squeeze.flush(zlib.Z_FULL_FLUSH) or b"\0\0\0\xff\xff")

    with Server(script) as server:
        assert watch(frames(server.url)).failure().status == 404


def test_a_compressed_error_body_is_readable(watch: Watch) -> None:
    assert refused(watch, reply(500, gzip.compress(b"because"), Content_Encoding="gzip")).body == "because"


def test_a_body_that_breaks_off_leaves_what_came(watch: Watch) -> None:
    head = b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\n"
    assert refused(watch, head + b"half").body == "half"


def test_a_token_cut_at_the_end_of_what_is_kept_is_hidden_too(watch: Watch) -> None:
    body = b"x" * (BODY_BYTES - 5) + b"pt_secret_that_is_long" + b"y" * 10_000
    error = refused(watch, reply(500, body), token="pt_secret_that_is_long")
    assert error.body.rstrip("y") == "x" * (BODY_BYTES - 5) + "***"
