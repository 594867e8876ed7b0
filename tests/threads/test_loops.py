"""Work on an event loop, from whatever thread."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from ctfy_rx import LoopClosed
from ctfy_rx.threads.loops import LoopScheduler, LoopTask, together

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


class Lost:
    """A task on a loop that a test ends, and what it is told."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self.errors: list[LoopClosed] = []
        self.left = 0
        self.began = self.ended = False
        self.task = LoopTask(loop, self.work, on_lost=self.errors.append, left_behind=self.leave)

    async def work(self) -> None:
        self.began = True
        await asyncio.sleep(60)
        self.ended = True

    def leave(self) -> None:
        self.left += 1

    def told(self) -> tuple[int, int]:
        return len(self.errors), self.left


def test_a_task_tells_when_its_loop_is_closed_over_its_head():
    loop = asyncio.new_event_loop()
    lost = Lost(loop)
    loop.run_until_complete(asyncio.sleep(0.01))
    assert lost.began
    assert lost.told() == (0, 0)
    loop.close()
    assert lost.told() == (1, 1)
    gc.collect()
    assert lost.told() == (1, 1)


def test_a_task_tells_also_if_it_never_began():
    loop = asyncio.new_event_loop()
    lost = Lost(loop)
    loop.close()
    assert not lost.began
    assert lost.told() == (1, 1)


def test_a_disposed_task_is_left_behind_and_tells_nothing():
    loop = asyncio.new_event_loop()
    lost = Lost(loop)
    loop.run_until_complete(asyncio.sleep(0.01))
    lost.task.dispose()
    loop.close()
    assert lost.told() == (0, 1)


def test_a_task_that_is_cancelled_with_all_others_tells_once():
    async def main() -> Lost:
        lost = Lost(asyncio.get_running_loop())
        await asyncio.sleep(0.01)
        return lost

    assert asyncio.run(main()).told() == (1, 0)


def test_a_task_that_has_ended_tells_nothing():
    async def main() -> Lost:
        lost = Lost(asyncio.get_running_loop())
        await asyncio.sleep(0.01)
        lost.task.dispose()
        await asyncio.sleep(0.01)
        return lost

    loop = asyncio.new_event_loop()
    lost = loop.run_until_complete(main())
    loop.close()
    assert lost.told() == (0, 0)


async def test_a_task_that_nobody_else_holds_is_kept_by_its_loop():
    lost = Lost(asyncio.get_running_loop())
    gone = weakref.ref(lost.task)
    del lost.task
    await asyncio.sleep(0.01)
    gc.collect()
    assert gone() is not None


def test_a_task_on_a_closed_loop_is_refused_and_tells_nothing():
    loop = asyncio.new_event_loop()
    loop.close()
    told: list[LoopClosed] = []
    with pytest.raises(LoopClosed, match="is closed"):
        LoopTask(loop, lambda: asyncio.sleep(0), on_lost=told.append)
    assert told == []


def test_what_raises_when_it_is_told_does_not_hurt_whoever_closes_the_loop(caplog: pytest.LogCaptureFixture):
    loop = asyncio.new_event_loop()
    LoopTask(loop, lambda: asyncio.sleep(60), on_lost=lambda _: 1 / 0)
    loop.close()
    assert "ZeroDivisionError" in caplog.text


def test_work_for_a_closed_loop_is_refused():
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(LoopClosed):
        LoopScheduler(loop).schedule(lambda *_: None)


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
