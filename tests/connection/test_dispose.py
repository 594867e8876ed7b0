"""Dispose ends a connection within 100 ms, wherever it stands, and nothing is heard of it again."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

from ctfy_rx.connection.frames import frames
from ctfy_rx.errors import LoopClosed
from ctfy_rx.sse import Frame

from ..support.servers import (
    CHUNKED,
    CLOSE_DELIMITED,
    Peer,
    Script,
    Server,
    chunk,
    frame,
    redirect,
    reply,
    sends,
    trusting,
)
from ..support.threads import readers, stands_in
from ..support.waiting import PATIENCE, until
from ..support.watching import Watched
from .conftest import Watch, no_readers


def ends(watched: Watched, peer: Peer) -> None:
    """Dispose; the server sees it and the reader ends, while the peer would stay for ever."""
    until(blocked_in_read)
    watched.dispose()
    until(peer.gone.is_set)
    until(no_readers)


def blocked_in_read() -> bool:
    """Whether each reader thread waits for the peer; on an event loop nobody is blocked."""
    return all(stands_in(thread, "read", "do_handshake") for thread in readers())


def streaming(peer: Peer) -> None:
    sends(CHUNKED, chunk(frame("a")), stay=True)(peer)


def silent(peer: Peer) -> None:
    peer.read_request()
    peer.stay()


def half_a_response(peer: Peer) -> None:
    sends(b"HTTP/1.1 200 OK\r\nContent-", stay=True)(peer)


def refusing(peer: Peer) -> None:
    sends(b"HTTP/1.1 503 No\r\n\r\nbegun", stay=True)(peer)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("script", [streaming, silent, half_a_response, refusing])
def test_ends_at_once_wherever_the_response_stands(watch: Watch, script: Script, tls: bool) -> None:
    with Server(script, tls=tls) as server:
        for attempt in range(5):
            watched = watch(frames(server.url, verify=trusting()))
            if script is streaming:
                watched.got(1)
            until(lambda: len(server.requests) > attempt)  # noqa: B023
            ends(watched, server.peers[attempt])


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_ends_at_once_on_a_connection_that_a_login_has_left_open(tls: bool) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(reply(200))
        silent(peer)

    def logged_in() -> httpx.Client:
        client = httpx.Client(base_url=server.url, verify=trusting())
        client.get("/login")
        return client

    with Server(script, tls=tls) as server:
        watched = Watched().watch(frames(client_factory=logged_in), None)
        until(lambda: len(server.requests) == 2)
        ends(watched, server.peers[0])
        assert server.connections == 1


def test_ends_at_once_during_the_tls_handshake(watch: Watch) -> None:
    def no_handshake(peer: Peer) -> None:
        peer.socket.recv(1)  # the client's hello
        greeted.set()
        peer.stay()

    greeted = threading.Event()
    with Server(no_handshake, tls=True, handshake=False) as server:
        watched = watch(frames(server.url))
        assert greeted.wait(PATIENCE)
        ends(watched, server.peers[0])


def test_ends_at_once_after_a_redirect_on_the_first_origins_other_connection(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        if peer.read_request() == "/first":
            peer.send(redirect("/second"))
        else:
            peer.stay()

    with Server(script) as server:
        watched = watch(frames(f"{server.url}/first"))
        until(lambda: len(server.requests) == 2)
        ends(watched, server.peers[1])


def test_ends_at_once_from_within_on_next_and_delivers_nothing_more(watch: Watch) -> None:
    subscribed: list[Watched] = []

    def on_frame(_: Frame) -> None:
        until(lambda: subscribed)
        subscribed[0].dispose()

    with Server(sends(CHUNKED, chunk(frame("a") + frame("b")), chunk(frame("c")), stay=True)) as server:
        subscribed.append(watch(frames(server.url), on_frame=on_frame))
        until(lambda: server.peers and server.peers[0].gone.is_set())
        until(no_readers)
        assert subscribed[0].names == ["a"]
        assert not subscribed[0].ended


def test_can_be_disposed_twice_and_from_several_threads(watch: Watch) -> None:
    with Server(streaming) as server:
        watched = watch(frames(server.url)).got(1)
        threads = [threading.Thread(target=watched.dispose) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        watched.dispose()
        until(server.peers[0].gone.is_set)
        assert not watched.ended


def test_nothing_is_delivered_after_dispose(watch: Watch, loop: asyncio.AbstractEventLoop) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(CLOSE_DELIMITED)
        while True:
            peer.send(frame("more") * 100)

    with Server(script) as server:
        watched = watch(frames(server.url)).got(100)
        watched.dispose()
        until(server.peers[0].gone.is_set)
        until(no_readers)
        received = len(watched.frames)
        assert not watched.ended
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(PATIENCE)  # what was on its way
        assert len(watched.frames) == received


def test_disposed_while_the_token_is_asked_for_it_sends_nothing() -> None:
    asked, answer = threading.Event(), threading.Event()

    def token() -> str:
        asked.set()
        answer.wait(PATIENCE)
        return "pt_1"

    with Server(streaming) as server:
        watched = Watched().watch(frames(server.url, token=token), None)
        assert asked.wait(PATIENCE)
        watched.dispose()
        answer.set()
        until(no_readers)
        assert server.connections == 0


def test_disposed_at_once_it_opens_nothing_on_a_loop(loop: asyncio.AbstractEventLoop) -> None:
    async def subscribe_and_dispose() -> None:
        frames(server.url).subscribe(scheduler=AsyncIOThreadSafeScheduler(loop)).dispose()

    with Server(streaming) as server:
        asyncio.run_coroutine_threadsafe(subscribe_and_dispose(), loop).result(PATIENCE)
        until(lambda: not asyncio.all_tasks(loop))
        assert server.connections == 0


def test_many_are_disposed_while_they_connect(watch: Watch) -> None:
    with Server(streaming) as server:
        for _ in range(30):
            watch(frames(server.url)).dispose()
        until(no_readers)
        until(lambda: all(peer.gone.is_set() for peer in server.peers))


def test_a_loop_that_ends_tells_the_subscriber() -> None:
    watched = Watched()

    async def subscribe() -> None:
        watched.watch(frames(server.url, client_factory=httpx.AsyncClient), None)
        await asyncio.to_thread(watched.got, 1)

    with Server(streaming) as server:
        asyncio.run(subscribe())
        assert isinstance(watched.failure(), LoopClosed)
        until(server.peers[0].gone.is_set)


def test_subscribing_on_a_closed_loop_is_an_error() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    watched = Watched().watch(frames("http://127.0.0.1:1"), AsyncIOThreadSafeScheduler(loop))
    assert isinstance(watched.failure(), LoopClosed)
