"""`refreshed`: fetched at once and when the cache has expired; late answers are discarded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import reactivex
from reactivex import Observable, abc
from reactivex.disposable import Disposable
from reactivex.subject import Subject

from ctfy_rx.contest.refreshing import FLOOR, refreshed

from ..support.clocks import SetBack
from ..support.marbles import Marbles

README = (Path(__file__).parents[2] / "README.md").read_text()


class Server:
    """Answers the number of the fetch, after the time that is next in `delays` (None: never)."""

    def __init__(self, marbles: Marbles, *delays: float | None) -> None:
        self.marbles = marbles
        self.delays = iter(delays)
        self.fetched: list[float] = []

    def fetch(self) -> Observable[str]:
        self.fetched.append(self.marbles.now)
        number = str(len(self.fetched))
        delay = next(self.delays, 0.0)
        if delay is None:
            return reactivex.never()
        return reactivex.timer(delay, scheduler=self.marbles.time).pipe(
            reactivex.operators.map(lambda _: number)
        )


def watch(
    m: Marbles, signals: str, *delays: float | None, until: float = 60.0, **options: Any
) -> tuple[Any, Server]:
    server = Server(m, *delays)

    def timer_of(scheduler: abc.SchedulerBase | None) -> abc.SchedulerBase:
        assert scheduler is m.time
        return scheduler

    operator = refreshed(server.fetch, timer_of=timer_of, random=lambda: 0.0, **options)
    observer = m.watch(m.hot(signals).pipe(operator))
    m.run(until)
    return observer, server


def answers(observer: Any) -> list[tuple[float, str]]:
    return [(record.time, record.value.value) for record in observer.messages if record.value.kind == "N"]


def test_it_is_fetched_at_once_and_no_more_while_nothing_happens():
    observer, server = watch(Marbles(), "-")
    assert server.fetched == [0.0]
    assert answers(observer) == [(0.0, "1")]


def test_a_signal_has_it_fetched_at_once_and_once_more_when_the_cache_has_expired():
    _, server = watch(Marbles(), "----s")
    assert server.fetched == [0.0, 4.0, 25.0]


def test_each_signal_puts_the_last_fetch_off():
    _, server = watch(Marbles(), "----s-----s")
    assert server.fetched == [0.0, 4.0, 10.0, 31.0]


def test_signals_in_quick_succession_are_fetched_a_second_apart():
    _, server = watch(Marbles(), "----(ssss)")
    assert server.fetched == [0.0, 4.0, 25.0]
    m = Marbles()
    m.at(4.5, lambda: None)
    _, server = watch(m, "----ss----", floor=2.0)
    assert server.fetched == [0.0, 4.0, 6.0, 26.0]


def test_an_answer_that_comes_after_a_newer_fetch_has_begun_is_discarded():
    observer, server = watch(Marbles(), "----s---s", 0.0, 6.0, 1.0, until=20.0)
    assert server.fetched == [0.0, 4.0, 8.0]
    assert answers(observer) == [(0.0, "1"), (9.0, "3")]


def test_a_slow_server_gets_more_and_more_time_so_that_it_answers_in_the_end():
    signals = "-" + "s" * 40
    observer, server = watch(Marbles(), signals, *[5.5] * 40, until=40.0)
    assert server.fetched[:5] == [0.0, 1.0, 3.0, 7.0, 15.0]
    assert answers(observer) == [(12.5, "4"), (27.5, "8")]


def test_it_completes_and_fails_with_its_source():
    observer, _ = watch(Marbles(), "--|")
    assert observer.messages[-1].value.kind == "C"
    observer, _ = watch(Marbles(), "--#")
    assert observer.messages[-1].value.kind == "E"


@pytest.mark.parametrize("second", [2.0, 6.0])
def test_after_dispose_nothing_is_fetched_and_nothing_told(second):
    m = Marbles()
    server = Server(m, 1.0, 3.0)
    operator = refreshed(server.fetch, timer_of=lambda _: m.time, random=lambda: 0.0)
    observer = m.watch(m.hot("----s").pipe(operator), "^" + "-" * int(second - 1) + "!")
    m.run(60.0)
    assert server.fetched == [0.0, 4.0][: 1 + (second > 4)]
    assert answers(observer) == [(1.0, "1")]


def test_a_wall_clock_that_is_set_back_makes_nobody_wait_for_longer_than_the_floor():
    waits: list[float] = []

    class Waits(SetBack):
        def schedule_relative(self, duetime: Any, action: Any, state: Any = None) -> abc.DisposableBase:
            waits.append(self.to_seconds(duetime))
            return Disposable()

    signals: Subject[Any] = Subject()
    operator = refreshed(reactivex.never, timer_of=lambda _: Waits(), cache=-0.5)
    signals.pipe(operator).subscribe()
    signals.on_next("scored")
    assert waits
    assert max(waits) <= FLOOR


def test_fetches_as_the_readme_has_them_come_after_the_last_change_and_when_the_cache_has_expired():
    (recipe,) = re.findall(r"^fetches = (.*)$", README, re.MULTILINE)
    m = Marbles()
    seen = m.watch(eval(recipe, {"changes": m.hot("--ss--s"), "clock": m.time}))
    m.run(60.0)
    assert answers(seen) == [(5.0, "s"), (10.0, "s"), (27.0, "s")]
