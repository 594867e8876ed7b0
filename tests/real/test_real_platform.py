"""The whole library on a real ctfy server: what the README promises, promised by nothing simulated."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import IO, cast

import httpx
import pytest

import ctfy_rx

from ..platforms import RealPlatform, real_platform

PATIENCE = 20.0
PLAYERS = 12


@pytest.fixture
def platform() -> Iterator[RealPlatform]:
    with real_platform(teams=PLAYERS, challenges=2) as running:
        yield running


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def opened(stream: ctfy_rx.EventStream) -> bool:
    return eventually(lambda: isinstance(stream.status.current, ctfy_rx.Open))


def allow_one_stream_each(platform: RealPlatform) -> None:
    """From now on the server itself counts, and refuses a second stream of one account."""
    setting = f"{platform.url}/api/v1/admin/platform-settings/sse_connections_per_caller"
    headers = {"Authorization": f"Bearer {platform.admin_token}"}
    answer = httpx.patch(setting, json={"value": 1}, headers=headers)
    assert answer.is_success, answer.text


def test_the_server_counts_one_connection_for_five_subscribers_and_two_iterators(platform):
    allow_one_stream_each(platform)
    with ctfy_rx.events(platform.url, token=platform.admin_token) as stream:
        heard: list[list[str]] = [[] for _ in range(5)]
        for each in heard:
            stream.solves().subscribe(lambda event, each=each: each.append(event.payload.actor_name))
        first, second = iter(stream.solves()), iter(stream.of_event("flag_*"))
        assert opened(stream)
        another = ctfy_rx.events(platform.url, token=platform.admin_token, auto_reconnect=False)
        with pytest.raises(ctfy_rx.TooManyStreams):
            another.wait(PATIENCE)
        platform.solve(0)
        assert next(first).payload.actor_name == next(second).payload.actor_name == platform.players[0].name
        assert eventually(lambda: heard == [[platform.players[0].name]] * 5)


def test_watch_prints_each_of_twelve_solves_at_once_and_none_twice(platform):
    lines: Queue[tuple[float, str]] = Queue()
    command = [sys.executable, "-m", "ctfy_rx.cli", "watch", "--filter", "solves", "--json"]
    token_file = Path(platform.home, "admin.token")
    token_file.write_text(platform.admin_token)
    watch = subprocess.Popen(
        [*command, "--platform-url", platform.url, "--token-file", str(token_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        stdout, stderr = cast("IO[str]", watch.stdout), cast("IO[str]", watch.stderr)
        assert any("connected" in line for line in iter(stderr.readline, ""))

        def read() -> None:
            for line in stdout:
                lines.put((time.monotonic(), line))

        threading.Thread(target=read, daemon=True).start()
        delays = []
        for player in range(PLAYERS):
            platform.solve(player)
            answered = time.monotonic()
            printed, line = lines.get(timeout=PATIENCE)
            delays.append(printed - answered)
            assert json.loads(line)["data"]["actor_name"] == platform.players[player].name
            if player % 3 == 0:
                platform.solve(player)
        platform.announce("over")
        assert max(delays) < 1.0, delays
        time.sleep(0.2)
        assert lines.empty()
    finally:
        watch.terminate()
        watch.communicate()


def test_a_server_restart_under_a_subscriber_is_a_gap_and_not_an_error(platform):
    errors: list[Exception] = []
    status: list[str] = []
    heard: list[str] = []
    with ctfy_rx.events(platform.url, token=platform.admin_token, initial=0.1, maximum=0.5) as stream:
        stream.status.subscribe(lambda now: status.append(now.state))
        stream.solves().subscribe(lambda event: heard.append(event.payload.actor_name), errors.append)
        assert opened(stream)
        platform.solve(0)
        assert eventually(lambda: len(heard) == 1)
        platform.restart()
        assert eventually(lambda: status.count("open") == 2)
        platform.solve(1)
        assert eventually(lambda: len(heard) == 2)
    assert not errors
    assert {"waiting", "gap"} <= set(status)
    assert status[-1] == "closed"


async def test_a_coroutine_reads_the_real_stream_without_a_thread(platform):
    async with ctfy_rx.events(platform.url, token=platform.players[3].token) as stream:
        coming = asyncio.create_task(stream.solves().next_event(timeout=PATIENCE))
        assert await asyncio.to_thread(opened, stream)
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("ctfy_rx")] == []
        await asyncio.to_thread(platform.solve, 4)  # another team's: not for player 3
        await asyncio.to_thread(platform.solve, 3)
        assert (await coming).payload.actor_name == platform.players[3].name


def test_an_api_token_opens_the_stream_and_hears_only_signals(platform):
    heard: list[str] = []
    with ctfy_rx.events(platform.url, token=platform.fine_grained_token()) as stream:
        stream.subscribe(lambda event: heard.append(event.event))
        assert opened(stream)
        platform.solve(5)
        platform.announce("hello")
        assert eventually(lambda: "announcement_created" in heard)
    assert not [name for name in heard if name.startswith("flag_")]
