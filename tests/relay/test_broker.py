"""One connection to NATS leaves nothing behind, however it ends."""

from __future__ import annotations

import asyncio
import gc
import itertools
import warnings
from contextlib import suppress

import pytest

from ctfy_rx.errors import ConnectionFailed
from ctfy_rx.reconnect import Backoff
from ctfy_rx.relay.broker import Broker, Connection
from ctfy_rx.status import Waiting

from ..support.ports import own_port


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


async def after_losses(
    broker: Broker, *, lost: int = 1000, work=None, uptime: float, **options
) -> list[float]:
    """The delays of `Broker.work`, until it gives up, or after `lost` losses; each reading of the clock is
    `uptime` later."""
    delays: list[float] = []

    def tell(status) -> None:
        if isinstance(status, Waiting):
            delays.append(status.delay)
            if len(delays) == lost:
                raise KeyError

    async def nothing(_) -> None:
        raise ConnectionFailed("lost")

    clock = itertools.count(step=uptime)
    with suppress(ConnectionFailed, KeyError):
        backoff = Backoff(initial=0.001, jitter=0, reset_after=5.0, **options)
        await broker.work(work or nothing, tell=tell, backoff=backoff, clock=lambda: next(clock))
    return delays


async def test_to_wait_for_a_broker_in_vain_is_no_time_open():
    broker = Broker(f"nats://127.0.0.1:{own_port()}")
    assert await after_losses(broker, uptime=10.0, max_attempts=3) == [0.001, 0.002]


@pytest.mark.parametrize(("uptime", "delays"), [(0.0, [0.001, 0.002]), (10.0, [0.001, 0.001])])
async def test_a_connection_that_lasted_begins_the_delays_anew(broker, uptime, delays):
    assert await after_losses(Broker(broker.url), lost=2, uptime=uptime) == delays


async def test_a_connection_through_which_an_event_went_is_none_of_max_attempts(broker):
    async def work(connection: Connection) -> None:
        connection.delivered = True
        raise ConnectionFailed("lost")

    delays = await after_losses(Broker(broker.url), lost=4, work=work, uptime=1.0, max_attempts=1)
    assert delays == [0.001] * 4
