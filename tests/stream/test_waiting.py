"""`wait`, `next_event`, `each`: the ways to stand and wait for a stream."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import reactivex

import ctfy_rx
from ctfy_rx import StreamClosed, testing
from ctfy_rx.demo.running import Platform

from ..support.children import Child
from ..support.waiting import PATIENCE, Background, names, soon, until

SILENT = "http://127.0.0.1:9"  # nobody listens there


def test_wait_returns_true_when_the_stream_is_closed(p: Platform):
    stream = ctfy_rx.events(p.url)
    waiting = Background(stream.wait)
    until(lambda: p.connections)  # it keeps the connection open
    stream.close()
    assert waiting.join() is True
    assert stream.wait() is True


def test_wait_returns_false_after_its_timeout_and_leaves_the_stream_open(p: Platform):
    with ctfy_rx.events(p.url) as stream:
        stream.subscribe()
        until(lambda: p.connections)
        begun = time.monotonic()
        assert stream.wait(0.05) is False
        assert time.monotonic() - begun >= 0.05
        assert p.connections == 1


def test_wait_returns_when_a_derived_stream_completes():
    assert testing.stream_of(testing.solve(), ends=False).take(1).wait(1) is True


def test_wait_raises_what_the_stream_fails_with():
    refusing = httpx.MockTransport(lambda _: httpx.Response(401))
    with pytest.raises(ctfy_rx.TokenRefused):
        ctfy_rx.events("http://ctf.example", transport=refusing).wait(PATIENCE)


SCRIPT = """
import signal, sys, threading, time, ctfy_rx

def stands_in_wait():
    top = frame = sys._current_frames()[threading.main_thread().ident]
    while frame is not None and frame.f_code is not {waits}.__code__:
        frame = frame.f_back
    return frame is not None and top.f_code in (ctfy_rx.threads.waiting.take.__code__, wait_on_event)

def press_ctrl_c():  # as soon as somebody at the keyboard could: before that, Ctrl-C is another story
    while stream.status.current.state != "open" or not stands_in_wait():
        time.sleep(0.001)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

def hear(event):
    print(event.event)
    heard.set()

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
wait_on_event, heard = threading.Condition.wait.__code__, threading.Event()
stream = ctfy_rx.events(sys.argv[1])
stream.subscribe(hear, on_completed=lambda: print("completed"))
{before}
threading.Thread(target=press_ctrl_c, daemon=True).start()
try:
    print("returned", {waiting})
except KeyboardInterrupt:
    print("interrupted", stream.status.current.state, flush=True)
heard.wait(60)
{after}
"""
IN_WAIT = {
    "waits": "ctfy_rx.EventStream.wait",
    "before": "",
    "waiting": "stream.wait()",
    "after": "stream.close(); print(stream.wait())",
}


def interrupted(p: Platform, **parts: str) -> list[str]:
    """What a script prints whose wait is interrupted; an event comes when it has said so."""
    command = [sys.executable, "-c", SCRIPT.format(**parts), p.url]
    with Child(command, stdout=subprocess.PIPE, text=True) as script:
        assert script.stdout is not None
        first = script.stdout.readline()
        p.announce("still here")
        printed, _ = script.communicate(timeout=PATIENCE)
    assert script.returncode == 0
    return [line.rstrip() for line in (first, *printed.splitlines())]


@pytest.mark.parametrize("waiting", ["stream.wait()", "stream.wait(3600)", "stream.solves().wait()"])
def test_ctrl_c_ends_wait_with_keyboard_interrupt_and_leaves_the_stream_open(p: Platform, waiting: str):
    printed = interrupted(p, **IN_WAIT | {"waiting": waiting})
    assert printed == ["interrupted open", "announcement_created", "completed", "True"]
    until(lambda: p.connections == 0)


def test_ctrl_c_ends_the_wait_for_a_recording_with_keyboard_interrupt_and_it_goes_on(
    p: Platform, tmp_path: Path
):
    printed = interrupted(
        p,
        waits="ctfy_rx.Recording.wait",
        before=f"recording = stream.record({str(tmp_path / 'day.jsonl')!r})",
        waiting="recording.wait()",
        after="print(recording.is_over); recording.stop(); print(recording.events)",
    )
    assert printed == ["interrupted open", "announcement_created", "False", "1"]


def test_a_script_that_waits_in_its_last_line_ends_by_ctrl_c_as_python_scripts_do(p: Platform):
    script = """
import signal, sys, ctfy_rx
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
ctfy_rx.events(sys.argv[1]).wait()
"""
    with Child([sys.executable, "-c", script, p.url], stderr=subprocess.PIPE, text=True) as running:
        until(lambda: p.connections == 1)
        running.send_signal(signal.SIGINT)
        _, complaints = running.communicate(timeout=PATIENCE)
    assert running.returncode == -signal.SIGINT
    assert complaints.splitlines()[-1] == "KeyboardInterrupt"
    until(lambda: p.connections == 0)


async def test_next_event_gives_the_next_event_and_closes_the_connection(p: Platform):
    stream = ctfy_rx.events(p.url, token=p.admin_token)
    waiting = asyncio.ensure_future(stream.solves().next_event(timeout=5))
    await soon(lambda: p.connections)
    p.wrong(team=0, challenge=0)
    p.solve(team=0, challenge=0)
    assert (await waiting).event == "flag_correct"
    await soon(lambda: p.connections == 0)


async def test_next_event_raises_a_timeout_that_says_how_long(p: Platform):
    async with ctfy_rx.events(p.url) as stream:
        with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
            await stream.next_event(timeout=0.05)
        assert "0 subscribed" in repr(stream)


async def test_next_event_of_a_stream_that_ends_before_raises_stream_closed():
    with pytest.raises(StreamClosed, match="ended before"):
        await testing.stream_of().next_event()


async def test_next_event_raises_what_the_stream_fails_with():
    with pytest.raises(ctfy_rx.ConnectionFailed, match="gone"):
        await testing.stream_of(error=ctfy_rx.ConnectionFailed("gone")).next_event(1)


async def test_each_awaits_the_handler_for_one_event_after_another():
    stream = testing.stream_of(testing.solve(), testing.wrong(), testing.achievement())
    running = 0
    handled: list[str] = []

    async def handler(event: ctfy_rx.Event) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        handled.append(event.event)

    await stream.each(handler)
    assert handled == ["flag_correct", "flag_wrong", "achievement_unlocked"]


async def test_each_stops_and_raises_when_the_handler_raises(p: Platform):
    stream = ctfy_rx.events(p.url)

    async def handler(_: object) -> None:
        raise ValueError("a bug of the app")

    working = asyncio.ensure_future(stream.each(handler))
    await soon(lambda: p.connections)
    p.announce("hello")
    with pytest.raises(ValueError, match="a bug"):
        await working
    await soon(lambda: p.connections == 0)


async def test_each_serves_several_handlers_on_one_connection(p: Platform):
    async with ctfy_rx.events(p.url) as stream:
        heard: list[list[ctfy_rx.Event]] = [[], []]

        async def first(event: ctfy_rx.Event) -> None:
            heard[0].append(event)

        async def second(event: ctfy_rx.Event) -> None:
            heard[1].append(event)

        async with asyncio.TaskGroup() as handlers:
            handlers.create_task(stream.each(first))
            handlers.create_task(stream.announcements().each(second))
            await soon(lambda: p.connections)
            p.announce("hello")
            await soon(lambda: all(heard))
            stream.close()
        assert [names(events) for events in heard] == [["announcement_created"]] * 2
        assert p.opened == 1


async def handle(_: object = None) -> None:
    """A coroutine function, which `subscribe` cannot call."""


class Handler:
    async def __call__(self, _: object) -> None:
        """As `handle`."""


@pytest.mark.parametrize("handler", [handle, Handler(), Handler().__call__])
def test_subscribing_a_coroutine_function_is_an_error_that_names_each(handler: object):
    with pytest.raises(TypeError, match=r"await stream\.each\(handler\)"):
        ctfy_rx.events(SILENT).subscribe(handler)  # type: ignore[arg-type]


def test_a_coroutine_function_for_the_end_is_an_error_as_well():
    with pytest.raises(TypeError, match=r"plain functions"):
        ctfy_rx.events(SILENT).subscribe(print, on_completed=handle)  # type: ignore[arg-type]


async def test_awaiting_a_stream_is_an_error_that_says_what_to_write():
    with pytest.raises(TypeError, match=r"await stream\.next_event\(\)"):
        await ctfy_rx.events(SILENT)


async def test_each_refuses_a_plain_function_and_says_where_it_goes():
    with pytest.raises(TypeError, match=r"write subscribe\(\)"):
        await testing.stream_of(testing.event("flag_wrong")).each(lambda _: None)  # type: ignore[arg-type, return-value]


def test_wait_on_a_stream_that_has_ended_does_not_open_it_again():
    opened: list[str] = []

    def source(*_: object) -> reactivex.Observable[ctfy_rx.Event]:
        opened.append("opened")
        return reactivex.empty()

    stream = ctfy_rx.EventStream.over(reactivex.defer(source))
    stream.subscribe()
    assert stream.wait(1)
    assert opened == ["opened"]


def test_wait_raises_what_the_stream_has_failed_with_before():
    stream = ctfy_rx.EventStream.over(reactivex.throw(ctfy_rx.ConnectionFailed("gone")))
    stream.subscribe(on_error=lambda _: None)
    with pytest.raises(ctfy_rx.ConnectionFailed, match="gone"):
        stream.wait()


async def test_a_loop_that_drives_the_stream_cannot_be_blocked_by_iterating_over_it(p: Platform):
    async with ctfy_rx.events(p.url) as stream:
        iterator = aiter(stream)
        with pytest.raises(ctfy_rx.ConfigurationError, match="async for"):
            iter(stream)
        with pytest.raises(ctfy_rx.ConfigurationError, match="next_event"):
            stream.wait()
        await iterator.aclose()


async def test_a_lingering_connection_serves_one_next_event_after_another(p: Platform):
    async with ctfy_rx.events(p.url, linger=10) as stream:
        for title in ("one", "two"):
            coming = asyncio.create_task(stream.of_event("announcement_created").next_event(timeout=PATIENCE))
            await asyncio.to_thread(p.wait_for_connections, 1)
            await soon(lambda: "1 subscribed" in repr(stream))
            await asyncio.to_thread(p.announce, title)
            assert (await coming).event == "announcement_created"
    assert p.opened == 1
