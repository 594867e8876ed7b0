"""One thread gives the time to many, and nothing that one of them raises stops it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import reactivex
from reactivex import Observable, Subject
from reactivex import operators as ops
from reactivex.internal import DisposedException
from reactivex.scheduler import EventLoopScheduler

from ctfy_rx import Clock, EventStream, SubscriberFailed
from ctfy_rx import operators as op
from ctfy_rx.testing import solve

from ..support.logs import our_errors
from ..support.waiting import PATIENCE, Background, until

WHATEVER = [ValueError, asyncio.CancelledError, SystemExit, KeyboardInterrupt, GeneratorExit]

TIMED: dict[str, Callable[[Observable[Any], Clock], Observable[Any]]] = {
    "buffer_with_time": lambda s, c: s.buffer_with_time(0.001, scheduler=c),
    "buffer_with_time_or_count": lambda s, c: s.buffer_with_time_or_count(0.001, 1, scheduler=c),
    "debounce": lambda s, c: s.debounce(0.001, c),
    "delay": lambda s, c: s.delay(0.001, c),
    "observe_on": lambda s, c: s.observe_on(c),
    "rate": lambda s, c: s.pipe(op.rate(1, every=0.001, scheduler=c)),
    "sample": lambda s, c: s.sample(0.001, c),
    "throttle_first": lambda s, c: s.throttle_first(0.000001, c),
    "throttle_with_timeout": lambda s, c: s.throttle_with_timeout(0.001, c),
    "window_with_time": lambda s, c: s.window_with_time(0.001, scheduler=c).flat_map(ops.to_list()),
    "piped": lambda s, c: s.pipe(ops.map(lambda event: event), ops.delay(0.001, c), ops.filter(bool)),
}
every_timed = pytest.mark.parametrize("use", TIMED.values(), ids=list(TIMED))


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock() as clock:
        yield clock
    until(lambda: clock._thread is None or not clock._thread.is_alive())  # so that it logs in no other test


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """What was logged at ERROR."""
    caplog.set_level(logging.DEBUG, "ctfy_rx")
    return lambda: our_errors(caplog)


def raising(error: type[BaseException], seen: list[Any]) -> Callable[[Any], None]:
    def callback(item: Any = None, *_: object) -> None:
        seen.append(item)
        raise error("a bug of the app")

    return callback


@pytest.mark.parametrize("error", WHATEVER)
def test_what_is_scheduled_may_raise_and_the_others_go_on(error, clock: Clock, errors):
    done: list[str] = []
    clock.schedule(raising(error, []))
    clock.schedule_relative(0.001, raising(error, []))
    clock.schedule(lambda *_: done.append("at once"))
    clock.schedule_relative(0.002, lambda *_: done.append("later"))
    until(lambda: done == ["at once", "later"] and len(errors()) == 2)
    assert {record.name for record in errors()} == {"ctfy_rx"}
    assert all(record.exc_info for record in errors())


@pytest.mark.parametrize("error", WHATEVER)
def test_what_is_due_again_and_again_is_so_though_it_raises(error, clock: Clock, errors):
    seen: list[Any] = []
    clock.schedule_periodic(0.001, raising(error, seen), "state")
    until(lambda: len(seen) > 2)
    assert set(seen) == {"state"}
    until(errors)


def test_one_thread_serves_all_and_keeps_no_program_alive(clock: Clock):
    threads: set[threading.Thread] = set()
    for number in range(5):
        clock.schedule_relative(0.001 * number, lambda *_: threads.add(threading.current_thread()))
    done = threading.Event()
    clock.schedule_relative(0.01, lambda *_: done.set())
    assert done.wait(PATIENCE)
    (thread,) = threads
    assert thread.daemon


def test_it_ends_with_its_block_and_takes_nothing_more():
    with Clock() as clock:
        threads: list[threading.Thread] = []
        clock.schedule(lambda *_: threads.append(threading.current_thread()))
        until(lambda: threads)
    until(lambda: not threads[0].is_alive())
    with pytest.raises(DisposedException):
        clock.schedule(print)


def test_what_is_at_work_when_it_ends_is_forgotten_without_a_word(errors):
    clock = Clock()
    seen: list[Any] = []
    reactivex.interval(0.0001, scheduler=clock).subscribe(seen.append)
    until(lambda: len(seen) > 3)
    clock.schedule(lambda *_: (clock.dispose(), clock.schedule(print)))
    until(lambda: clock._thread is not None and not clock._thread.is_alive())
    assert errors() == []


def test_it_can_be_ended_by_what_it_does():
    clock = Clock()
    threads: list[threading.Thread] = []
    clock.schedule(lambda *_: (threads.append(threading.current_thread()), clock.dispose()))
    until(lambda: threads and not threads[0].is_alive())


@every_timed
@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, SystemExit])
@pytest.mark.parametrize("kind", [Clock, EventLoopScheduler])
def test_a_callback_that_raises_goes_on_and_so_do_all_others_on_it(kind, error, use, errors):
    clock = kind()
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    seen, other = list[Any](), list[Any]()
    subscription = use(stream, clock).subscribe(raising(error, seen))
    others = stream.delay(0.001, clock).subscribe(other.append)
    for number in range(3):
        Background(lambda: source.on_next(solve())).join()
        until(lambda number=number: len(seen) > number and len(other) > number)
    until(lambda: len(errors()) >= 2)
    subscription.dispose()
    others.dispose()
    done = threading.Event()
    clock.schedule_relative(0.002, lambda *_: done.set())  # after what is at work there
    assert done.wait(10)
    assert not any("has ended" in record.getMessage() for record in errors())


@every_timed
def test_an_operator_that_raises_behind_it_ends_its_subscriber_alone_and_is_told(use, clock: Clock, errors):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    told: list[SubscriberFailed] = []
    stream.status.subscribe(lambda it: told.append(it) if isinstance(it, SubscriberFailed) else None)
    other: list[Any] = []
    use(stream, clock).pipe(ops.map(raising(ValueError, []))).subscribe(print)
    stream.delay(0.001, clock).subscribe(other.append)
    source.on_next(solve())
    until(lambda: told and other)
    source.on_next(solve())
    until(lambda: len(other) == 2)
    assert len(told) == len(errors()) == 1
    assert "has ended" in errors()[0].getMessage()


def test_what_was_composed_by_hand_is_reported_and_the_others_go_on(clock: Clock, errors):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    seen, other = list[Any](), list[Any]()
    ops.delay(0.001, clock)(stream).subscribe(raising(ValueError, seen))
    ops.map(raising(ValueError, []))(ops.delay(0.001, clock)(stream)).subscribe(print)
    reactivex.interval(0.001, scheduler=clock).subscribe(raising(ValueError, seen))
    stream.delay(0.002, clock).subscribe(other.append)
    source.on_next(solve())
    until(lambda: len(other) == 1 and len(seen) > 3 and len(errors()) > 3)
    messages = [record.getMessage() for record in errors()]
    assert sum("has ended" in message for message in messages) == 1
    assert all("go on" in message for message in messages if "has ended" not in message)


def test_a_clock_that_is_disposed_under_a_composition_ends_that_with_its_error(errors):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    clock = Clock()
    stream.debounce(0.001, clock).subscribe(print)
    clock.dispose()
    source.on_next(solve())
    with pytest.raises(DisposedException):
        stream.wait()
    assert len(errors()) == 1
