"""A storm of faults between the real platform and those who listen, while answers come in: each event once.

One storm, three who listen through the same proxy: an admin on the thread driver, a player on an event loop,
and an app that is killed and started again. What they must have heard is what the platform's log holds, read
straight from the platform, with nothing of the library.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

import ctfy_rx

from ..support.event_loops import event_loop
from ..support.platforms import RealPlatform, real_platform
from ..support.waiting import PATIENCE, comes_true, until
from .proxy import FAULTS, Proxy

pytestmark = pytest.mark.slow

ANSWERS, FAULTS_AT_LEAST, BATCH, RESTARTS = 1000, 200, 25, 2
SEED = int(os.environ.get("CHAOS_SEED", "20261124"))
QUICK: dict[str, Any] = {"initial": 0.05, "maximum": 0.3, "idle_timeout": 2.0, "connect_timeout": 1.0}


def log_of(platform: RealPlatform, token: str, path: str) -> list[dict[str, Any]]:
    """All rows, oldest first, as the platform tells them."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(
        f"{platform.url}/api/v1/{path}", params={"limit": 10_000}, headers=headers, timeout=PATIENCE
    )
    found = answer.json()
    assert found["total"] == len(found["items"])
    return list(reversed(found["items"]))


class Listener:
    """The ids of the rows that a stream has given."""

    def __init__(
        self, url: str, token: str, loop: asyncio.AbstractEventLoop | None = None, **options: Any
    ) -> None:
        self.ids: list[int] = []
        self.failures: list[Exception] = []
        self.stream = ctfy_rx.events(url, token=token, **QUICK | options)
        scheduler = AsyncIOThreadSafeScheduler(loop) if loop else None
        self.stream.subscribe(self._heard, self.failures.append, scheduler=scheduler)
        assert until(lambda: self.stream.stats.connections), self.stream

    def _heard(self, event: ctfy_rx.Event) -> None:
        if event.log_id is not None:
            self.ids.append(event.log_id)


class App:
    """The app in a process of its own, that can be killed."""

    def __init__(self, url: str, token: str, file: Path) -> None:
        self.kills = 0
        self._command = [sys.executable, str(Path(__file__).with_name("app.py")), url, str(file)]
        self._environment = os.environ | {"APP_TOKEN": token}
        self._file = file
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, env=self._environment)

    def kill(self) -> None:
        assert self._process.poll() is None, "the app has ended by itself"
        self._process.kill()
        self._process.wait()
        self.kills += 1
        self._start()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def ids(self) -> list[int]:
        text = self._file.read_text() if self._file.exists() else ""
        return [int(line.split()[0]) for line in text[: text.rfind("\n") + 1].splitlines()]


def answers(platform: RealPlatform, random: Random) -> Iterator[Callable[[], object]]:
    """What is submitted, in order: wrong answers, all alike but for who gives them, and right ones."""
    unsolved = [(player, challenge) for player in range(len(platform.players)) for challenge in range(1, 10)]
    random.shuffle(unsolved)
    for number in range(ANSWERS):
        if number % 12 == 0 and unsolved:
            player, challenge = unsolved.pop()
            yield lambda player=player, challenge=challenge: platform.solve(player, challenge)
        else:
            player = random.choice([0, 0, 0, *range(len(platform.players))])
            yield lambda player=player: platform.wrong(player, 0)


@pytest.mark.timeout(400)
def test_in_a_storm_of_faults_each_event_is_heard_once_and_in_order():
    random = Random(SEED)
    began = time.monotonic()
    with (
        real_platform(teams=12, challenges=10) as platform,
        Proxy(platform.port, SEED) as proxy,
        event_loop() as loop,
        tempfile.TemporaryDirectory() as home,
        ThreadPoolExecutor(4) as submitters,
    ):
        player = platform.players[0]
        baseline = max(
            (int(row["id"]) for row in log_of(platform, platform.admin_token, "admin/activities")), default=0
        )
        admin = Listener(proxy.url, platform.admin_token)
        own = Listener(proxy.url, player.token, loop)
        app = App(proxy.url, platform.admin_token, Path(home) / "heard")
        try:
            proxy.storms = True
            todo = list(answers(platform, random))
            for start in range(0, ANSWERS, BATCH):
                list(submitters.map(lambda answer: answer(), todo[start : start + BATCH]))
                wanted = FAULTS_AT_LEAST * (start + BATCH) / ANSWERS
                assert until(lambda wanted=wanted: proxy.faults.total() > wanted), proxy.faults
                if random.random() < 0.3:
                    app.kill()
                if start in {ANSWERS // 4 // BATCH * BATCH, ANSWERS * 3 // 4 // BATCH * BATCH}:
                    platform.restart()
            app.kill()
            proxy.storms = False

            rows = log_of(platform, platform.admin_token, "admin/activities")
            every = [int(row["id"]) for row in rows]
            since = [number for number in every if number > baseline]
            mine = [
                int(row["id"])
                for row in log_of(platform, player.token, "activities")
                if int(row["id"]) > baseline
            ]
            comes_true(
                lambda: (
                    len(admin.ids) >= len(since) and len(own.ids) >= len(mine) and len(app.ids) >= len(every)
                ),
                3 * PATIENCE,
            )
            seconds = time.monotonic() - began
            figures = f"""
            seed {SEED}: {ANSWERS} answers, {len(since)} rows, {len(mine)} of the player, {seconds:.0f} s
            {proxy.faults.total()} faults: {dict(proxy.faults.most_common())}
            platform restarts: {RESTARTS}; the app was killed {app.kills} times
            connections: {dict(proxy.connections)}
            admin: {admin.stream.stats}
            player: {own.stream.stats}"""
            sys.stdout.write(inspect.cleandoc(figures) + "\n")
            assert not admin.failures + own.failures
            assert admin.ids == since
            assert own.ids == mine
            assert app.ids == every
            assert len(since) >= ANSWERS
            assert proxy.faults.total() > FAULTS_AT_LEAST
            assert set(proxy.faults) == set(FAULTS)
        finally:
            app.close()
            admin.stream.close()
            own.stream.close()
