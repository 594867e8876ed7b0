"""No secret appears in anything that a program prints, logs, raises or shows."""

from __future__ import annotations

import io
import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, unquote

import h2.config
import h2.connection
import h2.events
import pytest

from ctfy_rx.connection.frames import frames
from ctfy_rx.status import Closed, Waiting
from ctfy_rx.stream.events import events

from ..support.servers import (
    CHUNKED,
    CLOSE_DELIMITED,
    Peer,
    Script,
    Server,
    by_path,
    chunk,
    frame,
    redirect,
    reply,
    sends,
    trusting,
)
from ..support.waiting import PATIENCE
from .conftest import Watch

TOKEN = "pt_s3cr/t+ü k=y"
LOGGERS = ("", "httpx", "httpcore", "h2", "hpack", "h11", "ctfy_rx", "asyncio")
FORMS = (
    TOKEN,
    quote(TOKEN),
    quote(TOKEN, safe=""),
    quote(quote(TOKEN, safe=""), safe=""),
    "s3cr",
    "bWU6cHRfczNjcmV0",
)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged at DEBUG, formatted."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(name)s %(threadName)s %(message)s"))
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error with all that is chained to it."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            waiting += [each.__cause__, each.__context__]
    yield from seen


def shown(error: Any) -> str:
    """All that a program can show of an error."""
    texts = ["".join(traceback.format_exception(error)), str(Waiting(1.0, error, 2)), repr(Closed(error))]
    for each in chain(error):
        texts += [str(each), repr(each), repr(each.args), repr(vars(each))]
        assert not hasattr(each, "request"), "httpx's errors hold the request"
    return "\n".join(texts)


def assert_clean(text: str) -> None:
    for form in FORMS:
        assert form not in text, text[max(0, text.index(form) - 300) :][:600]


def echoing(status: int) -> Script:
    """Repeats the token, as the request has it, in headers and body."""

    def script(peer: Peer) -> None:
        target = peer.read_request()
        lines = re.sub(rb"[\r\n]+", b" ", peer.request.partition(b"\r\n\r\n")[0])
        body = f"{unquote(target)} {target} next={quote(target, safe='')} ".encode() + lines
        peer.send(reply(status, body, X_Target=target, Content_Type=f"text/html; of={target}"))

    return script


def to_itself(peer: Peer) -> None:
    target = peer.read_request()
    peer.send(redirect(f"{peer.server.url}{target}"))


def to_login(peer: Peer) -> None:
    target = peer.read_request()
    if target.startswith("/login"):
        peer.send(reply(200, b"log in", Content_Type="text/html"))
    else:
        peer.send(redirect(f"/login?next={quote(target, safe='')}"))


def breaks_off(peer: Peer) -> None:
    peer.read_request()
    peer.send(CHUNKED, chunk(frame("a")), b"5\r\nab")


SCRIPTS: dict[str, Script] = {
    "refuses and repeats the token": echoing(401),
    "fails and repeats the token": echoing(503),
    "answers a page that holds the token": echoing(200),
    "repeats the token in a Location": to_itself,
    "repeats it within a parameter": to_login,
    "redirects nowhere": sends(redirect("http://h:port/")),
    "breaks off": breaks_off,
    "resets": lambda peer: (peer.read_request(), peer.reset())[0] and None,
    "is silent": sends(stay=True),
    "speaks no HTTP": sends(b"nonsense\r\n\r\n"),
    "sends too large a frame": sends(CLOSE_DELIMITED, frame("a", "x" * 2000)),
    "sends garbage for gzip": sends(CLOSE_DELIMITED[:-2] + b"Content-Encoding: gzip\r\n\r\nno"),
    "streams": sends(CLOSE_DELIMITED, frame("a"), b": comment\n\n"),
}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_token_is_nowhere_to_be_seen(
    watch: Watch, log: io.StringIO, capfd: pytest.CaptureFixture[str], script: Script, tls: bool
) -> None:
    idle_timeout = 1.0 if script is SCRIPTS["is silent"] else PATIENCE
    with Server(script, tls=tls) as server:
        source = frames(
            server.url, token=TOKEN, verify=trusting(), idle_timeout=idle_timeout, max_frame_bytes=1000
        )
        watched = watch(source).end()
        assert quote(TOKEN, safe="").encode() in server.requests[0].request
    assert_clean(shown(watched.error) if watched.error else "")
    assert_clean(f"{source!r} {watched.frames!r} {watched.subscription!r} {sys.argv}")
    assert_clean(" ".join(thread.name for thread in threading.enumerate()))
    assert_clean(log.getvalue())
    assert_clean("".join(capfd.readouterr()))
    assert "httpcore" in log.getvalue()


def test_token_is_hidden_when_the_connection_is_refused(watch: Watch, log: io.StringIO) -> None:
    assert_clean(shown(watch(frames("http://127.0.0.1:1", token=TOKEN)).failure()))
    assert_clean(shown(watch(frames("http://nobody.invalid", token=TOKEN)).failure()))
    assert_clean(log.getvalue())


def test_nor_with_an_untrusted_certificate(watch: Watch, log: io.StringIO) -> None:
    with Server(sends(CLOSE_DELIMITED), tls=True) as server:
        assert_clean(shown(watch(frames(server.url, token=TOKEN)).failure()))
    assert_clean(log.getvalue())


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Authorization": "Bearer pt_s3cret"}},
        {"headers": {"Cookie": "session=pt_s3cret"}},
        {"auth": ("me", "pt_s3cret")},
        {"user_info": "me:pt_s3cret"},
        {"user_info": "me:pt%5fs3cret"},
    ],
    ids=str,
)
@pytest.mark.parametrize("script", [echoing(401), echoing(200), to_itself], ids=["401", "200", "redirect"])
def test_no_other_credential_is_seen_either(
    watch: Watch, log: io.StringIO, options: dict[str, Any], script: Script
) -> None:
    with Server(script) as server:
        info = options.get("user_info")
        url = server.url.replace("://", f"://{info}@") if info else server.url
        source = frames(url, **{name: value for name, value in options.items() if name != "user_info"})
        error = watch(source).failure()
    assert_clean(shown(error) + repr(source) + log.getvalue())


def test_a_stream_shows_no_token_in_its_repr_and_its_status(log: io.StringIO) -> None:
    seen: list[object] = []
    with Server(echoing(401)) as server:
        stream = events(f"{server.url}?token={quote(TOKEN)}")
        stream.status.subscribe(seen.append)
        ended = threading.Event()
        stream.subscribe(on_error=lambda error: (seen.append(error), ended.set())[0])
        assert ended.wait(PATIENCE)
        assert_clean(f"{stream!r} {stream.status!r} {seen} {[str(each) for each in seen]}")
        stream.close()
    assert_clean(log.getvalue())


def test_a_subscriber_that_raises_is_logged_without_the_token(watch: Watch, log: io.StringIO) -> None:
    with Server(sends(CLOSE_DELIMITED, frame("a"))) as server:
        source = frames(server.url, token=TOKEN)
        assert isinstance(watch(source, on_frame=raising(KeyError())).failure(), KeyError)
    assert_clean(log.getvalue())


def raising(error: Exception) -> Callable[[object], None]:
    def on_next(_: object) -> None:
        raise error

    return on_next


# HTTP/2


def over_http2(status: int, body: bytes) -> Script:
    """Answers the first request over HTTP/2, with its path repeated in a header."""

    def script(peer: Peer) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        peer.send(connection.data_to_send())
        while data := peer.socket.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    path = dict(event.headers)[b":path"]
                    peer.request = b"GET " + path
                    peer.server.requests.append(peer)
                    kind = "text/event-stream" if status == 200 else "text/html"
                    headers = [(":status", str(status)), ("content-type", kind), ("x-path", path)]
                    connection.send_headers(1, headers)
                    connection.send_data(1, body, end_stream=True)
            peer.send(connection.data_to_send())

    return script


@pytest.mark.parametrize("status", [200, 401])
def test_over_http2_it_works_and_shows_no_token(watch: Watch, log: io.StringIO, status: int) -> None:
    with Server(over_http2(status, frame("a")), tls=True, alpn="h2") as server:
        source = frames(server.url, token=TOKEN, verify=trusting(), http2=True)
        watched = watch(source).end()
        assert quote(TOKEN, safe="").encode() in server.requests[0].request
    if status == 200:
        assert watched.names == ["a"]
    else:
        assert_clean(shown(watched.error))
    # The server here uses hpack too, and logs what it reads; it is not the client's thread.
    client = [line for line in log.getvalue().splitlines() if "(_serve)" not in line]
    assert any("hpack" in line for line in client)
    assert_clean("\n".join(client))


def test_what_others_log_is_left_alone(watch: Watch, log: io.StringIO) -> None:
    with Server(by_path()) as server:
        watch(frames(server.url, token=TOKEN)).failure()
    logging.getLogger("httpx").debug("another client's %s", "line")
    assert "httpx MainThread another client's line" in log.getvalue()
