"""What a session lets others do to its connections: look before they open, end them, count."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest
from reactivex import Observable

from ctfy_rx.connection.frames import Frames, frames
from ctfy_rx.errors import FrameTooLarge, TokenRefused
from ctfy_rx.reconnect import Session

from ..support.ports import own_port
from ..support.servers import (
    CHUNKED,
    CLOSE_DELIMITED,
    Peer,
    Script,
    Server,
    chunk,
    frame,
    reply,
    sends,
    trusting,
)
from ..support.waiting import PATIENCE, until
from ..support.watching import Watched
from .conftest import Watch, no_readers


def of(source: Frames, **hooks: Any) -> tuple[Session, Observable[Any]]:
    session = source.session()
    for name, hook in hooks.items():
        setattr(session, name, hook)
    return session, source.connect(session)


# before_open


def test_before_open_is_called_with_the_attempt_before_anything_is_sent(watch: Watch) -> None:
    attempts: list[tuple[Any, int]] = []
    with Server(sends(CLOSE_DELIMITED, frame("a"))) as server:
        _, source = of(frames(server.url), before_open=lambda a: attempts.append((a, server.connections)))
        assert watch(source).end().names == ["a"]
    [(attempt, connections)] = attempts
    assert isinstance(attempt.client, (httpx.Client, httpx.AsyncClient))
    assert attempt.address == f"{server.url}/api/v1/events"
    assert connections == 0


def test_what_before_open_raises_is_the_failure_as_it_is(watch: Watch) -> None:
    refused = TokenRefused("no", status=403)

    def before_open(_: object) -> None:
        raise refused

    with Server(sends(CLOSE_DELIMITED)) as server:
        _, source = of(frames(server.url), before_open=before_open)
        assert watch(source).failure() is refused
        assert server.connections == 0


def test_before_open_may_be_awaited(loop: asyncio.AbstractEventLoop) -> None:
    order: list[str] = []

    async def before_open(_: object) -> None:
        await asyncio.sleep(0.01)
        order.append("looked")

    async def subscribe() -> None:
        source = frames(server.url, client_factory=httpx.AsyncClient)
        session, connection = of(source, before_open=before_open, on_open=lambda: order.append("opened"))
        watched.watch(connection, None)
        assert session.loop is loop

    watched = Watched()
    with Server(sends(CLOSE_DELIMITED, frame("a"))) as server:
        asyncio.run_coroutine_threadsafe(subscribe(), loop).result(PATIENCE)
        assert watched.end().names == ["a"]
    assert order == ["looked", "opened"]


# on_accepted


def test_on_accepted_is_called_when_the_answer_is_awaited(watch: Watch) -> None:
    order: list[str] = []

    def script(peer: Peer) -> None:
        peer.read_request()
        until(lambda: order)  # so it is not the headers that say it
        peer.send(CLOSE_DELIMITED)

    hooks = {name: lambda name=name: order.append(name) for name in ("on_accepted", "on_open")}
    with Server(script) as server:
        _, source = of(frames(server.url), **hooks)
        watch(source).end()
    assert order == ["on_accepted", "on_open"]


def test_on_accepted_is_not_called_where_nobody_listens(watch: Watch) -> None:
    order: list[str] = []
    _, source = of(frames(f"http://127.0.0.1:{own_port()}"), on_accepted=lambda: order.append("accepted"))
    watch(source).failure()
    assert order == []


def test_on_accepted_is_not_called_for_what_a_proxy_is_asked(watch: Watch) -> None:
    order: list[str] = []
    with Server(sends(reply(502))) as proxy:
        source = frames("https://ctf.example", proxy=proxy.url)
        _, source = of(source, on_accepted=lambda: order.append("accepted"))
        watch(source).failure()
        assert proxy.requests[0].request.startswith(b"CONNECT ")
    assert order == []


@pytest.mark.parametrize(
    ("said", "resumes"),
    [(b"", None), (b"Last-Event-ID: 7\r\n", True), (b"Last-Event-ID: earliest\r\n", False)],
)
def test_whether_the_server_goes_on_after_the_last_id_it_may_say(
    watch: Watch, said: bytes, resumes: bool | None
) -> None:
    with Server(sends(CLOSE_DELIMITED[:-2] + said + b"\r\n")) as server:
        session, source = of(frames(server.url, last_event_id="7"))
        watch(source).end()
    assert session.resumes is resumes


# end


def streaming(peer: Peer) -> None:
    sends(CHUNKED, chunk(frame("a")), stay=True)(peer)


def silent(peer: Peer) -> None:
    peer.read_request()
    peer.stay()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("script", [streaming, silent], ids=["streaming", "before headers"])
def test_end_completes_the_observer_and_closes_the_connection(
    watch: Watch, script: Script, tls: bool
) -> None:
    with Server(script, tls=tls) as server:
        session, source = of(frames(server.url, verify=trusting()))
        watched = watch(source)
        until(lambda: server.requests)
        if script is streaming:
            watched.got(1)
        session.end()
        assert watched.end().completed, watched.error
        until(server.peers[0].gone.is_set)
        session.end()  # once more, and too late
        assert not watched.error


def test_end_from_the_observers_own_callback_delivers_what_was_received(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(CLOSE_DELIMITED + frame("a") + frame("b"))
        peer.stay()

    with Server(script) as server:
        session, source = of(frames(server.url))
        watched = watch(source, on_frame=lambda _: session.end())
        assert watched.end().completed, watched.error
        assert watched.names[0] == "a"
        until(server.peers[0].gone.is_set)


def test_end_while_before_open_runs_sends_nothing(watch: Watch) -> None:
    with Server(streaming) as server:
        source = frames(server.url)
        session = source.session()
        session.before_open = lambda _: session.end()
        watched = watch(source.connect(session)).end()
        assert watched.completed, watched.error
        assert server.connections == 0


def test_ended_before_it_began_it_completes_and_looks_at_nothing(loop: asyncio.AbstractEventLoop) -> None:
    looked: list[object] = []
    watched = Watched()

    async def subscribe() -> None:
        source = frames(server.url, client_factory=httpx.AsyncClient)
        session, connection = of(source, before_open=looked.append)
        watched.watch(connection, None)
        session.end()

    with Server(streaming) as server:
        asyncio.run_coroutine_threadsafe(subscribe(), loop).result(PATIENCE)
        assert watched.end().completed, watched.error
        assert server.connections == 0
    assert not looked


def test_what_a_subscriber_raises_is_not_hidden_by_end(watch: Watch) -> None:
    mistake = KeyError("mine")

    def on_frame(_: object) -> None:
        session.end()
        raise mistake

    with Server(streaming) as server:
        session, source = of(frames(server.url))
        assert watch(source, on_frame=on_frame).failure() is mistake


def test_the_session_goes_on_after_end(watch: Watch) -> None:
    with Server(streaming) as server:
        session, source = of(frames(server.url))
        for attempt in range(3):
            watched = watch(source).got(1)
            session.end()
            assert watched.end().completed
            until(server.peers[attempt].gone.is_set)
    assert session.frames == 3


def test_ended_from_many_threads_it_completes_once(watch: Watch) -> None:
    with Server(streaming) as server:
        session, source = of(frames(server.url))
        watched = watch(source).got(1)
        threads = [threading.Thread(target=session.end) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert watched.end().completed
        until(no_readers)


# bytes, frames


def test_bytes_and_frames_are_counted(watch: Watch) -> None:
    body = frame("a") + b": keepalive\n\n" + frame("b")
    with Server(sends(CLOSE_DELIMITED, body)) as server:
        session, source = of(frames(server.url))
        watch(source).end()
    assert (session.bytes, session.frames) == (len(body), 2)


# What is left to the garbage collector


def raising(_: object) -> None:
    raise KeyError


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
@pytest.mark.parametrize(
    ("data", "on_frame", "kind"),
    [("x" * 2000, lambda _: None, FrameTooLarge), ("", raising, KeyError)],
    ids=["frame too large", "subscriber raises"],
)
def test_no_iterator_of_the_http_library_is_left_unfinished(
    library: Any, data: str, on_frame: Callable[[object], None], kind: type[Exception]
) -> None:
    left: list[object] = []
    watched = Watched(on_frame)

    async def subscribe() -> None:
        # asyncio closes what the collector finds in tasks of its own; here it is only written down.
        sys.set_asyncgen_hooks(finalizer=left.append)
        source = frames(server.url, client_factory=library.AsyncClient, max_frame_bytes=1000)
        watched.watch(source, None)
        await asyncio.to_thread(watched.end)
        gc.collect()

    with Server(sends(CHUNKED, chunk(frame("a", data)), stay=True)) as server:
        asyncio.run(subscribe())
    assert isinstance(watched.error, kind)
    assert not left
