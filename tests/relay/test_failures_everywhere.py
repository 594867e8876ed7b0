"""A relay is killed, a node of the broker is killed, the platform restarts, while a thousand answers come in:
each of twenty consumers has every stored event once.

What they must have is what the platform's log holds, read straight from the platform with nothing of the
library.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import httpx
import pytest
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

import ctfy_rx

from ..support.event_loops import event_loop
from ..support.nats_server import NatsServer, nats_cluster
from ..support.platforms import RealPlatform, real_platform
from ..support.waiting import PATIENCE, comes_true, until

pytestmark = pytest.mark.slow

ANSWERS, CONSUMERS, BATCH, SEED = 1000, 20, 25, 20261125


class RelayProgram:
    """`relay_program.py`, which can be killed and started again."""

    def __init__(self, platform: RealPlatform, servers: list[NatsServer], log: Path) -> None:
        script = str(Path(__file__).with_name("relay_program.py"))
        brokers = ",".join(server.url for server in servers)
        self._command = [sys.executable, script, platform.url, brokers]
        self._environment = os.environ | {"RELAY_TOKEN": platform.admin_token}
        self._log = log
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stderr=log)

    def kill(self) -> None:
        """``kill -9``."""
        assert self._process.poll() is None, self._log.read_text()
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Consumer:
    """The rows that a stream has given."""

    def __init__(
        self, servers: list[NatsServer], number: int, loop: asyncio.AbstractEventLoop, durable: bool
    ) -> None:
        self.rows: list[tuple[int, float]] = []
        self.failures: list[Exception] = []
        self.stream = ctfy_rx.from_nats(
            [server.url for server in servers],
            since="start",
            durable=f"consumer-{number}" if durable else None,
            initial=0.05,
            maximum=0.3,
            ack_wait=5.0,
            connect_timeout=2,
        )
        scheduler = AsyncIOThreadSafeScheduler(loop) if number % 2 else None
        self.stream.subscribe(self._heard, self.failures.append, scheduler=scheduler)

    def _heard(self, event: ctfy_rx.Event) -> None:
        if event.log_id is not None:
            self.rows.append((event.log_id, event.at.timestamp()))

    def close(self) -> None:
        self.stream.close()


def log_of(platform: RealPlatform) -> list[int]:
    """The ids of all rows, oldest first, as the platform tells them."""
    answer = httpx.get(
        f"{platform.url}/api/v1/admin/activities",
        params={"limit": 10_000},
        headers={"Authorization": f"Bearer {platform.admin_token}"},
        timeout=PATIENCE,
    ).json()
    assert answer["total"] == len(answer["items"])
    return [int(row["id"]) for row in reversed(answer["items"])]


class Answers:
    """What the players submit: wrong answers, all alike but for who gives them, and right ones."""

    def __init__(self, platform: RealPlatform, random: Random) -> None:
        self._platform = platform
        self._random = random
        self._unsolved = [(player, challenge) for player in range(12) for challenge in range(10)]
        random.shuffle(self._unsolved)

    def submit(self, number: int) -> None:
        if number % 12 == 0:
            self._platform.solve(*self._unsolved[number // 12])
        else:
            self._platform.wrong(self._random.randrange(12))


@contextmanager
def everything() -> Iterator[tuple[RealPlatform, list[NatsServer]]]:
    """The platform and the cluster, which start side by side."""
    with ExitStack() as stack, ThreadPoolExecutor(2) as starters:
        managers = real_platform(teams=12, challenges=10), nats_cluster()
        platform, servers = starters.map(stack.enter_context, managers)
        yield platform, servers


def figures(consumers: list[Consumer], every: list[int], killed: int, *moments: float) -> str:
    ready, submitted, caught_up = (round(moment, 1) for moment in moments)
    stats = [consumer.stream.stats for consumer in consumers]
    return inspect.cleandoc(f"""
        seed {SEED}: {ANSWERS} answers, {len(every)} rows, {CONSUMERS} consumers, half of them durable
        killed: relay 0, NATS node {killed}, the platform, relay 1
        ready after {ready} s, submitted after {submitted} s, everybody had all after {caught_up} s
        rows that came twice: {[len(each.rows) - len(set(each.rows)) for each in consumers]}
        rows that are missing: {[len(set(every) - {number for number, _ in each.rows}) for each in consumers]}
        reconnects of the consumers: {[each.reconnects for each in stats]}
        events with the signals: {[each.events for each in stats]}""")


@pytest.mark.timeout(400)
def test_whatever_is_killed_each_of_twenty_consumers_has_every_stored_event_once(tmp_path):
    random, began = Random(SEED), time.monotonic()
    with ExitStack() as stack:
        platform, servers = stack.enter_context(everything())
        loop = stack.enter_context(event_loop())
        submitters = stack.enter_context(ThreadPoolExecutor(4))
        relays = [RelayProgram(platform, servers, tmp_path / f"relay{number}.log") for number in range(2)]
        consumers = [Consumer(servers, number, loop, number % 4 < 2) for number in range(CONSUMERS)]
        for closable in (*relays, *consumers):
            stack.callback(closable.close)
        assert until(lambda: all(isinstance(each.stream.status.current, ctfy_rx.Open) for each in consumers))
        ready = time.monotonic() - began

        answers, killed = Answers(platform, random), random.randrange(3)
        faults = {
            200: [relays[0].kill],
            300: [servers[killed].kill],
            500: [relays[0].start, platform.restart],
            700: [servers[killed].start, relays[1].kill],
            850: [relays[1].start],
        }
        for start in range(0, ANSWERS, BATCH):
            list(submitters.map(answers.submit, range(start, start + BATCH)))
            for fault in faults.get(start, ()):
                fault()
        submitted = time.monotonic() - began
        every = log_of(platform)
        complete = comes_true(
            lambda: all(len(set(each.rows)) >= len(every) for each in consumers), 3 * PATIENCE
        )
        caught_up = time.monotonic() - began
        time.sleep(1.0)  # whatever comes twice may still come
        sys.stdout.write(figures(consumers, every, killed, ready, submitted, caught_up) + "\n")
        for number in range(2):
            sys.stdout.write((tmp_path / f"relay{number}.log").read_text())
        assert complete
        for consumer in consumers:
            assert sorted(number for number, _ in consumer.rows) == every
            assert not consumer.failures
