"""The whole library on a real ctfy server: what the README promises, promised by nothing simulated."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import IO, cast

import httpx
import pytest

import ctfy_rx

from ..support.contests import Contest
from ..support.platforms import RealPlatform, real_platform
from ..support.threads import started
from ..support.waiting import PATIENCE, until


@pytest.fixture
def own() -> Iterator[RealPlatform]:
    """That of a test which changes it for others."""
    with real_platform(teams=2, challenges=2) as running:
        yield running


def opened(stream: ctfy_rx.EventStream) -> bool:
    return until(lambda: isinstance(stream.status.current, ctfy_rx.Open))


def allow_one_stream_each(platform: RealPlatform) -> None:
    """From now on the server itself counts, and refuses a second stream of one account."""
    setting = f"{platform.url}/api/v1/admin/platform-settings/sse_connections_per_caller"
    headers = {"Authorization": f"Bearer {platform.admin_token}"}
    answer = httpx.patch(setting, json={"value": 1}, headers=headers)
    assert answer.is_success, answer.text


def test_the_server_counts_one_connection_for_five_subscribers_and_two_iterators(own):
    allow_one_stream_each(own)
    with ctfy_rx.events(own.url, token=own.admin_token) as stream:
        heard: list[list[str]] = [[] for _ in range(5)]
        for each in heard:
            stream.solves().subscribe(lambda event, each=each: each.append(event.payload.actor_name))
        first, second = iter(stream.solves()), iter(stream.of_event("flag_*"))
        assert opened(stream)
        another = ctfy_rx.events(own.url, token=own.admin_token, auto_reconnect=False)
        with pytest.raises(ctfy_rx.TooManyStreams):
            another.wait(PATIENCE)
        own.solve(0)
        assert next(first).payload.actor_name == next(second).payload.actor_name == own.players[0].name
        assert until(lambda: heard == [[own.players[0].name]] * 5)


def test_watch_prints_each_of_twelve_solves_at_once_and_none_twice(
    real, real_contest: Contest, tmp_path: Path
):
    lines: Queue[str] = Queue()
    command = [sys.executable, "-m", "ctfy_rx.cli", "watch", "--filter", "solves", "--json"]
    token_file = tmp_path / "admin.token"
    token_file.write_text(real.admin_token)
    watch = subprocess.Popen(
        [*command, "--platform-url", real.url, "--token-file", str(token_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        stdout, stderr = cast("IO[str]", watch.stdout), cast("IO[str]", watch.stderr)
        assert any("connected" in line for line in iter(stderr.readline, ""))

        def read() -> None:
            for line in stdout:
                lines.put(line)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        for number, challenge in enumerate([real_contest.fresh_challenge() for _ in range(2)] * 6):
            player = number // 2
            real.solve(player, challenge)
            assert json.loads(lines.get(timeout=PATIENCE))["data"]["actor_name"] == real.players[player].name
            if number % 3 == 0:
                real.solve(player, challenge)
        watch.send_signal(signal.SIGINT)
        reader.join(PATIENCE)
        assert lines.empty()
    finally:
        watch.kill()
        watch.communicate()


def test_a_server_restart_under_a_subscriber_is_a_gap_and_not_an_error(own):
    errors: list[Exception] = []
    status: list[str] = []
    heard: list[str] = []
    with ctfy_rx.events(own.url, token=own.admin_token, initial=0.1, maximum=0.5) as stream:
        stream.status.subscribe(lambda now: status.append(now.state))
        stream.solves().subscribe(lambda event: heard.append(event.payload.actor_name), errors.append)
        assert opened(stream)
        own.solve(0)
        assert until(lambda: len(heard) == 1)
        own.restart()
        assert until(lambda: status.count("open") == 2)
        own.solve(1)
        assert until(lambda: len(heard) == 2)
    assert not errors
    assert {"waiting", "gap"} <= set(status)
    assert status[-1] == "closed"


async def test_a_coroutine_reads_the_real_stream_without_a_thread(real, real_contest: Contest):
    challenge = real_contest.fresh_challenge()
    async with ctfy_rx.events(real.url, token=real.players[0].token) as stream:
        coming = asyncio.create_task(stream.solves().next_event(timeout=PATIENCE))
        assert await asyncio.to_thread(opened, stream)
        assert not started()
        await asyncio.to_thread(real.solve, 1, challenge)  # another team's: not for player 0
        await asyncio.to_thread(real.solve, 0, challenge)
        assert (await coming).payload.actor_name == real.players[0].name


def test_an_api_token_is_refused(real):
    with (
        ctfy_rx.events(real.url, token=real.fine_grained_token()) as stream,
        pytest.raises(ctfy_rx.TokenRefused, match="use the session token of `ctfy login`"),
    ):
        next(iter(stream))


def test_an_api_token_hears_only_signals_where_that_is_wanted_and_the_status_says_so(
    real, real_contest: Contest
):
    heard: list[str] = []
    with ctfy_rx.events(real.url, token=real.fine_grained_token(), anonymous_ok=True) as stream:
        stream.subscribe(lambda event: heard.append(event.event))
        assert opened(stream)
        assert str(stream.status.current).startswith("connected; nobody: signals only (API tokens")
        real.solve(2, real_contest.fresh_challenge())
        real.announce("hello")
        assert until(lambda: "announcement_created" in heard)
    assert not [name for name in heard if name.startswith("flag_")]


def test_who_joins_a_team_hears_it_after_a_reconnect_that_comes_by_itself(real):
    account = {"email": "robin@example.com", "password": "a-Long-3nough-secret", "display_name": "Robin"}
    token = httpx.post(f"{real.url}/api/v1/auth/register", json=account).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    heard: list[ctfy_rx.Event] = []
    with ctfy_rx.events(real.url, token=token, initial=0.05) as stream:
        stream.subscribe(heard.append)
        assert opened(stream)
        teams = f"{real.url}/api/v1/competitions/{real.competition_id}/teams"
        httpx.post(teams, json={"name": "Robins"}, headers=headers).raise_for_status()
        assert until(lambda: stream.stats.connections == 2)
        # Its row is in the own log, and no frame of it came.
        assert until(lambda: [e.origin for e in heard if e.event == "team_registered"] == ["log"])


def test_history_of_the_real_platform_is_its_log(real, real_contest: Contest):
    challenge = real_contest.fresh_challenge()
    for player in range(4):
        real.wrong(player, challenge)
        real.solve(player, challenge)
    rows = httpx.get(
        f"{real.url}/api/v1/admin/activities?limit=1000",
        headers={"Authorization": f"Bearer {real.admin_token}"},
    ).json()["items"]
    events = list(ctfy_rx.history(real.url, token=real.admin_token))
    assert [str(event.log_id) for event in events] == [row["id"] for row in reversed(rows)]
    assert [event.event for event in events] == [row["event"] for row in reversed(rows)]


def test_recordings_one_after_another_hold_the_log_without_a_hole(
    real: RealPlatform, real_contest: Contest, tmp_path: Path
):
    path = tmp_path / "day1.jsonl.gz"
    recorded_one, missed_one = real_contest.fresh_challenge(), real_contest.fresh_challenge()

    def recorded() -> list[int | None]:
        there = path.exists() and path.stat().st_size
        return [event.log_id for event in ctfy_rx.replay(path, speed=None) if event.log_id] if there else []

    def logged(since: str = "start") -> list[int | None]:
        log = ctfy_rx.history(real.url, token=real.admin_token, since=since)
        return [event.log_id for event in log]

    before = len(logged())
    for player in (4, 5):
        with ctfy_rx.events(real.url, token=real.admin_token) as stream, stream.record(path):
            assert opened(stream)
            real.wrong(player, recorded_one)
            real.solve(player, recorded_one)
            assert until(lambda: recorded() == logged()[before:])
        real.solve(player, missed_one)  # while nobody records
    with ctfy_rx.events(real.url, token=real.admin_token) as stream, stream.record(path):
        assert until(lambda: recorded() == logged()[before:])
    solves = ctfy_rx.replay(path).solves().to_arrow()
    assert solves["team_name"].to_pylist() == [real.players[n].team_name for n in (4, 4, 5, 5)]
    header = next(iter(gzip.decompress(path.read_bytes()).splitlines()))
    assert json.loads(header)["platform_version"] == "0.7.0"
