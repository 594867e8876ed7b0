"""`stream.status`: what the connection is doing."""

from __future__ import annotations

import functools
import threading
from typing import Any

import httpx
import pytest

import ctfy_rx
from ctfy_rx import Closed, Connecting, Dropped, Gap, Idle, Open, Status, Waiting, testing
from ctfy_rx.delivery.iterators import DEFAULT_BUFFER
from ctfy_rx.delivery.status_feed import StatusSubject
from ctfy_rx.demo.running import Platform

from ..support.threads import readers
from ..support.waiting import PATIENCE, until

SILENT = "http://127.0.0.1:9"  # nobody listens there

NOBODY = Open(nobody=True)


def test_status_gives_its_current_state_at_once_and_opens_nothing(p: Platform):
    stream = ctfy_rx.events(p.url)
    seen: list[Status] = []
    stream.status.subscribe(seen.append)
    stream.solves().status.subscribe(seen.append)
    assert seen == [Idle(), Idle()]
    assert p.opened == 0


def test_status_tells_the_life_of_a_connection(p: Platform):
    stream = ctfy_rx.events(p.url)
    seen: list[Status] = []
    completed = threading.Event()
    stream.status.subscribe(seen.append, on_completed=completed.set)
    subscription = stream.subscribe()
    until(lambda: seen[-1] == NOBODY)
    subscription.dispose()
    stream.subscribe()
    until(lambda: seen[-1] == NOBODY)
    stream.close()
    assert seen == [Idle(), Connecting(), NOBODY, Idle(), Connecting(), NOBODY, Closed()]
    assert completed.is_set()


def test_status_over_a_restart_tells_of_the_wait_and_of_the_gap(p: Platform):
    with ctfy_rx.events(p.url, initial=0.05, maximum=0.05, jitter=0) as stream:
        seen: list[Status] = []
        stream.status.subscribe(seen.append)
        stream.subscribe()
        until(lambda: seen[-1] == NOBODY)
        p.restart(down=0.2)
        until(lambda: isinstance(seen[-1], Gap))
    lost = next(status for status in seen if isinstance(status, Waiting))
    assert isinstance(lost.cause, ctfy_rx.ConnectionFailed)
    assert seen.index(lost) == 3
    states = [status.state for status in seen[3:-3]]
    assert states == ["waiting", "connecting"] * (len(states) // 2)
    assert [status.state for status in seen[-3:]] == ["open", "gap", "closed"]


def test_a_status_subscriber_that_comes_late_gets_the_state_and_not_old_news(p: Platform):
    with ctfy_rx.events(p.url) as stream:
        stream.subscribe()
        until(lambda: stream.status.current == NOBODY)
        stream._pipeline._told.emit(Gap(1.0))
        stream._pipeline._told.emit(Dropped(1))
        seen: list[Status] = []
        stream.status.subscribe(seen.append)
        until(lambda: seen)  # the reader may still be telling others of it
        assert seen == [NOBODY]


def test_status_after_close_is_closed_and_complete():
    stream = ctfy_rx.events(SILENT)
    stream.close()
    seen: list[object] = []
    stream.status.subscribe(seen.append, on_completed=lambda: seen.append("completed"))
    assert seen == [Closed(), "completed"]


def test_status_names_the_error_that_ended_the_stream():
    refusing = httpx.MockTransport(lambda _: httpx.Response(403))
    stream = ctfy_rx.events("http://ctf.example", transport=refusing)
    failures: list[Exception] = []
    stream.subscribe(on_error=failures.append)
    until(lambda: failures)
    assert stream.status.current == Closed(failures[0], reopens=True)


def test_a_status_subscriber_may_close_the_stream():
    stream = ctfy_rx.events(SILENT, initial=60)
    done = threading.Event()
    stream.status.filter(lambda status: status.state == "waiting").subscribe(lambda _: stream.close())
    stream.subscribe(on_completed=done.set)
    assert done.wait(PATIENCE)


def test_a_connection_that_is_left_while_it_opens_does_not_say_later_that_it_is_open(p: Platform):
    stream = ctfy_rx.events(p.url)
    for _ in range(30):
        stream.subscribe().dispose()
    until(lambda: not readers())
    assert stream.status.current == Idle()
    stream.subscribe()
    until(lambda: stream.status.current == NOBODY)
    stream.close()
    until(lambda: p.connections == 0)


def test_a_connection_whose_turn_has_passed_is_not_heard():
    status = StatusSubject()
    first = status.of_connection()
    first(Open())
    second = status.of_connection()
    second(Connecting())
    first(Open())
    first.stop()
    assert status.current == Connecting()
    second.stop()
    assert status.current == Idle()


def test_close_does_not_wait_for_a_status_subscriber_that_blocks():
    stream = ctfy_rx.events(SILENT, initial=60)
    inside, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def slow(status: Status) -> None:
        if status.state == "waiting":
            inside.set()
            go_on.wait(PATIENCE)
        seen.append(status.state)

    stream.status.subscribe(slow)
    completed = threading.Event()
    stream.subscribe(on_completed=completed.set)
    assert inside.wait(PATIENCE)
    stream.close()
    assert completed.is_set()
    assert seen == ["idle", "connecting"]
    go_on.set()
    until(lambda: seen == ["idle", "connecting", "waiting", "closed"])


def test_close_runs_a_status_subscriber_on_its_own_thread_where_none_is_at_it():
    stream = ctfy_rx.events(SILENT)
    told: list[tuple[str, threading.Thread]] = []
    stream.status.subscribe(lambda status: told.append((status.state, threading.current_thread())))
    stream.close()
    assert told[-1] == ("closed", threading.current_thread())


async def _handler(_: object) -> None: ...


class _Handler:
    async def __call__(self, _: object) -> None: ...


@pytest.mark.parametrize("handler", [_handler, _Handler(), functools.partial(_handler)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_subscribing_a_coroutine_function_to_the_status_is_an_error(handler: object, place: int):
    handlers: list[Any] = [None, None, None]
    handlers[place] = handler
    with pytest.raises(TypeError, match="plain functions"):
        StatusSubject().feed.subscribe(*handlers)


def test_a_change_made_by_a_status_subscriber_comes_after_the_one_that_it_was_told():
    status = StatusSubject()
    first: list[Status] = []
    second: list[Status] = []
    status.feed.subscribe(lambda now: (first.append(now), status.end(Closed()) if now == Open() else None))
    status.feed.subscribe(second.append)
    status.emit(Open())
    assert first == second == [Idle(), Open(), Closed()]


def test_a_status_subscriber_that_raises_hurts_nobody(caplog: pytest.LogCaptureFixture):
    status = StatusSubject()
    status.feed.subscribe(lambda _: 1 / 0)
    seen: list[Status] = []
    status.feed.subscribe(seen.append)
    status.emit(Open())
    assert seen == [Idle(), Open()]
    assert "ZeroDivisionError" in caplog.text


def test_ctrl_c_in_a_status_subscriber_does_not_silence_the_status():
    status = StatusSubject()

    def interrupted(status: Status) -> None:
        if status == Open():
            raise KeyboardInterrupt

    status.feed.subscribe(interrupted)
    with pytest.raises(KeyboardInterrupt):
        status.emit(Open())
    seen: list[Status] = []
    status.feed.subscribe(seen.append)
    status.end(Closed())
    assert seen == [Open(), Closed()]


def test_nothing_is_told_after_the_end():
    status = StatusSubject()
    status.end(Closed())
    status.emit(Open())
    status.end(Closed(ValueError()))
    assert status.current == Closed()


def test_drops_of_a_slow_loop_are_told_with_their_count():
    flood = [testing.solve()] * (DEFAULT_BUFFER + 12)
    stream = testing.stream_of(*flood, autoconnect=False, ends=False)
    seen: list[Status] = []
    stream.status.subscribe(seen.append)
    iterator = iter(stream)
    stream.connect()
    assert [status.total for status in seen if isinstance(status, Dropped)] == [1, 2, 4, 8]
    iterator.close()
    assert seen[-1] == Dropped(iterator.dropped) == Dropped(12)
    stream.close()
