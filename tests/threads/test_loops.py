"""Work on an event loop, from whatever thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ctfy_rx.threads.loops import LoopScheduler, together

from ..support.waiting import PATIENCE


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs on a thread of its own."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever)
    thread.start()
    yield running
    running.call_soon_threadsafe(running.stop)
    thread.join(PATIENCE)
    running.close()


def test_work_from_another_thread_runs_on_the_loop(loop):
    done = threading.Event()
    LoopScheduler(loop).schedule(lambda *_: done.set())
    assert done.wait(PATIENCE)


async def test_work_on_the_loops_own_thread_runs_when_it_is_due():
    done = asyncio.Event()
    LoopScheduler(asyncio.get_running_loop()).schedule_relative(0.01, lambda *_: done.set())
    assert not done.is_set()
    await asyncio.wait_for(done.wait(), PATIENCE)


def test_what_is_disposed_while_the_loop_is_busy_does_not_wait_for_it_and_never_runs(loop):
    busy, free, idle = threading.Event(), threading.Event(), threading.Event()
    ran: list[str] = []

    def block() -> None:
        busy.set()
        free.wait(PATIENCE)

    loop.call_soon_threadsafe(block)
    assert busy.wait(PATIENCE)
    scheduled = LoopScheduler(loop).schedule_relative(0.0, lambda *_: ran.append("ran"))
    scheduled_later = LoopScheduler(loop).schedule_relative(0.01, lambda *_: ran.append("ran later"))

    async def dispose_on_another_loop() -> None:
        scheduled.dispose()
        scheduled_later.dispose()

    asyncio.run(dispose_on_another_loop())  # would never return if it waited for the busy one
    LoopScheduler(loop).schedule_relative(0.02, lambda *_: idle.set())
    free.set()
    assert idle.wait(PATIENCE)
    assert ran == []


def test_disposing_after_the_loop_has_closed_is_no_error():
    loop = asyncio.new_event_loop()
    scheduled = LoopScheduler(loop).schedule_relative(1.0, lambda *_: None)
    loop.close()
    scheduled.dispose()


async def test_what_is_done_together_has_ended_when_it_is_left_however_often_it_is_cancelled():
    told: list[str] = []

    async def slow_to_end() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            told.append("ended")

    task = asyncio.ensure_future(together(slow_to_end(), slow_to_end()))
    await asyncio.sleep(0.01)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["ended"] * 2
