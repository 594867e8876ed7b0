"""An answer that comes byte by byte, for ever, is no silence; it is given up all the same, and told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest

from ctfy_rx.connection.frames import frames
from ctfy_rx.connection.request import EventRequest
from ctfy_rx.connection.rest import LoopRest, Root, ThreadRest
from ctfy_rx.connection.steps import Answer, Get, Steps
from ctfy_rx.connection.time_limits import HeadLimit
from ctfy_rx.errors import ConnectionTimedOut
from ctfy_rx.operators import retry_with_backoff
from ctfy_rx.reconnect import is_transient

from ..support.servers import CHUNKED, Peer, Script, Server, chunk, frame, in_turn, redirect, reply, trusting
from ..support.threads import started
from ..support.waiting import soon, until
from ..support.watching import Watched
from .conftest import Watch, no_readers

HEAD = b"HTTP/1.1 200 OK\r\nX: "


def trickles(beginning: bytes, asked: Callable[[Peer], object] = Peer.read_request) -> Script:
    """Sends `beginning`, and then a byte now and then until the client has gone."""

    def script(peer: Peer) -> None:
        asked(peer)
        peer.send(beginning)
        while not peer.gone.wait(0.01):
            peer.send(b"x")

    return script


def nobody_is_left(server: Server) -> bool:
    return all(peer.gone.is_set() for peer in server.peers)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads have little time, while `idle_timeout` is as long as ever."""
    monkeypatch.setattr(EventRequest, "head_timeout", 0.3)


# The head of a stream


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_head_that_trickles_for_ever_is_given_up_and_told(watch: Watch, tls: bool) -> None:
    with Server(trickles(HEAD), tls=tls) as server:
        source = frames(server.url, token="pt_s3cret", verify=trusting())
        error = watch(source).failure()
        until(lambda: nobody_is_left(server))
    assert type(error) is ConnectionTimedOut
    assert is_transient(error)
    assert str(error) == (
        f"{server.url}/api/v1/events answers too slowly: the head of its answer was not whole after 0.3 s "
        "(see idle_timeout)"
    )
    assert error.__context__ is None


@pytest.mark.usefixtures("short")
def test_after_it_the_stream_is_opened_again(watch: Watch) -> None:
    def opens(peer: Peer) -> None:
        peer.read_request()
        peer.send(CHUNKED, chunk(frame("a")))
        peer.stay()

    with Server(in_turn(trickles(HEAD), opens)) as server:
        assert watch(frames(server.url).pipe(retry_with_backoff(0.01, 0.1))).got(1).names == ["a"]


@pytest.mark.usefixtures("short")
def test_where_a_redirect_leads_to_it_that_address_is_named(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        if peer.read_request().startswith("/first"):
            peer.send(redirect(f"{server.url}/second?token=pt_s3cret"))
        else:
            trickles(HEAD, lambda _: None)(peer)

    def failure() -> str:
        return str(watch(frames(f"{server.url}/first", token="pt_s3cret")).failure())

    with Server(script) as server:
        until(lambda: failure().startswith(f"{server.url}/second answers too slowly: "))
        assert "pt_s3cret" not in failure()


@pytest.mark.usefixtures("short")
def test_a_proxy_whose_answer_to_connect_trickles_is_given_up_and_named(watch: Watch) -> None:
    with Server(trickles(HEAD)) as proxy:
        error = watch(frames("https://nobody.invalid", proxy=proxy.url)).failure()
    assert type(error) is ConnectionTimedOut
    assert str(error).startswith(f"the proxy 127.0.0.1:{proxy.port}, on the way to https://nobody.invalid/")


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("by_proxy", [False, True], ids=["direct", "by a proxy"])
def test_so_is_one_on_a_connection_that_a_login_has_left_open(library: Any, by_proxy: bool) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(reply(200))
        trickles(HEAD)(peer)

    def logged_in() -> Any:
        client = library.Client(base_url=server.url, proxy=server.url if by_proxy else None)
        client.get("/login")
        return client

    with Server(script) as server:
        error = Watched().watch(frames(client_factory=logged_in), None).failure()
        assert server.connections == 1
    assert "answers too slowly: " in str(error)
    until(no_readers)


def test_a_head_that_is_whole_in_time_opens_the_stream_and_nobody_waits_for_it_any_more(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        for byte in CHUNKED:
            peer.send(bytes([byte]))
        peer.send(chunk(frame("a")))
        peer.stay()

    with Server(script) as server:
        assert watch(frames(server.url)).got(1).names == ["a"]
        until(lambda: not started("ctfy_rx time limit"))


def test_it_may_begin_at_the_end_of_idle_timeout_and_has_a_little_more_to_be_whole() -> None:
    assert EventRequest(idle_timeout=75.0).head_timeout == 80.0


# What httpcore tells of it


class Later:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Later] = []
        self.cancelled = False

    def __call__(self, seconds: float, action: Callable[[], None]) -> Later:
        assert seconds == 80.0
        self.waiting.append(timer := Later())
        timer.act = action
        return timer

    def act(self) -> None:
        raise AssertionError

    def cancel(self) -> None:
        self.cancelled = True

    @property
    def pending(self) -> int:
        return sum(not timer.cancelled for timer in self.waiting)


class Limited:
    """A head with 80 s, told of by `names`."""

    def __init__(self, seconds: float | None = 80.0) -> None:
        self.later = Later()
        self.cuts = 0
        self.limit = HeadLimit(seconds, self.cut, self.later)

    def cut(self) -> None:
        self.cuts += 1

    def told(self, *names: str) -> Limited:
        for name in names:
            self.limit.trace(name)
        return self


STARTED, COMPLETE, FAILED = (f"receive_response_headers.{what}" for what in ("started", "complete", "failed"))


@pytest.mark.parametrize("protocol", ["http11", "http2"])
@pytest.mark.parametrize("end", [COMPLETE, FAILED])
def test_each_head_has_a_time_of_its_own_that_ends_with_it(protocol: str, end: str) -> None:
    limited = Limited()
    for count in range(1, 4):
        limited.told("connection.connect_tcp.started", f"{protocol}.{STARTED}")
        assert (len(limited.later.waiting), limited.later.pending) == (count, 1)
        limited.told(f"{protocol}.{end}", f"{protocol}.receive_response_body.started")
        assert limited.later.pending == 0
    assert not limited.limit.is_over


def test_when_it_is_over_the_connection_is_cut_once() -> None:
    limited = Limited().told(f"http11.{STARTED}")
    limited.later.waiting[0].act()
    limited.told(f"http11.{FAILED}")
    assert (limited.cuts, limited.limit.is_over, limited.later.pending) == (1, True, 0)


def test_a_head_that_was_whole_just_before_is_not_cut() -> None:
    limited = Limited().told(f"http11.{STARTED}", f"http11.{COMPLETE}")
    limited.later.waiting[0].act()  # the timer had begun to act when it was cancelled
    assert (limited.cuts, limited.limit.is_over) == (0, False)


def test_one_that_was_whole_just_after_does_not_open_a_connection_that_is_cut() -> None:
    limited = Limited().told(f"http11.{STARTED}")
    limited.later.waiting[0].act()
    with pytest.raises(TimeoutError):
        limited.told(f"http11.{COMPLETE}")


def test_without_a_time_it_may_take_as_long_as_it_likes() -> None:
    limited = Limited(EventRequest(idle_timeout=None).head_timeout).told(f"http11.{STARTED}")
    assert limited.later.waiting == []
    limited.told(f"http11.{COMPLETE}")


# What is asked beside the stream


def me() -> Steps[Answer]:
    return (yield Get("/me"))


class Rest:
    """Asks on a thread or on a loop, with half a second for each answer."""

    def __init__(self, asynchronous: bool, url: str) -> None:
        root = Root(httpx.URL(url), "pt_s3cret", 5.0, answer_timeout=0.5)
        self._rest: Any = (
            LoopRest(httpx.AsyncClient(), root) if asynchronous else ThreadRest(httpx.Client(), root)
        )
        self._asynchronous = asynchronous
        self.failures: list[Exception] = []

    async def ask(self) -> Answer | None:
        try:
            answer: Answer = await self._rest.ask(me()) if self._asynchronous else self._rest.ask(me())
        except ConnectionTimedOut as error:
            self.failures.append(error)
            return None
        return answer

    async def close(self) -> None:
        await self._rest.aclose() if self._asynchronous else self._rest.close()


@pytest.mark.parametrize("asynchronous", [False, True], ids=["thread", "asyncio"])
@pytest.mark.parametrize(
    "beginning",
    [
        HEAD,
        b"HTTP/1.1 102 Wait\r\n\r\n" + HEAD,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",  # it ends when the connection does
    ],
    ids=["head", "after an informational one", "body", "body without a length"],
)
async def test_an_answer_that_trickles_is_given_up_and_told(asynchronous: bool, beginning: bytes) -> None:
    with Server(trickles(beginning)) as server:
        rest = Rest(asynchronous, server.url)
        assert await rest.ask() is None
        await soon(lambda: nobody_is_left(server))
        await rest.close()
    [error] = rest.failures
    assert str(error) == f"{server.url} needs more than 0.5 s for one answer"
    assert error.__context__ is None
    until(lambda: not started())


@pytest.mark.parametrize("asynchronous", [False, True], ids=["thread", "asyncio"])
async def test_what_is_asked_after_it_is_answered(asynchronous: bool) -> None:
    def answers(peer: Peer) -> None:
        while peer.read_request():
            peer.send(reply(200, b"{}"))

    with Server(in_turn(trickles(HEAD), answers)) as server:
        rest = Rest(asynchronous, server.url)
        while (answer := await rest.ask()) is None:
            assert len(rest.failures) < 60
        assert answer.body == b"{}"
        assert rest.failures
        await rest.close()
    until(lambda: not started())
