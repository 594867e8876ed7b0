"""`history`: what has happened so far, as a stream that ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

import ctfy_rx
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import ConfigurationError, ConnectionFailed, LogUnavailable, TokenRefused

from ..support.threads import started
from ..support.waiting import soon, until


@pytest.fixture
def played(p: Platform) -> Platform:
    for challenge in range(4):
        p.solve(team=challenge % 3, challenge=challenge)
        p.wrong(team=0, challenge=challenge)
    return p


def ids(p: Platform) -> list[int]:
    return [int(row.id) for row in p.rows]


def test_everything_comes_in_order_and_then_it_ends(played: Platform):
    events = list(ctfy_rx.history(played.url, token=played.admin_token))
    assert [event.log_id for event in events] == ids(played)
    assert {event.origin for event in events} == {"log"}
    assert played.opened == 0


def test_a_player_gets_the_own_events(played: Platform):
    player = played.teams[0].players[0]
    events = list(ctfy_rx.history(played.url, token=player.token))
    assert [event.log_id for event in events] == [
        int(row.id) for row in played.rows if row.actor_id == player.user_id
    ]


def test_since_and_until_are_inclusive_and_a_cursor_is_not(played: Platform):
    rows = played.rows
    between = ctfy_rx.history(
        played.url, token=played.admin_token, since=rows[2].timestamp, until=rows[5].timestamp
    )
    assert [event.log_id for event in between] == ids(played)[2:6]
    cursor = ctfy_rx.history(played.url, token=played.admin_token).element_at(2)
    [third] = cursor
    after = ctfy_rx.history(played.url, token=played.admin_token, since=third.cursor)
    assert [event.log_id for event in after] == ids(played)[3:]


async def test_a_loop_reads_it_without_a_thread(played: Platform):
    names = []
    async for event in ctfy_rx.history(played.url, token=played.admin_token):
        assert not started()
        names.append(event.log_id)
    assert names == ids(played)


def test_its_streams_operators_work_on_it(played: Platform):
    solves = list(ctfy_rx.history(played.url, token=played.admin_token).solves())
    assert [event.event for event in solves] == ["flag_correct"] * 4


def test_each_subscriber_after_its_end_reads_it_again(played: Platform):
    history = ctfy_rx.history(played.url, token=played.admin_token)
    assert len(list(history)) == len(list(history)) == len(played.rows)


def test_a_log_of_more_than_a_page_comes_whole(p: Platform):
    for _ in range(2100):
        p.wrong(team=0, challenge=0)
    assert [event.log_id for event in ctfy_rx.history(p.url, token=p.admin_token)] == ids(p)


def test_without_a_token_or_a_platform_it_says_what_it_needs(p: Platform):
    with pytest.raises(LogUnavailable, match="needs the URL of a platform and a token"):
        list(ctfy_rx.history(p.url))
    with pytest.raises(LogUnavailable, match="needs the URL of a platform and a token"):
        list(ctfy_rx.history(f"{p.url}/stream", token=p.admin_token))


def test_a_refused_token_is_said_to_be_refused(p: Platform):
    with pytest.raises(TokenRefused, match="answered 403"):
        list(ctfy_rx.history(p.url, token="pt_unknown"))
    with pytest.raises(TokenRefused, match="use the session token of `ctfy login`"):
        list(ctfy_rx.history(p.url, token=p.fine_grained_token()))


def test_another_kind_of_server_is_said_to_be_one():
    pages = httpx.MockTransport(lambda _: httpx.Response(200, html="<p>welcome"))
    with pytest.raises(LogUnavailable, match="no platform"):
        list(ctfy_rx.history("http://ctf.example", token="pt_secret", transport=pages))


def test_no_platform_at_all_is_a_failed_connection():
    with pytest.raises(ConnectionFailed):
        list(ctfy_rx.history("http://127.0.0.1:1", token="pt_secret"))


def test_disposing_ends_its_thread(unanswered: str):
    subscription = ctfy_rx.history(unanswered, token="pt_secret").subscribe()
    subscription.dispose()
    until(lambda: not started())


def test_what_is_no_time_is_refused():
    with pytest.raises(ConfigurationError, match="until= must be a datetime"):
        ctfy_rx.history("http://127.0.0.1:8100", until="now")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="until= as a duration"):
        ctfy_rx.history("http://127.0.0.1:8100", until=-1.0)


def test_the_future_is_empty(p: Platform):
    p.solve(team=0, challenge=0)
    assert not list(ctfy_rx.history(p.url, token=p.admin_token, since=datetime.now(UTC).replace(year=2100)))


async def test_a_cancelled_reader_leaves_nothing_behind(unanswered: str):
    async def read() -> None:
        async for _ in ctfy_rx.history(unanswered, token="pt_secret"):
            pass

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read(), 0.2)
    await soon(lambda: len(asyncio.all_tasks()) == 1)
