"""The events served again, with ids: who may hear what, and what becomes of those who come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest

import ctfy_rx
from ctfy_rx import Event
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.relay import NatsSource, PlatformSource, Server
from ctfy_rx.relay.public import Pseudonyms

from ..support.ports import own_port
from ..support.waiting import PATIENCE, until
from .test_from_nats import event, publish

TOKEN = "pt_of-the-relay"


class Running:
    """A server on a thread of its own."""

    def __init__(self, source, **options):
        self.server = Server(source, **({"token": TOKEN} | options))
        self.failure: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    async def _run(self):
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            await self.server.run(on_ready=self._ready.set)
        except asyncio.CancelledError:
            pass
        except ctfy_rx.CtfyRxError as error:
            self.failure = error
        finally:
            self._ready.set()

    def start(self):
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self.server

    def stop(self):
        with suppress(RuntimeError):  # it has ended, and its loop is closed
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(PATIENCE)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:

        def start(source, **options):
            running = Running(source, **options)
            stack.callback(running.stop)
            return running.start()

        yield start


def hear(server: Server, count: int, *, token: str | None = TOKEN, last_id: str = "", query=None):
    """The first `count` frames, as bytes come."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if last_id:
        headers["Last-Event-ID"] = last_id
    decoder, frames = ctfy_rx.FrameDecoder(), []
    with httpx.stream(
        "GET", f"{server.url}/api/v1/events", headers=headers, params=query, timeout=20
    ) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_bytes():
            frames += decoder.feed(chunk)
            if len(frames) >= count:
                break
    return frames[:count]


def test_whoever_comes_back_gets_what_it_missed(broker, serve):
    publish(broker, *map(event, range(1, 6)))
    server = serve(NatsSource(broker.url))
    frames = hear(server, 3, last_id="2")
    assert [frame.id for frame in frames] == ["3", "4", "5"]
    assert frames[0].event == "flag_correct"
    assert frames[0].data == event(3).text


def test_what_is_not_in_memory_any_more_comes_from_the_log(broker, serve, monkeypatch):
    monkeypatch.setattr("ctfy_rx.relay.sources._PRELOADED", 2)
    publish(broker, *map(event, range(1, 21)))
    server = serve(NatsSource(broker.url))
    assert [frame.id for frame in hear(server, 19, last_id="1")] == [str(number) for number in range(2, 21)]


def test_an_event_stream_of_this_library_goes_on_after_the_relay_restarts(broker):
    publish(broker, event(1))
    port = own_port()
    first = Running(NatsSource(broker.url), port=port)
    server = first.start()
    assert until(lambda: server._ring.end == 1)  # or what was there before would pass for news
    got, told = [], []
    with ctfy_rx.events(
        f"http://127.0.0.1:{port}/api/v1/events", token=TOKEN, initial=0.05, maximum=0.2
    ) as stream:
        stream.status.subscribe(told.append)
        stream.subscribe(got.append)
        assert until(lambda: stream.stats.connections == 1)
        publish(broker, event(2))
        assert until(lambda: len(got) == 1)
        first.stop()
        publish(broker, event(3))
        second = Running(NatsSource(broker.url), port=port)
        second.start()
        publish(broker, event(4))
        assert until(lambda: len(got) == 3)
        second.stop()
    assert [each.data["challenge_id"] for each in got] == ["c2", "c3", "c4"]
    assert all(status.resumable for status in told if isinstance(status, ctfy_rx.Gap))


@pytest.mark.parametrize(("last_id", "said"), [("1", "1"), ("9", None), ("never", None), ("", None)])
def test_it_says_whether_it_goes_on_after_the_last_id(broker, serve, last_id, said):
    publish(broker, event(1), event(2))
    server = serve(NatsSource(broker.url))
    headers = {"authorization": f"Bearer {TOKEN}", "last-event-id": last_id}
    with httpx.stream("GET", f"{server.url}/api/v1/events", headers=headers) as answer:
        assert answer.headers.get("last-event-id") == said


def test_a_browser_may_name_token_and_last_id_in_the_query(broker, serve):
    publish(broker, event(1), event(2))
    server = serve(NatsSource(broker.url))
    frames = hear(server, 1, token=None, query={"token": TOKEN, "last_event_id": "1"})
    assert [frame.id for frame in frames] == ["2"]


@pytest.mark.parametrize("token", ["", "pt_wrong", "pt_öther"])
def test_without_its_token_nobody_is_let_in(broker, serve, token):
    publish(broker, event(1))
    server = serve(NatsSource(broker.url))
    answer = httpx.get(f"{server.url}/api/v1/events", params={"token": token} if token else {})
    assert answer.status_code == 401
    assert TOKEN not in answer.text


def test_the_public_hears_a_stated_list_without_addresses_and_names(broker, serve):
    private = (
        '{"challenge_id":"pwn","actor_id":"u7","actor_name":"Mia","actor_avatar_url":"http://a/mia.png",'
        '"instance_id":"i1","ip":"10.0.0.7","flag_id":"a","competition_id":"spring"}'
    )
    solve = Event("flag_correct", private, log_id=1, logged=1.0, team_id="t1", team_name="Owls", origin="log")
    secret = Event("achievement_unlocked", '{"secret":true}', log_id=3, logged=3.0, origin="log")
    publish(broker, solve, event(2, "flag_wrong"), secret, event(4))
    server = serve(NatsSource(broker.url), public=True)
    frames = hear(server, 2, token=None, last_id="0")
    assert [frame.id for frame in frames] == ["1", "4"]
    for told in ("Mia", "Owls", "u7", "t1", "i1", "10.0.0.7", "mia.png"):
        assert told not in frames[0].data
    shown = ctfy_rx.Event(frames[0].event, frames[0].data)
    assert shown.payload.challenge_id == "pwn"
    assert shown.payload.actor_name.startswith("Team ")
    assert [frame.id for frame in hear(server, 4, last_id="0")] == ["1", "2", "3", "4"]


def test_without_a_token_nobody_who_knows_the_teams_can_tell_which_is_which(broker, serve):
    solve = Event("flag_correct", "{}", log_id=1, logged=1.0, team_id="t1", team_name="Owls", origin="log")
    publish(broker, solve)
    servers = [serve(NatsSource(broker.url), token=token, public=True) for token in (None, None, "", TOKEN)]
    named = {hear(server, 1, token=None, last_id="0")[0].data for server in servers}
    assert len(named) == 4  # another secret at each start
    assert Pseudonyms("").of("t1") not in str(named)
    assert Pseudonyms(TOKEN).of("t1") in str(named)


def test_a_wrong_token_is_not_the_public(broker, serve):
    publish(broker, event(1))
    server = serve(NatsSource(broker.url), public=True)
    assert httpx.get(f"{server.url}/api/v1/events", params={"token": "pt_wrong"}).status_code == 401


def test_without_a_broker_the_platform_itself_is_served_with_cursors_as_ids(p, serve):
    server = serve(PlatformSource(p.url, token=p.admin_token), token=p.admin_token)
    p.wait_for_connections(1)
    p.solve(team=0, challenge=0)
    p.solve(team=1, challenge=0)
    (first, second) = ctfy_rx.history(p.url, token=p.admin_token)
    frames = hear(server, 1, token=p.admin_token, last_id=first.cursor)
    assert [frame.id for frame in frames] == [second.cursor]
    frames = hear(server, 2, token=p.admin_token, last_id="@1970-01-01T00:00:00+00:00")
    assert [frame.id for frame in frames] == [first.cursor, second.cursor]


def test_an_id_that_is_none_begins_now(broker, serve):
    publish(broker, event(1))
    server = serve(NatsSource(broker.url))
    threading.Timer(0.5, lambda: publish(broker, event(2))).start()
    assert [frame.id for frame in hear(server, 1, last_id="what?")] == ["2"]


@pytest.mark.parametrize("last_id", ["1000", "9" * 5000], ids=["beyond the end", "absurd"])
def test_an_id_that_the_stream_never_gave_begins_now(broker, serve, last_id):
    publish(broker, event(1))
    server = serve(NatsSource(broker.url))
    threading.Timer(0.5, lambda: publish(broker, event(2))).start()
    assert [frame.id for frame in hear(server, 1, last_id=last_id)] == ["2"]


def test_the_start_of_a_stream_on_which_nothing_is_is_now(broker, serve):
    publish(broker)
    server = serve(NatsSource(broker.url))
    threading.Timer(0.5, lambda: publish(broker, event(1))).start()
    assert [frame.id for frame in hear(server, 1, last_id="0")] == ["1"]


def test_who_names_what_never_was_and_who_does_not_read_keep_nobody_from_the_log(broker, serve, monkeypatch):
    monkeypatch.setattr("ctfy_rx.relay.sources._PRELOADED", 1)
    monkeypatch.setattr("ctfy_rx.relay.replaying._PLACES", 4)
    big = [Event("note", f'"{"x" * 50_000}"', log_id=n, logged=float(n), origin="log") for n in range(1, 301)]
    publish(broker, *big)
    server = serve(NatsSource(broker.url))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with ExitStack() as stack:
        for last_id in ["1000"] * 4 + ["1"] * 4:
            wanted = httpx.stream(
                "GET", f"{server.url}/api/v1/events", headers=headers | {"Last-Event-ID": last_id}, timeout=20
            )
            stack.enter_context(wanted)
        assert until(lambda: server.clients == 8)
        assert [frame.id for frame in hear(server, 2, last_id="1")] == ["2", "3"]


def test_a_log_that_does_not_answer_keeps_its_listeners_alive_and_then_sends_them_back(
    broker, serve, monkeypatch
):
    monkeypatch.setattr("ctfy_rx.relay.serving._KEEPALIVE", 0.2)
    monkeypatch.setattr("ctfy_rx.relay.replaying._PATIENCE", 1.0)
    monkeypatch.setattr("ctfy_rx.relay.replaying._SOON", 0.2)
    monkeypatch.setattr("ctfy_rx.relay.sources._PRELOADED", 1)
    publish(broker, *map(event, range(1, 6)))
    server = serve(NatsSource(broker.url))
    assert until(lambda: server._ring.end == 1)
    broker.pause()
    try:
        headers = {"Authorization": f"Bearer {TOKEN}", "Last-Event-ID": "1"}
        with httpx.stream("GET", f"{server.url}/api/v1/events", headers=headers, timeout=PATIENCE) as answer:
            read = b"".join(answer.iter_raw())
    finally:
        broker.resume()
    assert read.startswith(b": connected\n\n: keepalive\n\n")
    assert b"id:" not in read
    assert [frame.id for frame in hear(server, 4, last_id="1")] == ["2", "3", "4", "5"]


def test_who_reads_too_slowly_is_cut_off(broker, serve, monkeypatch):
    monkeypatch.setattr("ctfy_rx.relay.serving._REMEMBERED", 50)
    publish(broker, event(1))
    server = serve(NatsSource(broker.url))
    big = [Event("note", f'"{"x" * 50_000}"', log_id=n, logged=float(n), origin="log") for n in range(2, 302)]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.stream("GET", f"{server.url}/api/v1/events", headers=headers, timeout=PATIENCE) as answer:
        assert until(lambda: server.clients == 1)
        publish(broker, *big)
        assert until(lambda: server._ring.end == 301)
        read = b"".join(answer.iter_raw())
    assert server.cut_off == 1
    assert b"id: 2\n" in read
    assert b"id: 301\n" not in read


def test_it_ends_at_once_also_while_somebody_listens_and_sends_them_away_in_order(broker, monkeypatch):
    for limit in ("_GRACE", "_KEEPALIVE"):
        monkeypatch.setattr(f"ctfy_rx.relay.serving.{limit}", 10 * PATIENCE)
    publish(broker, event(1))
    running = Running(NatsSource(broker.url))
    server = running.start()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.stream("GET", f"{server.url}/api/v1/events", headers=headers, timeout=PATIENCE) as answer:
        assert until(lambda: server.clients == 1)
        running.stop()
        assert b"".join(answer.iter_raw()).startswith(b": connected\n\n")  # and it raises nothing
    assert not running._thread.is_alive()


def test_a_relay_without_token_and_without_a_public_is_refused(broker):
    with pytest.raises(ConfigurationError, match="nobody could be let in"):
        Server(NatsSource(broker.url), token=None)


def test_a_port_that_is_taken_is_told(broker, serve):
    server = serve(NatsSource(broker.url))
    other = Running(NatsSource(broker.url), port=server.port)
    other.start()
    other.stop()
    assert "cannot listen at 127.0.0.1" in str(other.failure)
