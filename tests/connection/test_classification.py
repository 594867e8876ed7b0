"""One table: what can go wrong, produced for real, and what becomes of it; `docs/errors.md` is the same."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import httpx2
import pytest

from ctfy_rx import errors
from ctfy_rx.connection.answers import BODY_BYTES
from ctfy_rx.connection.frames import frames
from ctfy_rx.operators import retry_with_backoff
from ctfy_rx.reconnect import is_transient

from ..support.ports import own_port
from ..support.servers import (
    CHUNKED,
    CLOSE_DELIMITED,
    OPEN,
    Peer,
    Script,
    Server,
    frame,
    in_turn,
    redirect,
    reply,
    sends,
)
from ..support.waiting import PATIENCE
from ..support.watching import Watched

BODY = b'{"detail": "because"}'


class Cause(NamedTuple):
    """What happens, and what is to come of it."""

    script: Script
    kind: str
    transient: bool
    helps: str
    scheme: str = "http"


def status(code: int, kind: str, transient: bool, helps: str) -> Cause:
    body = b"" if code == 204 else BODY
    return Cause(sends(reply(code, body, X_Reason="so")), kind, transient, helps)


def too_many(body: bytes) -> Cause:
    return Cause(sends(reply(429, body, X_Reason="so")), "TooManyStreams", True, "close some, or share one")


def resets(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def speaks_plainly(peer: Peer) -> None:
    peer.socket.recv(65536)
    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


TABLE = {
    "401": status(401, "TokenRefused", False, "log in again, or check token="),
    "403": status(403, "TokenRefused", False, "log in again, or check token="),
    "404": status(404, "HttpError", False, "check the URL"),
    "410": status(410, "HttpError", False, "check the URL"),
    "400": status(400, "HttpError", False, "see the body of this error"),
    "405": status(405, "HttpError", False, "see the body of this error"),
    "418": status(418, "HttpError", False, "see the body of this error"),
    "451": status(451, "HttpError", False, "see the body of this error"),
    "204": status(204, "NotAnEventStream", False, "asks not to come back"),
    "201": status(201, "NotAnEventStream", False, "a login page, or the wrong URL?"),
    "wrong content type": Cause(
        sends(reply(200, BODY, X_Reason="so", Content_Type="text/html")),
        "NotAnEventStream",
        False,
        "received text/html: a login page, or the wrong URL?",
    ),
    "unknown content coding": Cause(
        sends(OPEN + b"X-Reason: so\r\nContent-Encoding: br\r\n\r\n"), "NotAnEventStream", False, "a proxy?"
    ),
    "407": status(407, "HttpError", False, "the proxy wants a user and a password"),
    "408": status(408, "HttpError", True, "see the body of this error"),
    "425": status(425, "HttpError", True, "see the body of this error"),
    "429": status(429, "HttpError", True, "see the body of this error"),
    "too_many_streams": too_many(b'{"code": "too_many_streams"}'),
    "too_many_streams, nested": too_many(b'{"detail": {"code": "too_many_streams"}}'),
    "500": status(500, "HttpError", True, "cannot serve the stream now"),
    "502": status(502, "HttpError", True, "cannot serve the stream now"),
    "503": status(503, "HttpError", True, "cannot serve the stream now"),
    "599": status(599, "HttpError", True, "cannot serve the stream now"),
    "504": status(504, "HttpError", True, "cannot serve the stream now"),
    "redirect loop": Cause(
        sends(redirect("/api/v1/events")), "BadRedirect", False, "check the URL and the proxy"
    ),
    "redirect nowhere": Cause(
        sends(redirect("ftp://x/")), "BadRedirect", False, "check the URL and the proxy"
    ),
    "certificate": Cause(sends(CLOSE_DELIMITED), "CertificateRejected", False, "pass verify=", "https"),
    "TLS to a plain port": Cause(speaks_plainly, "ConfigurationError", False, "write http://", "https"),
    "plain to a TLS port, an alert": Cause(
        sends(b"\x15\x03\x01\x00\x02\x02\x46"), "ConnectionFailed", True, "write https://"
    ),
    "plain to a TLS port, nginx": Cause(
        sends(reply(400, b"The plain HTTP request was sent to HTTPS port", X_Reason="so")),
        "HttpError",
        False,
        "write https://",
    ),
    "read timeout": Cause(
        sends(OPEN, stay=True), "ConnectionTimedOut", True, "silent for too long (idle_timeout)"
    ),
    "reset": Cause(resets, "ConnectionFailed", True, "was lost"),
    "closed without an answer": Cause(lambda p: p.read_request() and None, "ConnectionFailed", True, "broke"),
    "cut in mid-chunk": Cause(
        sends(CHUNKED + b"9\r\nab"), "ConnectionFailed", True, "broke the connection off"
    ),
    "no HTTP": Cause(sends(b"SSH-2.0-OpenSSH_9.9\r\n"), "ConnectionFailed", True, "broke the connection off"),
    "gzip that is none": Cause(
        sends(OPEN + b"Content-Encoding: gzip\r\n\r\nno gzip at all"),
        "ConnectionFailed",
        True,
        "cannot be decompressed",
    ),
    "too large a frame": Cause(
        sends(CLOSE_DELIMITED + frame("a", "x" * 5000)), "FrameTooLarge", False, "raise max_frame_bytes"
    ),
}
CLIENTS = [httpx.Client, httpx.AsyncClient, httpx2.Client, httpx2.AsyncClient]


@contextmanager
def watched(url: str, client: Any, loop: asyncio.AbstractEventLoop, **options: Any) -> Iterator[Any]:
    """The failure of a stream that `client` reads."""
    source = frames(url, client_factory=client, max_frame_bytes=1000, **options)
    seen = Watched()

    async def subscribe() -> None:
        seen.watch(source, None)

    asyncio.run_coroutine_threadsafe(subscribe(), loop).result(PATIENCE)
    yield seen.failure()


by_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda c: f"{c.__module__}.{c.__name__}")


@by_client
@pytest.mark.parametrize("name", TABLE)
def test_every_cause_becomes_its_error(loop: asyncio.AbstractEventLoop, client: Any, name: str) -> None:
    cause = TABLE[name]
    tls = cause.kind == "CertificateRejected"
    with Server(cause.script, tls=tls) as server:
        url = f"{cause.scheme}://127.0.0.1:{server.port}"
        with watched(url, client, loop, idle_timeout=0.3, token="pt_s3cret") as error:
            pass
    assert type(error).__name__ == cause.kind, error
    assert is_transient(error) is cause.transient
    assert cause.helps in str(error)
    if isinstance(error, errors.HttpError) and not isinstance(error, errors.BadRedirect):
        assert error.headers["x-reason"] == "so"
        assert len(error.body) <= BODY_BYTES
    if name.isdigit():
        assert f"/api/v1/events answered {name}: " in str(error)
        assert (str(error.status), error.body) == (name, "" if name == "204" else BODY.decode())


@by_client
def test_a_refused_connection_is_transient(loop: asyncio.AbstractEventLoop, client: Any) -> None:
    with watched(f"http://127.0.0.1:{own_port()}", client, loop) as error:
        assert type(error) is errors.ConnectionFailed
        assert is_transient(error)
        assert "could not connect to http://" in str(error)


@by_client
def test_a_name_that_does_not_resolve_is_transient(loop: asyncio.AbstractEventLoop, client: Any) -> None:
    with watched("http://nobody.invalid", client, loop) as error:
        assert type(error) is errors.ConnectionFailed
        assert is_transient(error)
        assert "could not connect to http://nobody.invalid/" in str(error)


@by_client
def test_a_full_backlog_is_a_timeout_and_transient(loop: asyncio.AbstractEventLoop, client: Any) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = []
        for _ in range(3):  # more than fit: the next one is not answered
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with watched(url, client, loop, connect_timeout=0.3) as error:
            assert type(error) is errors.ConnectionTimedOut
            assert is_transient(error)
            assert "did not accept the connection in time" in str(error)
        for each in waiting:
            each.close()


@pytest.mark.parametrize(
    ("first", "retry_if", "names"),
    [(503, lambda _: False, None), (404, lambda error: error.status == 404, ["a"])],
    ids=["gives up on 503", "goes on after 404"],
)
def test_retry_if_overrides_the_table(first: int, retry_if: Any, names: list[str] | None) -> None:
    # FIN then is the end of the second connection, in order, and it would be retried: one frame is enough.
    with Server(in_turn(sends(reply(first)), sends(CLOSE_DELIMITED, frame("a"), stay=True))) as server:
        seen = Watched()
        source = frames(server.url).pipe(retry_with_backoff(0.01, retry_if=retry_if))
        seen.watch(source, None)
        if names is None:
            assert seen.failure().status == first
        else:
            assert seen.got(1).names == names
        seen.dispose()
        assert server.connections == (1 if names is None else 2)


DOCS = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_docs_hold_the_same_table() -> None:
    rows = re.findall(r"^\| (.+?) \| `(\w+)` \| (yes|no) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {cause: (kind, transient == "yes") for cause, kind, transient in rows}
    tested = {name: (cause.kind, cause.transient) for name, cause in TABLE.items()}
    tested |= {
        "connect refused": ("ConnectionFailed", True),
        "name resolution": ("ConnectionFailed", True),
        "connect timeout": ("ConnectionTimedOut", True),
    }
    assert documented == tested
