"""Each kind of fault once, at stated places, between a platform and an admin who listens: each event once.

The short sibling of the storm in `test_chaos`.
"""

from __future__ import annotations

from collections import deque
from itertools import cycle

import pytest

import ctfy_rx
from ctfy_rx.demo.running import Platform

from ..support.event_loops import event_loop
from ..support.waiting import until
from .proxy import FAULTS, Proxy
from .test_chaos import Listener

PLACES = (0, 40, 150, 230)  # bytes: before the answer, in its headers, in its body
QUICK = {"initial": 0.01, "maximum": 0.02, "idle_timeout": 0.3}


class Scripted(Proxy):
    """Strikes the next connections with what `script` says, in that order."""

    late, pause = 0.05, 0.001

    def __init__(self, port: int) -> None:
        super().__init__(port, seed=0)
        self.script: deque[str] = deque()
        self._places = cycle(PLACES)

    def draw(self) -> str:
        return self.script.popleft() if self.script else ""

    def draw_place(self) -> int:
        return next(self._places)


@pytest.mark.parametrize("driver", ["thread", "asyncio"])
def test_whatever_breaks_an_admin_hears_each_event_once_and_in_order(
    driver: str, p: Platform, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ctfy_rx.reconnect.RETRY_FLOOR", 0.01)
    port = int(p.url.rpartition(":")[2])
    with Scripted(port) as proxy, event_loop() as loop:
        admin = Listener(proxy.url, p.admin_token, loop if driver == "asyncio" else None, **QUICK)
        for fault in FAULTS:
            proxy.script.extend([fault] * 2)
            p.wrong(team=0, challenge=0)
            p.drop_connections()
            for _ in range(3):  # all the same
                p.wrong(team=0, challenge=0)
            until(lambda: not proxy.script and len(admin.ids) == len(p.rows))
        admin.stream.close()
    assert admin.ids == [int(row.id) for row in p.rows]
    assert not admin.failures
    assert admin.stream.stats.reconnects >= len(FAULTS)


def test_an_app_that_is_killed_at_any_event_goes_on_from_its_cursor(p: Platform):
    acted: list[int | None] = []
    kept: str | None = "start"
    for number in range(6):
        p.wrong(team=0, challenge=0)
        p.wrong(team=0, challenge=0)
        with ctfy_rx.events(p.url, token=p.admin_token, since=kept) as stream:
            for event in stream.take(1 + number % 3):  # what waits behind these dies with it
                acted.append(event.log_id)
                kept = event.cursor
    with ctfy_rx.events(p.url, token=p.admin_token, since=kept) as stream:
        acted += [event.log_id for event in stream.take(len(p.rows) - len(acted))]
    assert acted == [int(row.id) for row in p.rows]
