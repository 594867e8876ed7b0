"""`watch` subscribes; every test that uses it runs once with each driver, and must leave nothing behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from reactivex import Observable
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

from ctfy_rx.sse import Frame

from ..support.threads import started
from ..support.waiting import until
from ..support.watching import Watched

Watch = Callable[..., Watched]


@pytest.fixture(params=["thread", "asyncio"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop on a thread of its own; no task may be left on it."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever, name="loop")
    thread.start()
    try:
        yield running
        until(lambda: not asyncio.all_tasks(running))
    finally:
        running.call_soon_threadsafe(running.stop)
        thread.join()
        running.close()


@pytest.fixture
def watch(driver: str, request: pytest.FixtureRequest) -> Iterator[Watch]:
    """``watch(frames(...))`` subscribes with the driver of this run; disposed at the end."""
    scheduler = AsyncIOThreadSafeScheduler(request.getfixturevalue("loop")) if driver == "asyncio" else None
    watched: list[Watched] = []

    def subscribe(source: Observable[Frame], *, on_frame: Callable[[Frame], None] | None = None) -> Watched:
        watched.append(Watched(on_frame))
        return watched[-1].watch(source, scheduler)

    yield subscribe
    for each in watched:
        each.dispose()
    until(no_readers)


def no_readers() -> bool:
    """Whether no thread of the library is left."""
    return not started()
