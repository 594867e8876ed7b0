"""An event loop that runs on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .waiting import PATIENCE


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """It runs, and ends when its tasks have ended."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        deadline = time.monotonic() + PATIENCE
        while asyncio.all_tasks(loop) and time.monotonic() < deadline:
            time.sleep(0.01)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
