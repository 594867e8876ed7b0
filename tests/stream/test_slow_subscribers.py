"""Nobody holds up the socket, and no subscriber another one: buffers, drops, and threads of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
import reactivex

import ctfy_rx
from ctfy_rx.delivery import standstill
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import BufferOverflow, ConfigurationError
from ctfy_rx.pipeline.backlog import Delivery

from ..support.threads import started
from ..support.waiting import PATIENCE, soon, until

BURST = 10_000


def burst(p: Platform, count: int = BURST, *, padding: int = 0) -> None:
    more = b":" + b"." * padding + b"\n" if padding else b""
    p.send_bytes(b"".join(b'event: tick\n%bdata: {"n": %d}\n\n' % (more, number) for number in range(count)))


def numbers(events: list[ctfy_rx.Event]) -> list[int]:
    return [event.data["n"] for event in events]


class Held:
    """A subscriber that stays in its first item until it is let go."""

    def __init__(self) -> None:
        self.events: list[ctfy_rx.Event] = []
        self.entered = threading.Event()
        self.go = threading.Event()
        self.ended: list[str] = []
        self.inside = 0

    def on_next(self, event: ctfy_rx.Event) -> None:
        self.inside += 1
        assert self.inside == 1
        self.events.append(event)
        self.entered.set()
        assert self.go.wait(PATIENCE)
        self.inside -= 1

    def on_completed(self) -> None:
        assert not self.inside, "completed in the middle of a call"
        self.ended.append("completed")


def test_with_a_sleeper_behind_buffered_a_burst_is_read_and_the_others_get_it_at_once(p: Platform):
    held = Held()
    fast: list[list[ctfy_rx.Event]] = [[], []]
    with ctfy_rx.events(p.url) as stream:
        stream.subscribe(fast[0].append)
        stream.buffered().subscribe(held.on_next)
        stream.subscribe(fast[1].append)
        until(lambda: p.connections)
        burst(p)
        assert held.entered.wait(PATIENCE)
        until(lambda: all(len(each) == BURST for each in fast))
        assert [numbers(each) for each in fast] == [list(range(BURST))] * 2
        assert len(held.events) == 1
        held.go.set()
        until(lambda: len(held.events) == BURST)
        assert numbers(held.events) == list(range(BURST))
        assert stream.stats.drops == p.dropped == 0


def test_18_megabytes_are_read_off_the_socket_while_the_only_callback_stays_in_its_first_event(p: Platform):
    held = Held()
    with ctfy_rx.events(p.url) as stream:
        stream.subscribe(held.on_next)
        until(lambda: p.connections)
        burst(p, padding=1_800)
        assert held.entered.wait(PATIENCE)
        until(lambda: stream.stats.frames == BURST)
        assert stream.stats.bytes > 18_000_000
        held.go.set()
        until(lambda: len(held.events) == BURST)
        assert numbers(held.events) == list(range(BURST))
        assert stream.stats.drops == p.dropped == 0


def test_all_callbacks_of_a_stream_run_on_one_thread_however_slow_they_are(p: Platform):
    threads: list[tuple[str, int]] = []

    def note(name: str, seconds: float) -> None:
        time.sleep(seconds)
        threads.append((name, threading.get_ident()))

    with ctfy_rx.events(p.url) as stream:
        stream.subscribe(lambda _: note("slow", 0.15))
        stream.of_event("tick").filter(lambda _: True).subscribe(lambda _: note("quick", 0))
        until(lambda: p.connections)
        burst(p, 4)
        until(lambda: len(threads) == 8)
    assert [name for name, _ in threads] == ["slow", "quick"] * 4
    assert len({thread for _, thread in threads}) == 1


@pytest.mark.parametrize(
    ("policy", "left"), [("drop_oldest", [0, *range(90, 100)]), ("drop_newest", list(range(11)))]
)
def test_what_does_not_fit_is_dropped_by_its_policy_counted_and_told(
    policy: Any, left: list[int], p: Platform
):
    held = Held()
    told: list[ctfy_rx.Dropped] = []
    with ctfy_rx.events(p.url, buffer=10, policy=policy) as stream:
        stream.status.subscribe(lambda status: isinstance(status, ctfy_rx.Dropped) and told.append(status))
        stream.subscribe(held.on_next)
        until(lambda: p.connections)
        burst(p, 1)
        assert held.entered.wait(PATIENCE)
        p.send_bytes(b"".join(b'event: tick\ndata: {"n": %d}\n\n' % number for number in range(1, 100)))
        until(lambda: stream.stats.frames == 100)
        until(lambda: stream.stats.drops == 89)
        held.go.set()
        until(lambda: len(held.events) == 11)
        assert numbers(held.events) == left
        assert [status.total for status in told] == [1, 2, 4, 8, 16, 32, 64]


def test_with_the_policy_error_the_stream_fails_after_what_waits(p: Platform):
    held = Held()
    failures: list[Exception] = []
    stream = ctfy_rx.events(p.url, buffer=10, policy="error")
    stream.subscribe(held.on_next, failures.append)
    until(lambda: p.connections)
    burst(p, 1)
    assert held.entered.wait(PATIENCE)
    burst(p, 50)
    held.go.set()
    until(lambda: failures)
    assert isinstance(failures[0], BufferOverflow)
    assert len(held.events) == 11
    until(lambda: p.connections == 0)


def test_the_signal_after_a_gap_is_not_lost_in_silence_where_there_is_no_room_for_it(
    p: Platform, monkeypatch: pytest.MonkeyPatch
):
    held, signalled, put = Held(), threading.Event(), Delivery.put

    def put_and_tell(delivery: Delivery, events: list[ctfy_rx.Event]) -> None:
        try:
            put(delivery, events)
        finally:
            if events and events[0].event == "scoreboard_updated":
                signalled.set()

    monkeypatch.setattr(Delivery, "put", put_and_tell)
    failures: list[Exception] = []
    stream = ctfy_rx.events(p.url, buffer=10, policy="error", initial=0.01)
    stream.subscribe(held.on_next, failures.append)
    until(lambda: p.connections)
    burst(p, 1)
    assert held.entered.wait(PATIENCE)
    burst(p, 10)
    until(lambda: stream.stats.frames == 11)
    p.drop_connections()
    assert signalled.wait(PATIENCE)
    held.go.set()
    until(lambda: failures)
    assert isinstance(failures[0], BufferOverflow)
    assert len(held.events) == 11
    until(lambda: p.connections == 0)


def test_a_subscriber_may_have_a_buffer_of_its_own(p: Platform):
    held = Held()
    every: list[ctfy_rx.Event] = []
    with ctfy_rx.events(p.url) as stream:
        stream.buffered(5).subscribe(held.on_next)
        stream.subscribe(every.append)
        until(lambda: p.connections)
        burst(p, 1)
        assert held.entered.wait(PATIENCE)
        burst(p, 100)
        until(lambda: len(every) == 101)
        until(lambda: stream.stats.drops == 95)
        held.go.set()
        until(lambda: len(held.events) == 6)


def test_a_live_stream_cannot_block_one_that_can_wait_can(p: Platform):
    with ctfy_rx.events(p.url) as stream, pytest.raises(ConfigurationError, match="would hold up the socket"):
        stream.buffered(policy="block")
    with pytest.raises(ConfigurationError, match="would hold up the socket"):
        ctfy_rx.events(p.url, policy="block")
    events = [ctfy_rx.Event("tick", str(number)) for number in range(20)]
    waiting = ctfy_rx.EventStream.over(reactivex.from_iterable(events))
    assert [event.text for event in waiting.buffered(2, "block")] == [event.text for event in events]


@pytest.mark.parametrize("buffered", [False, True])
def test_close_completes_a_slow_subscriber_after_its_item_and_forgets_what_waits(buffered: bool, p: Platform):
    held = Held()
    stream = ctfy_rx.events(p.url)
    listened = stream.buffered() if buffered else stream
    listened.subscribe(held.on_next, on_completed=held.on_completed)
    until(lambda: p.connections)
    burst(p, 100)
    assert held.entered.wait(PATIENCE)
    stream.close()  # returns while the item is held
    assert not held.ended
    held.go.set()
    until(lambda: held.ended)
    assert len(held.events) == 1


def test_close_in_the_middle_of_a_burst_gives_nothing_after_it(p: Platform):
    events: list[ctfy_rx.Event] = []
    ended = threading.Event()
    stream = ctfy_rx.events(p.url)
    stream.subscribe(
        lambda event: (events.append(event), event.data["n"] == 3 and stream.close()),
        on_completed=ended.set,
    )
    until(lambda: p.connections)
    burst(p, 50)  # one chunk, so one batch
    assert ended.wait(PATIENCE)
    assert numbers(events) == [0, 1, 2, 3]
    assert stream.stats.events == 4


def test_events_are_counted_one_by_one_and_each_waits_for_those_before_it(p: Platform):
    seen: list[tuple[int, float]] = []
    with ctfy_rx.events(p.url) as stream:
        stream.subscribe(lambda _: (time.sleep(0.01), seen.append((stream.stats.events, stream.stats.lag))))
        until(lambda: p.connections)
        burst(p, 20)
        until(lambda: len(seen) == 20)
    assert [count for count, _ in seen] == list(range(20))
    assert seen[-1][1] > 0.15


def test_who_leaves_in_the_middle_of_a_burst_hears_no_more_and_the_others_all(p: Platform):
    first: list[ctfy_rx.Event] = []
    second: list[ctfy_rx.Event] = []
    with ctfy_rx.events(p.url) as stream:
        stream.subscribe(lambda event: (first.append(event), event.data["n"] == 3 and leaving.dispose()))
        leaving = stream.subscribe(second.append)
        until(lambda: p.connections)
        burst(p, 50)
        until(lambda: len(first) == 50)
        assert numbers(second) == [0, 1, 2]


def test_a_slow_subscriber_that_leaves_takes_its_thread_with_it(p: Platform):
    held = Held()
    with ctfy_rx.events(p.url) as stream:
        stream.subscribe()
        subscription = stream.buffered().subscribe(held.on_next)
        until(lambda: p.connections)
        burst(p, 100)
        assert held.entered.wait(PATIENCE)
        subscription.dispose()
        held.go.set()
        until(lambda: not started("ctfy_rx slow subscriber"))
        assert len(held.events) == 1


@pytest.mark.parametrize("of_log", [True, False])
def test_a_callback_that_does_not_return_is_told_of_while_it_does_not(
    p: Platform, of_log: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(standstill, "PATIENCE", 0.0)
    held, told = Held(), list[ctfy_rx.Status]()
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        stream.of_event("flag_wrong" if of_log else "tick").subscribe(held.on_next)
        stream.status.subscribe(told.append)
        until(lambda: p.connections)
        until(lambda: (p.wrong(team=0, challenge=0), burst(p, 1), held.entered.is_set())[-1])
        until(lambda: (burst(p, 1), "has not returned" in caplog.text)[-1])
        assert "it is at test_slow_subscribers.py:" in caplog.text
        assert "until it does nobody hears anything" in caplog.text
        assert stream.stats.lag > 0
        until(lambda: any(isinstance(status, ctfy_rx.Lagging) for status in told))
        held.go.set()


def test_one_behind_buffered_that_does_not_return_is_told_of_too(
    p: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(standstill, "PATIENCE", 0.0)
    held = Held()
    with ctfy_rx.events(p.url) as stream:
        stream.buffered().subscribe(held.on_next)
        until(lambda: p.connections)
        until(lambda: (burst(p, 1), "what comes waits in its buffer" in caplog.text)[-1])
        held.go.set()


async def test_a_callback_that_blocks_its_loop_is_told_as_lag_and_the_loop_lives(p: Platform):
    told: list[ctfy_rx.Lagging] = []
    async with ctfy_rx.events(p.url) as stream:
        stream.status.subscribe(lambda status: isinstance(status, ctfy_rx.Lagging) and told.append(status))

        async def hear() -> list[int]:
            return [event.data["n"] async for event in stream.take(BURST)]

        hearing = asyncio.create_task(hear())
        await soon(lambda: p.connections)
        subscription = stream.take(3).subscribe(lambda _: time.sleep(0.6))
        await asyncio.to_thread(burst, p)
        assert await hearing == list(range(BURST))
        assert told
        assert told[0].seconds > 1
        subscription.dispose()
