"""Which event loop drives a stream, who may wait for it, and what becomes of the others when it ends."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx
import pytest
import reactivex
from reactivex.scheduler.eventloop import AsyncIOScheduler

import ctfy_rx
from ctfy_rx import ConfigurationError, Event, EventStream, LoopClosed, StreamClosed, frames, to_iter
from ctfy_rx.demo.running import Platform

from ..support.threads import readers
from ..support.waiting import PATIENCE, Background, soon, until


def run_and_close(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run it on a loop that is closed then, without an end for what is left on it."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


def hears(p: Platform, stream: EventStream) -> str:
    """What the stream gives, used on a new loop."""

    async def main() -> str:
        before = p.opened
        waiting = asyncio.ensure_future(stream.next_event(PATIENCE))
        await soon(lambda: p.opened > before)
        p.announce("hello")
        return (await waiting).event

    return asyncio.run(main())


# A loop that is closed over the head of what it drives

CLIENTS = pytest.mark.parametrize("client", [None, httpx.AsyncClient], ids=["ours", "its"])
LINGERS = pytest.mark.parametrize("linger", [0.0, 60.0])


@CLIENTS
@LINGERS
@pytest.mark.parametrize("token", [True, False], ids=["log", "live"])
def test_after_the_closing_of_its_loop_a_stream_is_opened_anew_by_who_comes(
    p: Platform, linger: float, client: Any, token: bool
):
    stream = ctfy_rx.events(
        p.url, token=p.admin_token if token else None, linger=linger, client_factory=client
    )
    left = []

    async def leave_a_loop_in_it() -> None:
        left.append(aiter(stream))
        await soon(lambda: stream.status.current.state == "open")

    run_and_close(leave_a_loop_in_it)
    assert stream.status.current.state == "closed"
    until(lambda: p.connections == 0)
    assert hears(p, stream) == "announcement_created"
    with stream:
        assert stream.subscribe()


@CLIENTS
def test_a_connection_that_lingers_on_a_loop_that_is_closed_serves_nobody(p: Platform, client: Any):
    stream = ctfy_rx.events(p.url, linger=60, client_factory=client)

    async def hear_one() -> None:
        waiting = asyncio.ensure_future(stream.next_event(PATIENCE))
        await soon(lambda: p.connections)
        p.announce("one")
        await waiting

    run_and_close(hear_one)
    until(lambda: p.connections == 0)
    assert hears(p, stream) == "announcement_created"
    stream.close()


def test_a_connection_that_lingers_on_a_loop_that_stands_still_serves_nobody(p: Platform):
    stream = ctfy_rx.events(p.url, linger=60)
    loop = asyncio.new_event_loop()

    async def hear_one() -> None:
        waiting = asyncio.ensure_future(stream.next_event(PATIENCE))
        await soon(lambda: p.connections)
        p.announce("one")
        await waiting

    loop.run_until_complete(hear_one())
    assert hears(p, stream) == "announcement_created"
    stream.close()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    until(lambda: p.connections == 0)


def test_a_connection_that_lingers_on_a_loop_is_used_again_when_that_runs_again(p: Platform):
    stream = ctfy_rx.events(p.url, linger=60)

    async def hear_one() -> str:
        waiting = asyncio.ensure_future(stream.next_event(PATIENCE))
        await soon(lambda: p.connections)
        await soon(lambda: "1 subscribed" in repr(stream))
        p.announce("one")
        return (await waiting).event

    with asyncio.Runner() as runner:
        assert [runner.run(hear_one()) for _ in range(3)] == ["announcement_created"] * 3
        stream.close()
    assert p.opened == 1


@CLIENTS
def test_who_is_still_there_when_the_loop_is_closed_is_told(p: Platform, client: Any):
    stream = ctfy_rx.events(p.url, client_factory=client)
    failures: list[Exception] = []

    async def drive() -> Background:
        stream.subscribe(on_error=failures.append, scheduler=AsyncIOScheduler(asyncio.get_running_loop()))
        loop = Background(lambda: list(stream))
        waiting = Background(stream.wait)
        await soon(lambda: "3 subscribed" in repr(stream) and stream.status.current.state == "open")
        others.extend((loop, waiting))
        return loop

    others: list[Background] = []
    run_and_close(drive)
    for other in others:
        with pytest.raises(LoopClosed, match="subscribes next"):
            other.join()
    assert [type(failure) for failure in failures] == [LoopClosed]
    until(lambda: p.connections == 0)
    with pytest.raises(LoopClosed):
        stream.wait()


def test_who_waits_during_the_back_off_is_told_when_the_loop_is_closed():
    stream = ctfy_rx.events("http://127.0.0.1:9", initial=60)
    failures: list[Exception] = []

    async def drive() -> None:
        stream.subscribe(on_error=failures.append, scheduler=AsyncIOScheduler(asyncio.get_running_loop()))
        await soon(lambda: stream.status.current.state == "waiting")

    run_and_close(drive)
    assert [type(failure) for failure in failures] == [LoopClosed]


@pytest.mark.parametrize("linger", [0.0, 60.0])
def test_of_two_threads_with_loops_of_their_own_each_gets_events_or_an_error(p: Platform, linger: float):
    stream = ctfy_rx.events(p.url, linger=linger)
    joined, go_on = threading.Event(), threading.Event()

    async def first() -> str:
        waiting = asyncio.ensure_future(stream.next_event(PATIENCE))
        await asyncio.to_thread(joined.wait)
        p.announce("one")
        return (await waiting).event

    async def second() -> list[str]:
        items = aiter(stream)
        joined.set()
        heard = [(await anext(items)).event]
        go_on.set()
        heard.append((await anext(items)).event)
        return heard

    one = Background(lambda: asyncio.run(first()))
    until(lambda: p.connections)
    other = Background(lambda: asyncio.run(second()))
    assert one.join() == "announcement_created"
    assert go_on.wait(PATIENCE)
    p.announce("two")
    with pytest.raises(LoopClosed):
        other.join()
    assert hears(p, stream) == "announcement_created"
    stream.close()


def test_a_thread_that_reads_for_a_loop_goes_on_when_that_ends_and_also_reconnects(p: Platform):
    stream = ctfy_rx.events(p.url, client_factory=httpx.Client, initial=0.01)
    heard: list[Event] = []

    async def come_first() -> None:
        items = aiter(stream)
        stream.subscribe(heard.append)
        await soon(lambda: p.connections)
        await items.aclose()

    asyncio.run(come_first())
    with stream:
        p.drop_connections()
        until(lambda: p.opened == 2 and p.connections)
        p.announce("still here")
        until(lambda: heard)


def test_who_leaves_last_need_not_have_a_loop_that_still_runs(p: Platform):
    stream = ctfy_rx.events(p.url, linger=60)
    held = stream.subscribe()  # a thread reads
    left: list[Any] = []

    async def join() -> None:
        left.append(aiter(stream))
        await soon(lambda: p.connections)

    asyncio.run(join())
    held.dispose()
    left.clear()
    gc.collect()
    assert p.connections == 1
    stream.close()


def test_a_connection_lingers_also_when_the_loop_of_who_came_first_has_ended(p: Platform):
    stream = ctfy_rx.events(p.url, client_factory=httpx.Client, linger=60)
    left: list[Any] = []

    async def come_first() -> None:
        left.append(aiter(stream))
        await soon(lambda: p.connections)

    asyncio.run(come_first())
    left.clear()
    gc.collect()
    assert "0 subscribed" in repr(stream)
    assert p.connections == 1
    stream.close()


# Who would block the loop


def refused(use: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError, match=r"async for event in stream.*await stream\.next_event"):
        use()


BLOCKING: dict[str, Callable[[EventStream], object]] = {
    "for": lambda stream: [event for event in stream],  # noqa: C416
    "for over a derived one": lambda stream: list(stream.solves().filter(bool)),
    "for over a named one": lambda stream: list(stream.named()),
    "to_iter": lambda stream: list(to_iter(stream.map(str))),
    "wait": lambda stream: stream.wait(),
    "wait with a limit": lambda stream: stream.wait(60),
    "opened": lambda stream: stream.opened().wait(),
    "public_teams": lambda stream: stream.public_teams().wait(),
    "ready": lambda stream: stream.instance("i-1").ready().wait(),
    "to_arrow": lambda stream: stream.take(1).to_arrow(),
    "to_pandas": lambda stream: stream.take(1).to_pandas(),
    "run": lambda stream: stream.first().run(),
    "run of what is no stream": lambda stream: stream.map(str).first().run(),
}


@pytest.mark.parametrize("use", BLOCKING.values(), ids=BLOCKING.keys())
@pytest.mark.parametrize("driven", [True, False], ids=["driven", "idle"])
async def test_whoever_would_block_the_loop_of_an_async_client_is_refused(
    p: Platform, use: Callable[[EventStream], object], driven: bool
):
    async with ctfy_rx.events(p.url, client_factory=httpx.AsyncClient) as stream:
        heard: list[Event] = []
        if driven:
            stream.subscribe(heard.append)
            await soon(lambda: p.connections)
        refused(lambda: use(stream))
        if driven:  # and nobody else notices
            p.announce("hello")
            await soon(lambda: heard)
            assert p.opened == 1
    await soon(lambda: p.connections == 0)


@pytest.mark.parametrize("use", BLOCKING.values(), ids=BLOCKING.keys())
async def test_whoever_would_block_the_loop_of_an_async_consumer_is_refused(
    p: Platform, use: Callable[[EventStream], object]
):
    async with ctfy_rx.events(p.url) as stream:
        items = aiter(stream)
        await soon(lambda: p.connections)
        refused(lambda: use(stream))
        p.announce("hello")
        assert (await anext(items)).event == "announcement_created"


async def test_frames_of_an_async_client_are_refused_to_a_loop_that_blocks(p: Platform):
    refused(lambda: list(to_iter(frames(p.url, client_factory=httpx.AsyncClient))))


async def test_a_history_that_an_async_client_reads_is_refused_to_a_loop_that_blocks(p: Platform):
    history = ctfy_rx.history(p.url, token=p.admin_token, client_factory=httpx.AsyncClient)
    refused(lambda: list(history))
    assert [event async for event in history] == []


async def test_a_loop_that_was_made_before_the_stream_is_opened_is_refused_then(p: Platform):
    async with ctfy_rx.events(p.url, client_factory=httpx.AsyncClient, autoconnect=False) as stream:
        items, others = iter(stream), iter(stream)
        stream.connect()
        refused(lambda: next(items))
        await soon(lambda: p.connections)
        p.announce("hello")
        assert (await asyncio.to_thread(next, others)).event == "announcement_created"


async def test_the_wait_for_a_recording_is_refused_where_it_would_block_the_loop(p: Platform, tmp_path: Any):
    async with ctfy_rx.events(p.url, client_factory=httpx.AsyncClient) as stream:
        with stream.record(tmp_path / "day.jsonl") as recording:
            await soon(lambda: p.connections)
            refused(recording.wait)
        assert recording.wait()


# Who would not


async def test_once_no_loop_reads_any_more_nobody_is_refused(p: Platform):
    async with ctfy_rx.events(p.url) as stream:
        waiting = asyncio.ensure_future(stream.next_event(PATIENCE))
        await soon(lambda: p.connections)
        p.announce("one")
        await waiting
        await soon(lambda: p.connections == 0)
        assert stream.wait(0.01) is False
        until(lambda: p.connections == 0)
        saying = Background(lambda: (until(lambda: p.connections), p.announce("two")))
        assert next(iter(stream)).event == "announcement_created"
        saying.join()


async def test_once_it_is_closed_that_is_what_a_stream_says(p: Platform):
    stream = ctfy_rx.events(p.url)
    items = aiter(stream)
    await soon(lambda: p.connections)
    with stream:
        pass
    with pytest.raises(StreamClosed, match="is closed"):
        iter(stream)
    assert stream.wait() is True
    await items.aclose()


async def test_a_thread_that_reads_for_an_async_consumer_reads_for_a_loop_too(p: Platform):
    async with ctfy_rx.events(p.url, client_factory=httpx.Client) as stream:
        items = aiter(stream)
        await soon(lambda: p.connections)
        assert readers()
        loop = iter(stream)
        p.announce("hello")
        assert next(loop).event == "announcement_created"
        await items.aclose()


async def test_each_loop_over_a_cold_stream_has_a_source_of_its_own(tmp_path: Any):
    stream = EventStream.over(reactivex.of(Event("tick", "{}")))
    with stream.record(tmp_path / "day.jsonl") as recording:
        recording.wait()
    replay = ctfy_rx.replay(tmp_path / "day.jsonl")
    items = aiter(replay)
    assert [event.event for event in replay] == ["tick"]
    assert [event.event async for event in items] == ["tick"]


@pytest.fixture
def other_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def test_a_loop_of_another_thread_may_drive_the_stream_that_blocks_this_one(
    p: Platform, other_loop: asyncio.AbstractEventLoop
):
    async with ctfy_rx.events(p.url) as stream:
        stream.subscribe(scheduler=AsyncIOScheduler(other_loop))
        await soon(lambda: p.connections)
        assert not readers()
        items = iter(stream)
        p.announce("hello")
        assert next(items).event == "announcement_created"


def test_a_loop_that_goes_on_after_an_interrupt_gives_the_rest_and_nothing_twice(p: Platform):
    heard: list[int | None] = []

    def on_next(event: Event) -> None:
        heard.append(event.log_id)
        if len(heard) == 1:
            raise KeyboardInterrupt

    async def hear() -> None:
        stream.wrong_answers().subscribe(on_next, scheduler=AsyncIOScheduler(asyncio.get_running_loop()))
        await soon(lambda: p.connections)
        for _ in range(3):
            p.wrong(team=0, challenge=0)
        await soon(lambda: len(heard) >= 3)

    async def go_on() -> None:
        await soon(lambda: len(heard) >= 3)
        stream.close()

    with asyncio.Runner() as runner, ctfy_rx.events(p.url, token=p.admin_token) as stream:
        loop = runner.get_loop()
        hearing = loop.create_task(hear())
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(hearing)
        loop.run_until_complete(go_on())
    assert len(heard) == len(set(heard)) == 3
