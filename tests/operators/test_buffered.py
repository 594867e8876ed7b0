"""`buffered`: a thread and a buffer for a slow subscriber."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import reactivex
from reactivex import Subject

from ctfy_rx import operators as op
from ctfy_rx.errors import BufferOverflow, ConfigurationError

from ..support.threads import started
from ..support.waiting import PATIENCE


class Slow:
    """A subscriber that waits before each item until it is let go on."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.end: Any = None
        self.thread = ""
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.ended = threading.Event()

    def on_next(self, item: int) -> None:
        self.thread = threading.current_thread().name
        self.entered.release()
        assert self.go.acquire(timeout=PATIENCE)
        self.items.append(item)

    def on_error(self, error: Exception) -> None:
        self.end = error
        self.ended.set()

    def on_completed(self) -> None:
        self.end = "completed"
        self.ended.set()

    def finish(self) -> None:
        for _ in range(1000):
            self.go.release()
        assert self.ended.wait(PATIENCE)

    def subscribe(self, source: reactivex.Observable[int]) -> reactivex.abc.DisposableBase:
        return source.subscribe(self.on_next, self.on_error, self.on_completed)


def fed(policy: Any, items: int, size: int = 2) -> Slow:
    """A subscriber that holds the first item while the others come."""
    slow, source = Slow(), Subject[int]()
    slow.subscribe(source.pipe(op.buffered(size, policy, on_drop=lambda _: None)))
    source.on_next(0)
    assert slow.entered.acquire(timeout=PATIENCE)
    for item in range(1, items):
        source.on_next(item)
    source.on_completed()
    slow.finish()
    return slow


def test_the_source_does_not_wait_and_the_oldest_are_dropped():
    slow = fed("drop_oldest", 6)
    assert (slow.items, slow.end) == ([0, 4, 5], "completed")
    assert slow.thread == "ctfy_rx slow subscriber"


def test_the_newest_are_dropped_where_that_is_wanted():
    slow = fed("drop_newest", 6)
    assert (slow.items, slow.end) == ([0, 1, 2], "completed")


def test_an_overflow_fails_the_subscription_after_what_waits():
    slow = fed("error", 6)
    assert slow.items == [0, 1, 2]
    assert isinstance(slow.end, BufferOverflow)


def test_after_an_overflow_nothing_more_is_taken_in_though_there_is_room_again():
    slow, source = Slow(), Subject[int]()
    slow.subscribe(source.pipe(op.buffered(2, "error")))
    source.on_next(0)
    assert slow.entered.acquire(timeout=PATIENCE)
    for item in range(1, 4):
        source.on_next(item)
    slow.go.release()
    assert slow.entered.acquire(timeout=PATIENCE)  # it has taken the next one, so there is room
    source.on_next(4)
    slow.finish()
    assert slow.items == [0, 1, 2]
    assert isinstance(slow.end, BufferOverflow)


def test_block_has_the_source_wait_and_drops_nothing():
    slow = Slow()
    threading.Thread(target=slow.subscribe, args=[reactivex.range(50).pipe(op.buffered(2, "block"))]).start()
    slow.finish()
    assert slow.items == list(range(50))


def test_an_error_comes_after_what_waits():
    slow = Slow()
    failing = reactivex.concat(reactivex.of(1, 2), reactivex.throw(KeyError("x")))
    slow.subscribe(failing.pipe(op.buffered()))
    slow.finish()
    assert slow.items == [1, 2]
    assert isinstance(slow.end, KeyError)


def test_dispose_delivers_nothing_more_and_ends_the_thread():
    slow, source = Slow(), Subject[int]()
    subscription = slow.subscribe(source.pipe(op.buffered()))
    for item in range(3):
        source.on_next(item)
    assert slow.entered.acquire(timeout=PATIENCE)
    [thread] = started("ctfy_rx slow subscriber")
    subscription.dispose()
    slow.go.release()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert slow.end is None
    assert not source.observers


def test_a_source_that_waits_for_room_is_let_go_by_dispose():
    slow = Slow()
    subscriptions: list[Any] = []
    done = threading.Event()

    def feed() -> None:
        source = Subject[int]()
        subscriptions.append(slow.subscribe(source.pipe(op.buffered(1, "block"))))
        for item in range(5):
            source.on_next(item)
        done.set()

    threading.Thread(target=feed).start()
    assert slow.entered.acquire(timeout=PATIENCE)
    subscriptions[0].dispose()
    assert done.wait(PATIENCE)
    slow.go.release()


def test_who_raises_is_reported_and_goes_on(caplog: pytest.LogCaptureFixture):
    ended = threading.Event()
    reactivex.of(1, 2).pipe(op.buffered()).subscribe(lambda item: 1 // (item - 1), on_completed=ended.set)
    assert ended.wait(PATIENCE)
    assert "a subscriber raised on 1" in caplog.text


async def test_an_event_loop_has_async_for():
    with pytest.raises(ConfigurationError, match="write `async for`"):
        reactivex.of(1).pipe(op.buffered()).run()
