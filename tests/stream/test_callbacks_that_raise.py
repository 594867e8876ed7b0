"""What a callback raises ends nothing and hurts nobody, whatever it is and wherever it is called from."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import reactivex
from reactivex import Observable, Observer, Subject
from reactivex import operators as ops
from reactivex.scheduler import EventLoopScheduler, NewThreadScheduler, ThreadPoolScheduler
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

import ctfy_rx
from ctfy_rx import Clock, EventStream, StreamClosed, SubscriberFailed
from ctfy_rx import operators as op
from ctfy_rx.demo.running import Platform
from ctfy_rx.testing import solve, wrong

from ..support.logs import our_errors
from ..support.servers import CLOSE_DELIMITED, Server, frame, sends
from ..support.waiting import PATIENCE, Background, soon, until


class Strange(BaseException):
    """No Exception."""


RAISED = {
    "an exception": ValueError("a bug of the app"),
    "a cancellation": asyncio.CancelledError("a bug of the app"),
    "the end of a generator": GeneratorExit("a bug of the app"),
    "the end of an iteration": StopIteration("a bug of the app"),
    "too deep a recursion": RecursionError("a bug of the app"),
    "no exception": Strange("a bug of the app"),
}
whatever = pytest.mark.parametrize("error", RAISED.values(), ids=list(RAISED))

USES: dict[str, Callable[[EventStream], Observable[Any]]] = {
    "the stream": lambda s: s,
    "a derived stream": lambda s: s.of_event("flag_*").filter(bool),
    "one that takes some": lambda s: s.take(3),
    "map": lambda s: s.map(lambda event: event),
    "flat_map": lambda s: s.flat_map(reactivex.of),
    "concat_map": lambda s: s.pipe(ops.concat_map(reactivex.of)),
    "switch_map": lambda s: s.pipe(ops.switch_map(reactivex.of)),
    "a pipe": lambda s: s.pipe(ops.map(lambda event: event), ops.filter(bool)),
    "a pipe that takes some": lambda s: s.pipe(ops.skip(0), ops.take(3)),
    "a buffer": lambda s: s.buffer_with_count(1),
    "a sum": lambda s: s + s,
    "a slice": lambda s: s.map(lambda event: event)[0:3],
    "a partition": lambda s: s.partition(bool)[0],
    "shared in a pipe": lambda s: s.pipe(ops.map(lambda event: event), op.share()),
    "published": lambda s: s.publish().ref_count(),
    "retried": lambda s: s.retry(),
    "by hand": ops.map(lambda event: event),
    "merged by hand": lambda s: reactivex.merge(s, reactivex.never()),
}
every_use = pytest.mark.parametrize("use", USES.values(), ids=list(USES))


class Callback:
    """Writes down what it hears, and raises `error`."""

    def __init__(self, error: BaseException) -> None:
        self.heard: list[Any] = []
        self.error = error

    def __call__(self, item: Any) -> None:
        self.heard.append(item)
        raise self.error


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged at ERROR."""
    caplog.set_level(logging.DEBUG, "ctfy_rx")
    return lambda: [each.getMessage() for each in our_errors(caplog)]


@every_use
@whatever
def test_it_is_reported_and_goes_on_with_the_next(use, error, errors):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    told: list[ctfy_rx.Status] = []
    stream.status.subscribe(told.append)
    before: list[Any] = []
    after: list[Any] = []
    callback = Callback(error)
    stream.subscribe(before.append)
    use(stream).subscribe(callback)
    stream.subscribe(after.append)
    for _ in range(3):
        source.on_next(solve())
    assert len(callback.heard) == len(before) == len(after) == 3
    assert all("it goes on with the next" in each for each in errors()[:2])
    assert not any("goes on" in each for each in errors()[2:])  # the third time is told at its end
    assert [status for status in told if isinstance(status, SubscriberFailed)] == []
    assert stream.wait(0) is False


@whatever
def test_one_that_raises_on_its_last_item_completes(error):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    completed: list[str] = []
    stream.take(1).subscribe(Callback(error), on_completed=lambda: completed.append("stream"))
    stream.pipe(ops.take(1)).subscribe(Callback(error), on_completed=lambda: completed.append("pipe"))
    source.on_next(solve())
    assert completed == ["stream", "pipe"]


@whatever
def test_what_raises_at_the_end_is_reported_and_the_others_end_too(error, errors):
    def raising(*_: object) -> None:
        raise error

    ended: list[str] = []
    for last in (Subject.on_completed, lambda subject: subject.on_error(ConnectionError("lost"))):
        source: Subject[Any] = Subject()
        stream = EventStream.over(source)
        stream.filter(bool).subscribe(print, raising, raising)
        stream.subscribe(print, lambda _: ended.append("failed"), lambda: ended.append("completed"))
        last(source)
    assert ended == ["completed", "failed"]
    assert len(errors()) == 2
    assert not any("goes on" in each for each in errors())


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
@every_use
def test_what_is_meant_for_the_program_passes_on_the_main_thread_and_hurts_nobody(use, stop):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    callback = Callback(stop())
    other: list[Any] = []
    stream.subscribe(other.append)
    use(stream).subscribe(callback)
    with pytest.raises(stop):
        source.on_next(solve())
    with suppress(stop):  # that it tore through an operator, such as concat_map, may have ended that one
        source.on_next(solve())
    assert len(other) == 2


@whatever
def test_on_the_threads_of_a_stream_the_others_do_not_notice(error, p: Platform, errors):
    with ctfy_rx.events(p.url) as stream:
        callback, other = Callback(error), []
        stream.subscribe(callback)
        stream.of_event("announcement_created").map(lambda event: event.data).subscribe(callback)
        stream.subscribe(other.append)
        stream.opened().wait()
        p.announce("one")
        p.announce("two")
        until(lambda: len(other) == 2 and len(callback.heard) == 4)
        assert stream.status.current.state == "open"
        assert p.opened == 1
    assert len(errors()) == 4


@whatever
def test_on_an_event_loop_the_others_do_not_notice(error, p: Platform, errors):
    async def main() -> None:
        async with ctfy_rx.events(p.url) as stream:
            callback = Callback(error)
            events = aiter(stream)
            stream.subscribe(callback)
            await stream.opened()
            p.announce("one")
            p.announce("two")
            await anext(events)
            await anext(events)
            await soon(lambda: len(callback.heard) == 2)

    asyncio.run(main())
    assert len(errors()) == 2


@whatever
def test_one_with_a_thread_of_its_own_goes_on(error, errors):
    source: Subject[Any] = Subject()
    callback = Callback(error)
    with EventStream.over(source) as stream:
        stream.buffered().subscribe(callback)
        source.on_next(solve())
        source.on_next(solve())
        until(lambda: len(callback.heard) == 2 and len(errors()) == 2)


@pytest.mark.parametrize("scheduler", [Clock, EventLoopScheduler, NewThreadScheduler, ThreadPoolScheduler])
@whatever
def test_behind_a_hand_over_it_goes_on(error, scheduler, errors):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    over = scheduler()
    fluent, piped, other = Callback(error), Callback(error), []
    stream.observe_on(over).subscribe(fluent)
    stream.pipe(ops.observe_on(over), ops.map(lambda event: event)).subscribe(piped)
    stream.observe_on(over).subscribe(other.append)
    for _ in range(2):
        source.on_next(solve())
    until(lambda: len(fluent.heard) == len(piped.heard) == len(other) == 2)
    until(lambda: len(errors()) == 4)


@whatever
def test_a_recording_plays_on(error, tmp_path, errors):
    with EventStream.over(reactivex.of(solve(), wrong())).record(tmp_path / "day1.jsonl") as recording:
        recording.wait()
    callback, ended = Callback(error), threading.Event()
    ctfy_rx.replay(tmp_path / "day1.jsonl", speed=None).subscribe(callback, on_completed=ended.set)
    assert ended.wait(PATIENCE)
    assert len(callback.heard) == len(errors()) == 2


@whatever
def test_a_callback_of_the_status_hurts_neither_the_connection_nor_the_others(error, p: Platform, errors):
    with ctfy_rx.events(p.url) as stream:
        heard: list[str] = []
        stream.status.subscribe(Callback(error))
        stream.status.filter(bool).subscribe(Callback(error))
        stream.status.subscribe(lambda status: heard.append(status.state))
        stream.subscribe(print)
        until(lambda: "open" in heard)
        assert p.opened == 1
    assert errors()


@whatever
def test_what_counts_drops_and_chooses_what_to_retry_may_raise_too(error, errors):
    def raising(*_: object) -> Any:
        raise error

    source: Subject[int] = Subject()
    items = ctfy_rx.to_iter(source, buffer=1, on_drop=raising)
    for number in range(3):
        source.on_next(number)
    assert next(items) == 2
    assert errors()


def test_an_observer_object_is_guarded_like_functions(errors):
    source: Subject[Any] = Subject()
    callback = Callback(ValueError())
    EventStream.over(source).subscribe(Observer(callback))
    source.on_next(solve())
    source.on_next(solve())
    assert len(callback.heard) == len(errors()) == 2


def test_the_subscribers_of_groups_and_of_what_is_published_go_on(errors):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    grouped, published, other = Callback(ValueError()), Callback(ValueError()), []
    stream.group_by(lambda event: event.event).subscribe(lambda group: group.subscribe(grouped))
    connectable = stream.publish()
    connectable.subscribe(published)
    connectable.subscribe(other.append)
    connectable.connect()
    for _ in range(2):
        source.on_next(solve())
        source.on_next(wrong())
    assert len(grouped.heard) == len(published.heard) == len(other) == 4
    assert len(errors()) == 3 + 3  # the 1st, 2nd and 4th time
    assert all("goes on" in each for each in errors())


def test_one_that_leaves_and_then_raises_is_not_said_to_go_on(errors):
    source: Subject[Any] = Subject()

    def leaves(_: object) -> None:
        subscription.dispose()
        raise ValueError("a bug of the app")

    subscription = EventStream.over(source).subscribe(leaves)
    source.on_next(solve())
    (said,) = errors()
    assert "raised" in said
    assert "goes on" not in said


def test_a_coroutine_function_is_refused_wherever_one_subscribes():
    async def handler(_: object) -> None: ...

    stream = EventStream.over(Subject())
    for observable in (stream, stream.map(str), stream.pipe(ops.map(str)), stream.status, stream.rate(1)):
        with pytest.raises(TypeError, match="each"):
            observable.subscribe(handler)


@pytest.mark.parametrize("callbacks", [(5,), ("x",), ([print],), (print, "oops"), (None, None, 5)])
def test_what_nobody_can_call_is_refused_wherever_one_subscribes(callbacks: tuple[Any, ...]):
    stream = EventStream.over(Subject())
    for observable in (stream, stream.map(str), stream.pipe(ops.map(str)), stream.status, stream.rate(1)):
        with pytest.raises(TypeError, match=r"^subscribe\(\) takes functions, as subscribe\(print\), not "):
            observable.subscribe(*callbacks)


def test_who_would_end_the_program_from_a_thread_of_the_stream_ends_that_and_everybody_is_told():
    three = frame("a") + frame("b") + frame("c")
    with Server(sends(CLOSE_DELIMITED, three, stay=True)) as server:
        stream = ctfy_rx.events(f"{server.url}/events")
        callback, failures = Callback(KeyboardInterrupt()), list[Exception]()
        stream.subscribe(callback, failures.append)
        with pytest.raises(StreamClosed, match="KeyboardInterrupt was raised on the delivery thread"):
            stream.wait()
        until(lambda: failures)
        assert len(callback.heard) == 1
        until(server.peers[0].gone.is_set)


def test_who_interrupts_a_thread_of_its_own_ends_alone_and_is_told():
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    failures: list[Exception] = []
    other: list[Any] = []
    stream.buffered().subscribe(Callback(KeyboardInterrupt()), failures.append)
    stream.subscribe(other.append)
    source.on_next(solve())
    until(lambda: failures)
    source.on_next(solve())
    assert len(other) == 2
    assert isinstance(failures[0], StreamClosed)


async def test_behind_asyncios_scheduler_it_goes_on(errors):
    scheduler = AsyncIOThreadSafeScheduler(asyncio.get_running_loop())
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    handed, timed = Callback(asyncio.CancelledError()), Callback(ValueError())
    stream.observe_on(scheduler).subscribe(handed)
    stream.buffer_with_time(0.001, scheduler=scheduler).subscribe(timed)
    source.on_next(solve())
    source.on_next(solve())
    await soon(lambda: len(handed.heard) == 2 and len(timed.heard) > 2)
    stream.close()
    assert len(errors()) > 3


def test_sys_exit_off_the_main_thread_is_told_with_what_to_do_instead(errors):
    source: Subject[Any] = Subject()
    EventStream.over(source).map(str).subscribe(lambda _: sys.exit(3))
    Background(lambda: source.on_next(solve())).join()
    [told] = errors()
    assert "sys.exit() ends no program on a thread of the stream: close() it and exit after wait()" in told
    assert told.endswith("; it goes on with the next")


async def post(_: object) -> bool:
    """A coroutine function, of which nobody thinks that it is one."""
    return False


@pytest.mark.parametrize(
    "compose",
    [
        lambda stream: stream.filter(post),
        lambda stream: stream.map(post),
        lambda stream: stream.do_action(post),
        lambda stream: stream.map(bool).filter(post),
        lambda stream: stream.take_while(post),
        lambda stream: stream.group_by(post),
        lambda stream: stream.distinct(key_mapper=post),
    ],
)
def test_an_operator_refuses_a_coroutine_function_too(compose: Any) -> None:
    with pytest.raises(TypeError, match=r"calls plain functions: .*stream\.each"):
        compose(EventStream.over(reactivex.never()))


def test_a_coroutine_that_a_callback_makes_is_told_and_the_next_event_comes(caplog: Any) -> None:
    given: Subject[Any] = Subject()
    seen: list[Any] = []
    stream = EventStream.over(given)
    stream.subscribe(lambda event: post(event) if not seen.append(event) else None)
    stream.map(lambda event: event.event).subscribe(lambda name: post(name.upper()))
    given.on_next(solve())
    given.on_next(solve())
    assert len(seen) == 2
    assert caplog.text.count("TypeError: a callback made a coroutine of post() that nobody awaits") == 4
