"""Without a log the thread of the callbacks reads as well, while they are quick; else one of its own does."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest

import ctfy_rx
from ctfy_rx.demo.running import Platform
from ctfy_rx.platform.doorbell import Doorbell
from ctfy_rx.sse import Frame, FrameDecoder
from ctfy_rx.threads.lead import PATIENCE as PATIENCE_OF_THE_FOLLOWER

from ..connection.test_direct_body import Around, Passing
from ..support.threads import readers, stands_in, started
from ..support.waiting import PATIENCE, until

TICK = b"event: tick\ndata: {}\n\n"


@pytest.fixture
def read_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of the thread of each read that has brought something."""
    names: list[str] = []
    feed = FrameDecoder.feed

    def noted(self: FrameDecoder, chunk: bytes) -> list[Frame]:
        names.append(threading.current_thread().name)
        return feed(self, chunk)

    monkeypatch.setattr(FrameDecoder, "feed", noted)
    return names


class Heard:
    """A callback that notes its threads."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def __call__(self, _: Any) -> None:
        self.threads.append(threading.current_thread().name)


def send_ticks(p: Platform, heard: Heard, number: int) -> None:
    """One after another, each when the one before was heard."""
    for _ in range(number):
        before = len(heard.threads)
        p.send_bytes(TICK)
        until(lambda before=before: len(heard.threads) > before)


@pytest.mark.direct_reads
@pytest.mark.parametrize("options", [{}, {"log": False}], ids=["without a token", "without the log"])
def test_while_callbacks_are_quick_their_thread_reads(
    options: dict[str, Any], p: Platform, read_by: list[str]
):
    heard = Heard()
    token = p.admin_token if options else None
    with ctfy_rx.events(p.url, token=token, **options) as stream:
        stream.of_event("tick").subscribe(heard)
        until(lambda: p.connections)
        while read_by[-10:] != ["ctfy_rx delivery"] * 10:  # on a busy machine one may seem slow
            send_ticks(p, heard, 1)
    assert set(heard.threads) == {"ctfy_rx delivery"}


def test_where_there_is_a_log_a_thread_of_its_own_reads(p: Platform, read_by: list[str]):
    heard = Heard()
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        stream.of_event("tick").subscribe(heard)
        until(lambda: p.connections)
        send_ticks(p, heard, 5)
    assert set(heard.threads) == {"ctfy_rx delivery"}
    assert set(read_by) == {"ctfy_rx reader"}


def test_callbacks_stay_on_their_thread_across_connections(p: Platform):
    heard, idents = Heard(), set[int]()
    with ctfy_rx.events(p.url, initial=0.01, maximum=0.01) as stream:
        stream.of_event("tick").subscribe(heard)
        stream.of_event("tick").subscribe(lambda _: idents.add(threading.get_ident()))
        for opened in (1, 2, 3):
            until(lambda opened=opened: p.opened == opened and p.connections)
            send_ticks(p, heard, 3)
            p.drop_connections(clean=opened == 1)
    assert len(idents) == 1


def test_the_end_of_a_connection_is_noticed_though_a_callback_never_returns(p: Platform):
    entered, go = threading.Event(), threading.Event()
    statuses: list[type] = []

    def stay(_: Any) -> None:
        entered.set()
        assert go.wait(PATIENCE)

    with ctfy_rx.events(p.url, initial=0.01, maximum=0.01) as stream:
        stream.status.subscribe(lambda status: statuses.append(type(status)))
        stream.of_event("tick").subscribe(stay)
        until(lambda: p.connections)
        p.send_bytes(TICK)
        assert entered.wait(PATIENCE)
        p.drop_connections()
        until(lambda: ctfy_rx.Waiting in statuses and statuses[-1] is not ctfy_rx.Waiting)
        until(lambda: p.opened == 2)
        go.set()


def test_when_a_callback_closes_the_stream_no_thread_is_left(p: Platform):
    stream = ctfy_rx.events(p.url)
    heard = Heard()
    stream.of_event("tick").subscribe(heard)
    until(lambda: p.connections)
    send_ticks(p, heard, 2)
    stream.of_event("tock").subscribe(lambda _: stream.close())
    p.send_bytes(TICK.replace(b"tick", b"tock"))
    until(lambda: not started())
    until(lambda: p.connections == 0)


def test_closing_a_stream_that_its_callbacks_thread_reads_ends_both_threads(p: Platform):
    heard = Heard()
    with ctfy_rx.events(p.url) as stream:
        stream.of_event("tick").subscribe(heard)
        until(lambda: p.connections)
        send_ticks(p, heard, 2)
        assert readers()
    until(lambda: not started())


@pytest.mark.direct_reads
def test_the_repr_of_a_stream_says_where_httpx_reads_it_which_takes_longer(p: Platform):
    with (
        ctfy_rx.events(p.url) as ours,
        ctfy_rx.events(p.url, transport=Around(asynchronous=False, body=Passing)) as httpxs,
    ):
        for stream in (ours, httpxs):
            stream.subscribe()
            until(lambda stream=stream: isinstance(stream.status.current, ctfy_rx.Open))
        assert repr(ours).endswith("(connected; nobody: signals only, 1 subscribed)>")
        assert repr(httpxs).endswith("(connected; nobody: signals only, 1 subscribed, read by httpx)>")
        httpxs.close()
        assert repr(httpxs).endswith("(closed, 0 subscribed)>")


@pytest.mark.direct_reads
def test_when_the_thread_that_asks_dies_subscribers_hear_of_it_though_nothing_is_to_be_read(
    p: Platform, monkeypatch: pytest.MonkeyPatch
):
    is_broken, failures, read_at = threading.Event(), list[Exception](), Doorbell._read_at

    def breaking(self: Doorbell) -> float:
        if is_broken.is_set():
            until(lambda: stands_in(started("ctfy_rx delivery")[0], "read"))
            raise RuntimeError("broken")
        return read_at(self)

    monkeypatch.setattr(Doorbell, "_read_at", breaking)
    heard = Heard()
    with ctfy_rx.events(p.url, token=p.admin_token, log=False) as stream:
        stream.of_event("tick").subscribe(heard, failures.append)
        until(lambda: p.connections)
        send_ticks(p, heard, 5)
        is_broken.set()
        p.send_bytes(b"event: team_membership_changed\ndata: {}\n\n")  # it is to ask who we are
        until(lambda: failures)
    assert str(failures[0]) == "broken"


def test_callbacks_that_take_long_again_and_again_hold_up_no_large_frames(p: Platform):
    """Each of which fills a read of the socket."""
    permits, heard = threading.Semaphore(0), list[Any]()

    def on_next(event: Any) -> None:
        assert permits.acquire(timeout=PATIENCE)
        heard.append(event)

    with ctfy_rx.events(p.url) as stream:
        stream.of_event("tick").subscribe(on_next)
        until(lambda: p.connections)
        p.send_bytes(b"event: tick\ndata: %b\n\n" % (b"x" * 60_000) * 300)

        def all_are_read_while_one_a_look_is_heard() -> bool:
            permits.release()
            threading.Event().wait(PATIENCE_OF_THE_FOLLOWER)
            return stream.stats.frames == 300

        until(all_are_read_while_one_a_look_is_heard)
        assert len(heard) < 300
        stream.close()
        permits.release(300)


_request: contextvars.ContextVar[str] = contextvars.ContextVar("request")


class Body:
    """That of an app which, as Flask does, keeps its request in the context in which it is iterated."""

    def __init__(self, threads: set[int]) -> None:
        self._threads = threads

    def __iter__(self) -> Iterator[bytes]:
        token = _request.set("this one")
        for _ in range(50):
            self._threads.add(threading.get_ident())
            yield TICK
        _request.reset(token)  # raises in another context


class Traced(httpx.SyncByteStream):
    """The body of another, read as one that notes the request in its context."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        token = _request.set("this one")
        yield from self._inner
        _request.reset(token)  # raises in another context

    def close(self) -> None:
        self._inner.close()


def test_a_body_that_somebody_has_wrapped_is_read_on_one_thread(p: Platform, read_by: list[str]):
    heard, completed = Heard(), threading.Event()
    transport = Around(asynchronous=False, body=Traced)
    with ctfy_rx.events(p.url, transport=transport, auto_reconnect=False) as stream:
        stream.of_event("tick").subscribe(heard, on_completed=completed.set)
        until(lambda: p.connections)
        send_ticks(p, heard, 10)
        p.drop_connections(clean=True)
        assert completed.wait(PATIENCE)
    assert set(read_by) == {"ctfy_rx reader"}


def test_what_is_no_connection_is_read_on_one_thread():
    threads: set[int] = set()

    def app(_: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return Body(threads)

    def client() -> httpx.Client:
        return httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://app")

    heard = Heard()
    with ctfy_rx.events(client_factory=client, path="/events", auto_reconnect=False) as stream:
        stream.subscribe(heard)
        stream.wait()
    assert len(heard.threads) == 50
    assert len(threads) == 1
