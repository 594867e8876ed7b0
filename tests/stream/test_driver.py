"""Who reads the connection: a thread, or the event loop of the first consumer."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

import ctfy_rx
from ctfy_rx import ConfigurationError, LoopClosed
from ctfy_rx.demo.running import Platform

from ..support.threads import readers, started
from ..support.waiting import PATIENCE, Background, names, soon, until

SILENT = "http://127.0.0.1:9"  # nobody listens there


async def test_an_async_consumer_that_comes_first_starts_no_thread(p: Platform):
    async with ctfy_rx.events(p.url) as stream:
        first = asyncio.ensure_future(stream.next_event())
        await soon(lambda: p.connections)
        p.announce("hello")
        assert (await first).event == "announcement_created"
        assert not started()


async def test_callbacks_run_on_the_loop_that_drives(p: Platform):
    async with ctfy_rx.events(p.url) as stream:
        where: list[threading.Thread] = []
        iterator = aiter(stream)
        stream.subscribe(lambda _: where.append(threading.current_thread()))
        await soon(lambda: p.connections)
        p.announce("hello")
        await anext(iterator)
        assert where == [threading.current_thread()]
        assert p.opened == 1


async def test_an_async_consumer_attaches_to_a_connection_that_a_thread_reads(p: Platform):
    async with ctfy_rx.events(p.url) as stream:
        where: list[str] = []
        stream.subscribe(lambda _: where.append(threading.current_thread().name))
        iterator = aiter(stream)
        await soon(lambda: p.connections)
        p.announce("hello")
        assert (await anext(iterator)).event == "announcement_created"
        assert where == ["ctfy_rx delivery"]
        assert p.opened == 1


async def test_consumers_on_two_loops_share_a_connection(p: Platform):
    async with ctfy_rx.events(p.url) as stream:
        here = aiter(stream)
        there = threading.Event()

        async def elsewhere() -> str:
            iterator = aiter(stream)
            there.set()
            return (await anext(iterator)).event

        other = Background(lambda: asyncio.run(elsewhere()))
        await asyncio.to_thread(there.wait)
        await soon(lambda: p.connections)
        p.announce("hello")
        assert (await anext(here)).event == "announcement_created"
        assert await asyncio.to_thread(other.join) == "announcement_created"
        assert p.opened == 1


async def test_a_factory_of_async_clients_is_driven_by_the_running_loop(p: Platform):
    stream = ctfy_rx.events(p.url, client_factory=httpx.AsyncClient)
    async with stream:
        heard: list[ctfy_rx.Event] = []
        stream.subscribe(heard.append)
        await soon(lambda: p.connections)
        p.announce("hello")
        await soon(lambda: heard)
        assert names(heard) == ["announcement_created"]
        assert not started()


async def test_a_factory_of_blocking_clients_is_read_by_a_thread_also_for_async_consumers(p: Platform):
    async with ctfy_rx.events(p.url, client_factory=httpx.Client) as stream:
        iterator = aiter(stream)
        await soon(lambda: p.connections)
        assert len(readers()) == 1
        p.announce("hello")
        assert (await anext(iterator)).event == "announcement_created"


def test_an_async_client_without_a_loop_is_an_error_that_says_what_to_do():
    stream = ctfy_rx.events(SILENT, client_factory=httpx.AsyncClient)
    failures: list[Exception] = []
    stream.subscribe(on_error=failures.append)
    assert [type(failure) for failure in failures] == [ConfigurationError]
    assert "running event loop" in str(failures[0])
    with pytest.raises(ConfigurationError, match="running event loop"):
        list(stream)


def test_an_async_iterator_without_a_loop_is_an_error():
    stream = ctfy_rx.events(SILENT)
    with pytest.raises(ConfigurationError, match="running event loop"):
        aiter(stream)


def lose_the_loop(stream: ctfy_rx.EventStream, *, state: str) -> list[Exception]:
    """Let a loop drive `stream` until its state is `state`, end the loop; what a subscriber got."""
    failures: list[Exception] = []
    failed = threading.Event()

    def on_error(error: Exception) -> None:
        failures.append(error)
        failed.set()

    async def drive() -> None:
        iterator = aiter(stream)
        stream.subscribe(on_error=on_error)
        await soon(lambda: stream.status.current.state == state)
        del iterator

    asyncio.run(drive())
    assert failed.wait(PATIENCE)
    return failures


def test_when_the_driving_loop_ends_remaining_subscribers_get_an_error(p: Platform):
    stream = ctfy_rx.events(p.url)
    assert [type(failure) for failure in lose_the_loop(stream, state="open")] == [LoopClosed]
    assert stream.status.current.state == "closed"
    until(lambda: p.connections == 0)


def test_when_the_driving_loop_ends_during_back_off_remaining_subscribers_get_an_error():
    stream = ctfy_rx.events(SILENT, initial=60, maximum=60)
    assert [type(failure) for failure in lose_the_loop(stream, state="waiting")] == [LoopClosed]


def test_after_the_loss_of_its_loop_a_stream_can_be_opened_by_a_thread(p: Platform):
    stream = ctfy_rx.events(p.url)
    lose_the_loop(stream, state="open")
    with stream:
        stream.subscribe()
        until(lambda: stream.status.current.state == "open")


def test_one_stream_serves_one_asyncio_run_after_another(p: Platform):
    stream = ctfy_rx.events(p.url)

    async def one() -> str:
        waiting = asyncio.ensure_future(stream.next_event(5))
        await soon(lambda: p.connections)
        p.announce("hello")
        event = await waiting
        await soon(lambda: p.connections == 0)
        return event.event

    assert [asyncio.run(one()) for _ in range(3)] == ["announcement_created"] * 3


async def test_a_cancelled_consumer_closes_its_connection(p: Platform):
    stream = ctfy_rx.events(p.url)

    async def consume() -> None:
        async for _ in stream:
            pass

    task = asyncio.ensure_future(consume())
    await soon(lambda: p.connections)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    await soon(lambda: p.connections == 0)


async def test_asyncio_reconnects_after_a_restart(p: Platform):
    async with ctfy_rx.events(p.url, initial=0.05) as stream:
        iterator: Any = aiter(stream.announcements())
        await soon(lambda: p.connections)
        await asyncio.to_thread(p.restart)
        await soon(lambda: p.connections)
        p.announce("hello")
        assert (await anext(iterator)).event == "announcement_created"
        assert not readers()
