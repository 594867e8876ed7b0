"""One connection to NATS leaves nothing behind, however it ends."""

from __future__ import annotations

import asyncio
import gc
import warnings
from contextlib import suppress

import pytest

from ctfy_rx.errors import ConnectionFailed
from ctfy_rx.relay.broker import Broker, Connection


def left_open(work) -> list[str]:
    """What was still open when the event loop of `work` had ended."""
    gc.collect()  # what others left
    with suppress(asyncio.CancelledError):
        asyncio.run(work)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
    return [str(each.message) for each in caught]


async def connected(broker) -> None:
    async with Broker(broker.url).connection():
        await asyncio.sleep(60)


def test_a_connection_that_is_cancelled_twice_while_it_opens_is_closed(broker):
    async def cancelled(turns: int) -> None:
        task = asyncio.ensure_future(connected(broker))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        asyncio.current_task().cancel()  # the end of the loop cancels all that is left
        await asyncio.sleep(60)

    assert [left_open(cancelled(turns)) for turns in range(40)] == [[]] * 40


async def test_work_that_ends_because_the_connection_is_lost_is_not_done():
    async def work() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    connection = Connection(None, "nats://a:4222")
    asyncio.get_running_loop().call_soon(connection._lost.set_result, None)
    with pytest.raises(ConnectionFailed, match="closed the connection"):
        await connection.racing(work())
