"""Each event once: what the activity log holds comes from there, the rest live, on both drivers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

import ctfy_rx
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import ConfigurationError, LogUnavailable, TokenRefused

from ..support.threads import started
from ..support.waiting import PATIENCE, until


class Log:
    """A stream, and all that it gave."""

    def __init__(self, stream: ctfy_rx.EventStream, loop: asyncio.AbstractEventLoop | None) -> None:
        self.stream = stream
        self.events: list[ctfy_rx.Event] = []
        self.told: list[ctfy_rx.Status] = []
        self.error: Exception | None = None
        stream.status.subscribe(self.told.append)
        scheduler = AsyncIOThreadSafeScheduler(loop) if loop else None
        stream.subscribe(self.events.append, self._failed, scheduler=scheduler)

    def _failed(self, error: Exception) -> None:
        self.error = error

    @property
    def ids(self) -> list[int | None]:
        """The ids of the rows that came from the log, in the order in which they came."""
        return [event.log_id for event in self.events if event.origin == "log"]

    def names(self, origin: str) -> list[str]:
        return [event.event for event in self.events if event.origin == origin]

    def status(self, kind: type[ctfy_rx.Status]) -> list[Any]:
        return [status for status in self.told if isinstance(status, kind)]


Listen = Callable[..., Log]


@pytest.fixture(params=["thread", "asyncio"])
def listen(request: pytest.FixtureRequest) -> Iterator[Listen]:
    """``listen(url, ...)`` subscribes to `ctfy_rx.events` with the driver of this run."""
    loop = asyncio.new_event_loop() if request.param == "asyncio" else None
    thread = threading.Thread(target=loop.run_forever) if loop else None
    if thread:
        thread.start()
    logs: list[Log] = []

    def subscribe(url: str, *, opened: bool = True, **options: Any) -> Log:
        stream = ctfy_rx.events(url, **{"initial": 0.02, "maximum": 0.1} | options)
        logs.append(Log(stream, loop))
        if opened:
            until(lambda: logs[-1].status(ctfy_rx.Open))
        return logs[-1]

    yield subscribe
    for log in logs:
        log.stream.close()
    if loop and thread:
        until(lambda: not asyncio.all_tasks(loop))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
    until(lambda: not started())


def ids(p: Platform, *, of: str = "") -> list[int]:
    return [int(row.id) for row in p.rows if not of or row.actor_id == of]


def test_an_admin_gets_every_row_once_in_order_though_the_connection_is_lost(p: Platform, listen: Listen):
    log = listen(p.url, token=p.admin_token)
    for number in range(40):
        p.wrong(team=0, challenge=0)  # all the same
        if number % 10 == 5:
            p.drop_connections(clean=number == 5)
    until(lambda: len(log.ids) >= len(p.rows))
    assert log.ids == ids(p)
    until(lambda: log.status(ctfy_rx.Gap))
    assert all(gap.logged for gap in log.status(ctfy_rx.Gap))


def test_what_happens_while_we_are_away_comes_after_the_reconnect(p: Platform, listen: Listen):
    log = listen(p.url, token=p.admin_token)
    p.drop_connections()
    p.solve(team=0, challenge=0)
    p.wrong(team=1, challenge=0)
    until(lambda: len(log.ids) >= len(p.rows))
    assert log.ids == ids(p)


def test_signals_come_live_and_after_a_gap_the_scoreboard_is_worth_a_look(p: Platform, listen: Listen):
    log = listen(p.url, token=p.admin_token)
    p.announce("hello")
    until(lambda: "announcement_created" in log.names("live"))
    p.drop_connections()
    until(lambda: log.status(ctfy_rx.Gap))
    until(lambda: log.names("local"))
    p.announce("over")
    until(lambda: log.names("live").count("announcement_created") == 2)
    assert log.names("local") == ["scoreboard_updated"]


def test_also_for_one_without_a_token(p: Platform, listen: Listen):
    log = listen(p.url)
    p.drop_connections()
    until(lambda: log.names("local") == ["scoreboard_updated"])


def test_a_player_gets_the_own_events_from_the_log_and_a_teammates_live(p: Platform, listen: Listen):
    mine, teammate = p.teams[0].players[:2]
    log = listen(p.url, token=mine.token)
    p.wrong(team=0, challenge=0, player=mine.name)
    p.wrong(team=0, challenge=0, player=teammate.name)
    p.wrong(team=1, challenge=0)
    p.announce("over")
    until(
        lambda: "announcement_created" in log.names("live") and log.ids and "flag_wrong" in log.names("live")
    )
    assert log.ids == ids(p, of=mine.user_id)
    assert [event.payload.actor_id for event in log.events if event.event == "flag_wrong"].count(
        teammate.user_id
    ) == 1


def test_log_false_hears_everything_live(p: Platform, listen: Listen):
    log = listen(p.url, token=p.admin_token, log=False)
    p.wrong(team=0, challenge=0)
    until(lambda: "flag_wrong" in log.names("live"))
    assert not log.ids
    assert log.stream.cursor is None


@pytest.mark.parametrize(
    "since",
    [
        lambda _: "start",
        lambda _: 3600.0,
        lambda _: timedelta(hours=1),
        lambda rows: rows[0].timestamp,
        lambda rows: f"{int(rows[0].id) - 1}@{rows[0].timestamp.isoformat()}",
        lambda rows: ctfy_rx.Event(
            "x", "{}", cursor=f"{int(rows[0].id) - 1}@{rows[0].timestamp.isoformat()}"
        ),
    ],
    ids=["start", "seconds", "timedelta", "datetime", "cursor", "event"],
)
def test_since_begins_earlier(since: Callable[[Any], Any], p: Platform, listen: Listen):
    for challenge in range(3):
        p.solve(team=0, challenge=challenge)
    log = listen(p.url, token=p.admin_token, since=since(p.rows))
    p.solve(team=1, challenge=0)
    until(lambda: len(log.ids) >= len(p.rows))
    assert log.ids == ids(p)


def test_since_a_later_time_leaves_out_what_was_before(p: Platform, listen: Listen):
    p.solve(team=0, challenge=0)
    log = listen(p.url, token=p.admin_token, since=datetime.now(UTC) + timedelta(milliseconds=5))
    threading.Event().wait(0.01)
    p.solve(team=1, challenge=0)
    until(lambda: log.ids)
    assert set(log.ids) <= set(ids(p)[1:])


def test_an_app_that_goes_on_from_the_cursor_of_an_event_repeats_and_misses_none(p: Platform, listen: Listen):
    first = listen(p.url, token=p.admin_token)
    for _ in range(5):
        p.wrong(team=0, challenge=0)
    until(lambda: len(first.ids) == 5)
    third_row = first.events[[event.log_id for event in first.events].index(first.ids[2])]
    fifth_row = first.events[[event.log_id for event in first.events].index(first.ids[4])]
    until(lambda: first.stream.cursor == fifth_row.cursor)
    first.stream.close()
    for _ in range(3):
        p.wrong(team=0, challenge=0)
    second = listen(p.url, token=p.admin_token, since=third_row)
    third = listen(p.url, token=p.admin_token, since=first.stream.cursor)
    until(lambda: len(second.ids) >= 5 and len(third.ids) >= 3)
    assert first.ids[:3] + second.ids == ids(p) == first.ids + third.ids


def test_a_row_without_a_frame_comes_with_the_next_one(
    p: Platform, listen: Listen, monkeypatch: pytest.MonkeyPatch
):
    log = listen(p.url, token=p.admin_token)
    with monkeypatch.context() as silenced:
        silenced.setattr(p.stage.hub, "publish", lambda *_: 0)
        p.wrong(team=0, challenge=0)
    assert log.stream.stats.frames == 0
    p.wrong(team=0, challenge=0)
    until(lambda: len(log.ids) >= 2)
    assert log.ids == ids(p)


def test_ids_that_come_again_are_new_events(p: Platform, listen: Listen):
    log = listen(p.url, token=p.admin_token)
    p.wrong(team=0, challenge=0)
    until(lambda: len(log.ids) == 1)
    p.delete_newest_rows(1)
    p.wrong(team=1, challenge=0)
    until(lambda: len(log.ids) == 2)
    assert log.ids[0] == log.ids[1]


# Who we are


def test_the_status_tells_who_we_are(p: Platform, listen: Listen):
    log = listen(p.url, token=p.players[0].token)
    assert str(log.stream.status.current) == f"connected as {p.players[0].name}"


def test_without_a_token_the_status_tells_that_only_signals_come(p: Platform, listen: Listen):
    log = listen(p.url)
    assert str(log.stream.status.current) == "connected; nobody: signals only"


def test_a_player_who_is_an_admin_is_called_so(p: Platform, listen: Listen):
    log = listen(p.url, token=p.admin_token)
    assert str(log.stream.status.current).endswith(" (admin)")


@pytest.mark.parametrize("token", ["pt_unknown", "fine-grained"])
def test_a_token_that_hears_nothing_is_refused(token: str, p: Platform, listen: Listen):
    token = p.fine_grained_token() if token == "fine-grained" else token
    log = listen(p.url, token=token, opened=False)
    until(lambda: log.error)
    assert isinstance(log.error, TokenRefused)
    assert token not in str(log.error)
    assert p.opened == 0


class Reluctant:
    """Makes clients that wait before they ask who we are, once they are told to."""

    def __init__(self) -> None:
        self.waits = False
        self.asked = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> httpx.Client:
        return httpx.Client(event_hooks={"request": [self._hold]})

    def _hold(self, request: httpx.Request) -> None:
        if self.waits and request.url.path == "/api/v1/me":
            self.asked.set()
            assert self.go.wait(PATIENCE)


def test_while_the_platform_does_not_say_who_we_are_a_connection_opens_again_and_is_heard(p: Platform):
    clients, heard = Reluctant(), list[str]()
    with ctfy_rx.events(
        p.url, token=p.admin_token, client_factory=clients, initial=0.02, maximum=0.1
    ) as stream:
        stream.subscribe(lambda event: heard.append(event.event))
        until(lambda: isinstance(stream.status.current, ctfy_rx.Open))
        clients.waits = True
        p.drop_connections()
        assert clients.asked.wait(PATIENCE)
        until(lambda: p.connections)
        p.announce("hello")
        until(lambda: "announcement_created" in heard)
        assert not clients.go.is_set()
        clients.go.set()


@pytest.mark.parametrize("token", ["pt_unknown", "fine-grained"])
def test_anonymous_ok_goes_on_and_says_so(token: str, p: Platform, listen: Listen):
    token = p.fine_grained_token() if token == "fine-grained" else token
    log = listen(p.url, token=token, anonymous_ok=True)
    assert str(log.stream.status.current).startswith("connected; nobody: signals only (")
    p.announce("hello")
    until(lambda: "announcement_created" in log.names("live"))


def test_a_token_that_expires_is_refused_at_the_next_opening(p: Platform, listen: Listen):
    log = listen(p.url, token=p.players[0].token)
    p.expire_token(p.players[0].token)
    p.drop_connections()
    until(lambda: log.error)
    assert isinstance(log.error, TokenRefused)


def test_log_true_without_a_token_is_an_error_and_auto_is_none(p: Platform, listen: Listen):
    log = listen(p.url, log=True, opened=False)
    until(lambda: log.error)
    assert isinstance(log.error, LogUnavailable)
    listen(p.url)


def test_since_and_log_false_contradict_each_other(p: Platform):
    with pytest.raises(ConfigurationError, match="leave log=False away"):
        ctfy_rx.events(p.url, since="start", log=False)


@pytest.mark.parametrize("since", [12, "12", "start"])
def test_another_server_has_no_log_and_last_event_id_is_for_it(since: Any):
    with pytest.raises(ConfigurationError, match=r"only a platform has: .* write last_event_id="):
        ctfy_rx.events("http://127.0.0.1:8100/prices", since=since)


@pytest.mark.parametrize(
    "since", [ctfy_rx.Event("tick", "{}"), "yesterday", -1, float("nan"), timedelta(-1), b"start", object()]
)
def test_what_is_no_beginning_is_refused(since: Any, p: Platform):
    with pytest.raises(ConfigurationError):
        ctfy_rx.events(p.url, since=since)


# Numbers


def test_stats_count_what_was_done(p: Platform, listen: Listen):
    log = listen(p.url, token=p.admin_token)
    p.wrong(team=0, challenge=0)
    until(lambda: log.ids)
    p.drop_connections()
    until(lambda: len(log.status(ctfy_rx.Open)) == 2)
    stats = log.stream.stats
    assert (stats.connections, stats.reconnects, stats.gaps) == (2, 1, 1)
    assert stats.events == len(log.events) > 0
    assert stats.frames >= 1
    assert stats.bytes > 50
    assert stats.log_reads >= 1
    assert stats.uptime > 0
    assert stats.drops == 0
