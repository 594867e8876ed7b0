"""`Hub`: a subscriber that takes long is named, once, with what to do about it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from reactivex import Observer

from ctfy_rx.delivery.hub import SLOW, Hub
from ctfy_rx.delivery.receipts import Receipt, Receipts


class Clock:
    """Stands still but for what its subscribers take."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def taking(self, seconds: float) -> Callable[[str], None]:
        """A callback that takes so long."""

        def on_next(_: str) -> None:
            self.now += seconds

        return on_next


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_who_takes_longer_than_a_second_is_named_once_by_the_line_that_subscribed_it(
    caplog: pytest.LogCaptureFixture,
):
    clock = Clock()
    hub: Hub[str] = Hub(clock=clock)
    hub.add(Observer(clock.taking(SLOW + 0.4)))  # the slow one
    for item in "abc":
        hub.on_next(item)
    [told] = warnings(caplog)
    assert told.startswith("a subscriber took 1.4 s for 'a', subscribed at test_hub.py:")
    assert told.count("# the slow one; all others of its stream wait meanwhile: stream.buffered()") == 1


def test_one_of_several_is_named_with_the_others_and_alone_when_it_is_slow_again(
    caplog: pytest.LogCaptureFixture,
):
    clock = Clock()
    hub: Hub[str] = Hub(clock=clock)
    hub.add(Observer(clock.taking(SLOW)))  # quick enough
    hub.add(Observer(clock.taking(SLOW + 0.4)))  # the slow one
    hub.add(Observer(), lambda _: False)  # not asked
    for item in "abc":
        hub.on_next(item)
    first, second = warnings(caplog)
    assert "quick enough" in first
    assert "the slow one" in first
    assert "quick enough" not in second
    assert second.startswith("a subscriber took 1.4 s for 'b'")
    assert "not asked" not in first + second


def test_each_of_several_slow_ones_is_named(caplog: pytest.LogCaptureFixture):
    clock = Clock()
    hub: Hub[str] = Hub(clock=clock)
    hub.add(Observer(clock.taking(2.0)))
    hub.add(Observer(clock.taking(3.0)))
    for item in "abc":
        hub.on_next(item)
    assert [told[:20] for told in warnings(caplog)] == [
        "a subscriber took 5.",
        "a subscriber took 2.",
        "a subscriber took 3.",
    ]


def test_an_exception_of_a_slow_one_is_reported_all_the_same(caplog: pytest.LogCaptureFixture):
    clock = Clock()
    hub: Hub[str] = Hub(clock=clock)

    def fail(_: str) -> None:
        clock.now += 2.0
        raise ValueError("a bug")

    hub.add(Observer(fail))
    for item in "ab":
        hub.on_next(item)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "ERROR"]


def test_what_it_took_so_long_for_is_shown_in_bounds_and_on_one_line(caplog: pytest.LogCaptureFixture):
    clock = Clock()
    hub: Hub[str] = Hub(clock=clock)
    hub.add(Observer(clock.taking(2.0)))
    hub.on_next("\x1b[2J" + "x" * 10_000)
    [told] = warnings(caplog)
    assert told.isprintable()
    assert len(told) < 600


def test_who_has_left_when_it_returns_is_not_named(caplog: pytest.LogCaptureFixture):
    clock = Clock()
    hub: Hub[str] = Hub(clock=clock)

    def leave(_: str) -> None:
        clock.now += 2.0
        hub.remove(observer)

    observer = Observer(leave)
    hub.add(observer)
    hub.on_next("a")
    assert warnings(caplog) == []


def test_what_is_discarded_nobody_is_done_with():
    settled: list[bool] = []
    receipts = Receipts()
    hub: Hub[str] = Hub(receipts)
    hub.add(Observer())
    for _ in range(2):
        receipts.deliver(Receipt(settled.append), lambda: hub.on_next("a"))
        hub.discard()
    assert settled == [True, False]


async def test_on_an_event_loop_the_advice_is_another(caplog: pytest.LogCaptureFixture):
    clock = Clock()
    hub: Hub[str] = Hub(clock=clock)
    hub.add(Observer(clock.taking(2.0)))
    hub.on_next("a")
    [told] = warnings(caplog)
    assert told.endswith("it blocks its event loop: let asyncio.to_thread() do what takes long")
