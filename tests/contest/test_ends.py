"""The questions of a stream when its loop has ended, when it is closed, and when they wait for themselves."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import ctfy_rx
from ctfy_rx import demo
from ctfy_rx.demo.running import Platform

from ..support.threads import started
from ..support.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with demo.platform(teams=3, challenges=10) as running:
        yield running


@pytest.fixture
def stream(platform: Platform) -> Iterator[ctfy_rx.EventStream]:
    with ctfy_rx.events(platform.url, token=platform.admin_token) as made:
        yield made


@pytest.mark.parametrize(
    ("first_of", "listens"),
    [
        (lambda stream: stream.public_teams(), False),
        (lambda stream: stream.scoreboard(), True),
        (lambda stream: stream.rate(1.0, every=0.05), True),
        (lambda stream: stream.named(), True),
        (lambda stream: stream.first_bloods(by="flag"), True),
    ],
    ids=["public_teams", "scoreboard", "rate", "named", "first_bloods"],
)
def test_a_stream_that_was_used_on_a_loop_serves_without_it_afterwards(
    platform: Platform, stream: ctfy_rx.EventStream, first_of: Callable[[Any], Any], listens: bool
):
    async def use() -> None:
        await stream.opened()

    asyncio.run(use())
    until(lambda: isinstance(stream.status.current, ctfy_rx.Idle))
    challenge = 1 + sum(row.event == "flag_correct" for row in platform.rows)
    with ctfy_rx.to_iter(first_of(stream)) as items:
        if listens:
            until(lambda: isinstance(stream.status.current, ctfy_rx.Open))
            platform.solve(team=0, challenge=challenge)
        assert next(items) is not None


def test_names_go_on_for_those_who_stay_when_a_loop_that_used_them_ends(
    platform: Platform, stream: ctfy_rx.EventStream
):
    named: list[Any] = []
    stream.of_event("flag_wrong").named().subscribe(named.append)

    async def use() -> None:
        async with ctfy_rx.to_async_iter(stream.named()):
            await stream.opened()

    asyncio.run(use())
    for challenge in range(3):
        platform.wrong(team=0, challenge=challenge)
    until(lambda: len(named) == 3)


@pytest.fixture
def silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_close_ends_a_question_that_nobody_answers(silent: str):
    stream = ctfy_rx.events(silent, token="pt_x")
    ended: list[BaseException] = []

    def ask() -> None:
        try:
            stream.public_teams().wait()
        except ctfy_rx.CtfyRxError as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: started("ctfy_rx question"))
    stream.close()
    asking.join(PATIENCE)
    assert [type(error) for error in ended] == [ctfy_rx.StreamClosed]


async def test_waiting_on_the_loop_that_would_bring_it_is_an_error(stream: ctfy_rx.EventStream):
    async with ctfy_rx.to_async_iter(stream):
        await stream.opened()
        for awaited in (stream.public_teams(), stream.opened(), stream.instance("7").ready()):
            with pytest.raises(ctfy_rx.ConfigurationError, match="would block the event loop"):
                awaited.wait()
