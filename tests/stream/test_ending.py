"""How a stream ends: from any thread, at any moment, for everybody."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
import reactivex
from reactivex import Subject
from reactivex import operators as ops

import ctfy_rx
from ctfy_rx import Closed, EventStream, StreamClosed, testing
from ctfy_rx.demo.running import Platform

from ..support.servers import CLOSE_DELIMITED, Server, frame, reply, sends
from ..support.threads import readers
from ..support.waiting import PATIENCE, Background, soon, until

SILENT = "http://127.0.0.1:9"  # nobody listens there


def ended(observable: Any) -> threading.Event:
    """Subscribes, and is set when that completes."""
    done = threading.Event()
    observable.subscribe(on_completed=done.set)
    return done


def nobody_else_is_connected(p: Platform) -> None:
    """The server takes connections in turn: it has seen all others when it has seen this one."""
    with ctfy_rx.events(p.url) as stream:
        opened = p.opened
        stream.subscribe()
        until(lambda: p.opened > opened and p.connections == 1)
    until(lambda: p.connections == 0)


def test_close_completes_subscribers_of_the_root_and_of_all_derived_streams(p: Platform):
    stream = ctfy_rx.events(p.url)
    ends = [
        ended(stream),
        ended(stream.solves().take(3)),
        ended(stream.map(str)),
        ended(stream.buffer_with_count(2)),
    ]
    until(lambda: p.connections)
    stream.solves().close()  # of a derived one: it is the same stream
    assert all(end.is_set() for end in ends)
    until(lambda: p.connections == 0)


def test_close_completes_a_stream_that_was_merged_with_an_interval():
    stream = ctfy_rx.events(SILENT)
    end = ended(stream.merge(reactivex.interval(1000)).filter(bool))
    stream.close()
    assert end.is_set()


def test_close_lets_operators_deliver_what_they_hold():
    stream = testing.stream_of(testing.solve(), testing.wrong(), ends=False)
    held: list[str] = []
    stream.merge(reactivex.never()).take_last(1).subscribe(lambda event: held.append(event.event))
    stream.close()
    assert held == ["flag_wrong"]


def test_close_ends_a_for_loop_that_blocks_in_another_thread(p: Platform):
    stream = ctfy_rx.events(p.url)
    loop = Background(lambda: list(stream))
    until(lambda: p.connections)
    stream.close()
    assert loop.join() == []


def test_close_from_a_thread_ends_an_async_for(p: Platform):
    stream = ctfy_rx.events(p.url)

    async def collect() -> list[Any]:
        return [event async for event in stream]

    loop = Background(lambda: asyncio.run(collect()))
    until(lambda: p.connections)
    stream.close()
    assert loop.join() == []
    until(lambda: p.connections == 0)


async def test_close_on_the_loop_ends_an_async_for(p: Platform):
    stream = ctfy_rx.events(p.url)

    async def collect() -> list[Any]:
        return [event async for event in stream]

    collecting = asyncio.ensure_future(collect())
    await soon(lambda: p.connections)
    stream.close()
    assert await collecting == []
    await soon(lambda: p.connections == 0)


def test_close_inside_a_callback_ends_the_others_as_well(p: Platform):
    stream = ctfy_rx.events(p.url)
    stream.subscribe(lambda _: stream.close())
    other = ended(stream)
    until(lambda: p.connections)
    p.announce("the end")
    assert other.wait(PATIENCE)
    until(lambda: p.connections == 0)


def test_close_from_another_thread_waits_for_no_callback_and_completes_nobody_in_the_middle_of_one(
    p: Platform,
):
    stream = ctfy_rx.events(p.url)
    inside, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def slow(_: object) -> None:
        inside.set()
        go_on.wait(PATIENCE)
        order.append("item")

    stream.subscribe(slow, on_completed=lambda: order.append("completed"))
    until(lambda: p.connections)
    p.announce("hello")
    inside.wait(PATIENCE)
    stream.close()
    assert order == []
    go_on.set()
    until(lambda: order == ["item", "completed"])


def test_close_during_back_off_ends_consumers_at_once():
    stream = ctfy_rx.events(SILENT, initial=60, maximum=60, jitter=0)
    waiting = threading.Event()
    stream.status.filter(lambda status: status.state == "waiting").subscribe(lambda _: waiting.set())
    end = ended(stream)
    assert waiting.wait(PATIENCE)
    stream.close()
    assert end.is_set()
    until(lambda: not readers())


def test_close_while_connecting_ends_consumers_at_once(unanswered: str):
    stream = ctfy_rx.events(unanswered)
    end = ended(stream)
    until(lambda: stream.status.current.state == "connecting")
    stream.close()
    assert end.is_set()
    until(lambda: not readers())


def held_in_an_item(given: Subject[Any], subscribe: Callable[..., Any], go_on: threading.Event) -> list[str]:
    """A subscriber that stays in its first item until it may go on; gives what it does then."""
    inside, order = threading.Event(), list[str]()

    def slow(_: object) -> None:
        inside.set()
        go_on.wait(PATIENCE)
        order.append("item")

    subscribe(slow, on_completed=lambda: order.append("completed"))
    given.on_next(testing.solve())
    assert inside.wait(PATIENCE)
    return order


def test_close_completes_others_while_a_subscriber_with_a_thread_of_its_own_is_in_the_middle_of_an_item():
    given, go_on = Subject[Any](), threading.Event()
    stream = EventStream.over(given)
    end = ended(stream.merge(reactivex.never()))
    order = held_in_an_item(given, stream.buffered().subscribe, go_on)
    late_end = ended(stream.filter(bool).merge(reactivex.never()))
    stream.close()
    assert end.is_set()
    assert late_end.is_set()
    assert order == []
    go_on.set()
    until(lambda: order == ["item", "completed"])


@pytest.mark.parametrize(
    "made",
    [
        lambda stream: stream.buffered().merge(reactivex.never()),
        lambda stream: stream.take(0).concat(stream.buffered()).merge(reactivex.never()),
        lambda stream: stream.merge(reactivex.never()).buffered().merge(reactivex.never()),
        lambda stream: stream.buffered().merge(stream.of_event("other")),
        lambda stream: stream.of_event("other").merge(stream.buffered()),
        lambda stream: stream.buffered().flat_map(
            lambda event: stream.of_event("other").merge(reactivex.of(event))
        ),
        lambda stream: ops.flat_map(lambda event: stream.of_event("other").merge(reactivex.of(event)))(
            stream.buffered()
        ),
    ],
    ids=[
        "merged",
        "subscribed to later",
        "merged twice",
        "merged with itself",
        "with itself merged",
        "out of it",
        "out of it by hand",
    ],
)
def test_close_completes_nobody_in_the_middle_of_an_item_that_a_thread_of_its_own_gives(made: Any):
    given, go_on = Subject[Any](), threading.Event()
    stream = EventStream.over(given)
    merged = made(stream)
    first = Background(lambda: held_in_an_item(given, merged.subscribe, go_on))
    order = first.join()
    stream.close()
    assert order == []
    go_on.set()
    until(lambda: "completed" in order)
    assert order[-1] == "completed"


def test_close_waits_for_no_callback_though_what_it_stands_on_is_subscribed_to_later_by_another_source():
    given, later, go_on = Subject[Any](), Subject[int](), threading.Event()
    stream = EventStream.over(given)
    merged = stream.buffered().merge(later.pipe(ops.flat_map(lambda _: stream.of_event("other"))))
    order = held_in_an_item(given, merged.subscribe, go_on)
    later.on_next(1)
    stream.close()
    assert order == []
    go_on.set()
    until(lambda: order == ["item", "completed"])


def test_close_twice_and_from_many_threads_is_close_once(p: Platform):
    stream = ctfy_rx.events(p.url)
    completed: list[bool] = []
    stream.subscribe(on_completed=lambda: completed.append(True))
    until(lambda: p.connections)
    for closing in [Background(stream.close) for _ in range(8)]:
        closing.join()
    stream.close()
    assert completed == [True]


@pytest.mark.parametrize(
    "subscribe",
    [
        lambda stream: stream.subscribe(),
        lambda stream: stream.solves().subscribe(),
        iter,
        lambda stream: stream.filter(bool).subscribe(),
        lambda stream: stream.connect(),
        lambda stream: stream.map(str).subscribe(),
    ],
)
def test_a_closed_stream_says_so_to_whoever_subscribes(subscribe: Callable[[Any], object]):
    stream = ctfy_rx.events(SILENT)
    stream.close()
    with pytest.raises(StreamClosed, match="make a new one"):
        subscribe(stream)


async def test_a_closed_stream_says_so_to_async_consumers():
    stream = ctfy_rx.events(SILENT)
    stream.close()
    with pytest.raises(StreamClosed):
        aiter(stream)
    with pytest.raises(StreamClosed):
        await stream.next_event()
    with pytest.raises(StreamClosed):
        await stream.each(asyncio.sleep)  # type: ignore[arg-type]


def test_who_subscribes_while_the_stream_is_being_closed_ends_and_leaves_nothing_open(p: Platform):
    def race() -> None:
        stream = ctfy_rx.events(p.url)
        start = threading.Barrier(2)
        completed = threading.Event()

        def subscribe() -> None:
            start.wait()
            try:
                stream.subscribe(on_completed=completed.set)
            except StreamClosed:
                completed.set()

        subscribing = Background(subscribe)
        start.wait()
        stream.close()
        subscribing.join()
        assert completed.wait(PATIENCE)

    for _ in range(50):
        race()
    until(lambda: not readers())
    nobody_else_is_connected(p)


def test_connect_while_the_stream_is_being_closed_leaves_nothing_open(p: Platform):
    def race() -> None:
        stream = ctfy_rx.events(p.url)
        start = threading.Barrier(2)

        def connect() -> None:
            start.wait()
            with suppress(StreamClosed):
                stream.connect()

        connecting = Background(connect)
        start.wait()
        stream.close()
        connecting.join()

    for _ in range(50):
        race()
    until(lambda: not readers())
    nobody_else_is_connected(p)


def test_a_stream_that_is_closed_while_it_is_being_opened_completes_its_subscriber():
    stream = EventStream.over(reactivex.defer(lambda _: stream.close() or reactivex.never()))
    assert list(stream.take(1)) == []


def test_a_subscribe_that_raises_leaves_nothing_behind():
    stream = testing.stream_of()
    callback = threading.Event()
    gone = weakref.ref(callback)
    with pytest.raises(KeyError, match="no such thing"):
        stream.derived(reactivex.throw(KeyError("no such thing"))).subscribe(
            lambda _, mine=callback: mine.set()
        )
    del callback
    gc.collect()
    assert gone() is None


def test_a_stream_that_nobody_uses_any_more_is_collected():
    stream = ctfy_rx.events(SILENT)
    stream.solves().filter(bool)
    gone = weakref.ref(stream)
    del stream
    gc.collect()
    assert gone() is None


def test_with_closes_the_stream_also_after_an_error(p: Platform):
    stream = ctfy_rx.events(p.url)
    end = ended(stream)
    until(lambda: p.connections)
    with pytest.raises(ZeroDivisionError), stream:
        raise ZeroDivisionError
    assert end.is_set()


async def test_async_with_closes_the_stream(p: Platform):
    async with ctfy_rx.events(p.url) as stream:
        end = ended(stream)
        await soon(lambda: p.connections)
    assert end.is_set()
    with pytest.raises(StreamClosed):
        stream.subscribe()


def test_break_ends_only_its_own_loop(p: Platform):
    with ctfy_rx.events(p.url) as stream:
        heard: list[object] = []
        stream.subscribe(heard.append)
        until(lambda: p.connections)

        def loop() -> None:
            for _ in stream:
                break

        breaking = Background(loop)
        until(lambda: "2 subscribed" in repr(stream))
        p.announce("one")
        breaking.join()
        until(lambda: "1 subscribed" in repr(stream))
        p.announce("two")
        until(lambda: len(heard) == 2)
        assert p.connections == 1


def test_break_of_the_last_loop_closes_the_connection(p: Platform):
    stream = ctfy_rx.events(p.url)

    def loop() -> None:
        for _ in stream:
            break

    breaking = Background(loop)
    until(lambda: p.connections)
    p.announce("one")
    breaking.join()
    until(lambda: p.connections == 0)


async def test_break_of_the_last_async_loop_closes_the_connection(p: Platform):
    stream = ctfy_rx.events(p.url)

    async def loop() -> None:
        async for _ in stream:
            break

    looping = asyncio.ensure_future(loop())
    await soon(lambda: p.connections)
    p.announce("one")
    await looping
    await soon(lambda: p.connections == 0)


def test_a_subscriber_that_raises_hurts_nobody_is_logged_and_goes_on(
    p: Platform, caplog: pytest.LogCaptureFixture
):
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        seen: list[str] = []

        def raising(event: ctfy_rx.Event) -> None:
            seen.append(event.event)
            raise ValueError("a bug of the app")

        stream.announcements().subscribe(raising)
        iterator = iter(stream.announcements())
        until(lambda: p.connections)
        with caplog.at_level(logging.ERROR, "ctfy_rx"):
            p.announce("one")
            p.announce("two")
            next(iterator), next(iterator)
            until(lambda: len(seen) == 2)
        assert "a bug of the app" in caplog.text
        assert p.admin_token not in caplog.text
        assert p.opened == 1


def test_a_restarted_server_goes_unnoticed_but_for_the_status(p: Platform):
    with ctfy_rx.events(p.url, initial=0.05, maximum=0.2) as stream:
        states: list[str] = []
        stream.status.subscribe(lambda status: states.append(status.state))
        iterator = iter(stream.announcements())
        until(lambda: p.connections)
        p.announce("before")
        next(iterator)
        p.restart(down=0.3)
        until(lambda: p.connections)
        p.announce("after")
        assert next(iterator).event == "announcement_created"
    assert states[:4] == ["idle", "connecting", "open", "waiting"]
    assert states[-3:] == ["open", "gap", "closed"]


def test_without_reconnecting_the_first_loss_ends_the_stream_with_its_error(p: Platform):
    stream = ctfy_rx.events(p.url, auto_reconnect=False)
    loop = Background(lambda: list(stream))
    until(lambda: p.connections)
    p.drop_connections()
    with pytest.raises(ctfy_rx.ConnectionFailed):
        loop.join()
    assert p.opened == 1


def test_without_reconnecting_a_clean_end_completes_the_stream(p: Platform):
    stream = ctfy_rx.events(p.url, auto_reconnect=False)
    loop = Background(lambda: list(stream))
    until(lambda: p.connections)
    p.drop_connections(clean=True)
    assert loop.join() == []


@pytest.mark.parametrize(
    ("options", "requests"),
    [
        ({}, 2),
        ({"method": "head"}, 2),
        ({"method": "POST"}, 1),
        ({"method": "post"}, 1),
        ({"method": "QUERY"}, 1),
        ({"method": "POST", "auto_reconnect": True}, 2),
        ({"method": "GET", "auto_reconnect": False}, 1),
    ],
    ids=str,
)
def test_a_request_that_is_not_safe_is_sent_again_only_where_that_is_written(options: Any, requests: int):
    with Server(sends(CLOSE_DELIMITED, frame("a"))) as server:
        stream = ctfy_rx.events(f"{server.url}/events", initial=0.01, **options)
        completed = threading.Event()
        stream.subscribe(on_completed=completed.set)
        until(lambda: len(server.requests) >= requests)
        if requests == 1:
            assert completed.wait(PATIENCE)
        stream.close()
    assert requests > 1 or len(server.requests) == 1


def test_nor_after_a_failure():
    with Server(sends(reply(503))) as server:
        with pytest.raises(ctfy_rx.HttpError, match="503"):
            list(ctfy_rx.events(f"{server.url}/events", method="POST"))
        assert len(server.requests) == 1


def test_a_refusal_ends_the_stream_with_what_the_server_said():
    refusing = httpx.MockTransport(lambda _: httpx.Response(404, text="nothing here"))
    stream = ctfy_rx.events("http://ctf.example", transport=refusing)
    with pytest.raises(ctfy_rx.HttpError, match="404"):
        list(stream)


def test_a_stream_that_failed_can_be_subscribed_to_again(p: Platform):
    stream = ctfy_rx.events(p.url, auto_reconnect=False)
    loop = Background(lambda: list(stream))
    until(lambda: p.connections)
    p.drop_connections()
    with pytest.raises(ctfy_rx.ConnectionFailed):
        loop.join()
    assert stream.status.current == Closed(ANY, reopens=True)
    with stream:
        stream.subscribe()
        until(lambda: stream.status.current.state == "open")
    assert stream.status.current == Closed(reopens=False)


def test_time_operators_of_reactivex_run_on_the_stream(p: Platform):
    with ctfy_rx.events(p.url) as stream:
        windows: list[list[Any]] = []
        stream.pipe(ops.buffer_with_time(0.05)).subscribe(windows.append)
        until(lambda: p.connections)
        p.announce("one")
        until(lambda: any(windows))


def test_nothing_is_left_of_a_closed_stream(p: Platform):
    stream = ctfy_rx.events(p.url)
    stream.subscribe()
    until(lambda: p.connections)
    stream.close()
    until(lambda: not readers())
