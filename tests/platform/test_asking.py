"""`asked`: what a platform answers, on a thread or an event loop, ended at once when disposed."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import httpx
import pytest

from ctfy_rx.connection.frames import frames
from ctfy_rx.connection.steps import Answer, Get, Steps
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import ConfigurationError, ConnectionFailed, TokenRefused
from ctfy_rx.platform.asking import asked
from ctfy_rx.platform.questions import identify
from ctfy_rx.threads.loops import LoopScheduler

from ..stream.conftest import unanswered
from ..support.threads import started
from ..support.waiting import soon, until

__all__ = ["unanswered"]


def me() -> Steps[Answer]:
    return (yield Get("/me"))


def heard(source: Any, scheduler: Any = None) -> list[Any]:
    seen: list[Any] = []
    source.subscribe(seen.append, seen.append, lambda: seen.append("|"), scheduler=scheduler)
    return seen


def askers() -> list[threading.Thread]:
    return started("ctfy_rx question")


def test_it_answers_once_and_completes_each_time_anew(p: Platform):
    source = asked(frames(p.url, token=p.admin_token), identify)
    for _ in range(2):
        seen = heard(source)
        until(lambda seen=seen: len(seen) == 2)
        assert (seen[0].is_admin, seen[1]) == (True, "|")
    until(lambda: not askers())


async def test_on_an_event_loop_it_needs_no_thread(p: Platform):
    seen = heard(
        asked(frames(p.url, token=p.admin_token), identify), LoopScheduler(asyncio.get_running_loop())
    )
    assert not askers()
    await soon(lambda: len(seen) == 2)
    assert seen[0].is_admin


@pytest.mark.parametrize("make", [httpx.Client, httpx.AsyncClient])
async def test_a_client_of_the_callers_is_used_and_closed(p: Platform, make: Any):
    clients: list[Any] = []

    def factory() -> Any:
        clients.append(make(base_url=p.url))
        return clients[-1]

    seen = heard(asked(frames(token=p.admin_token, client_factory=factory), identify))
    await soon(lambda: len(seen) == 2 and clients[0].is_closed)
    assert len(clients) == 1


def test_an_asynchronous_client_without_a_loop_is_an_error(p: Platform):
    clients: list[httpx.AsyncClient] = []

    def factory() -> httpx.AsyncClient:
        clients.append(httpx.AsyncClient(base_url=p.url))
        return clients[-1]

    [error] = heard(asked(frames(client_factory=factory), identify))
    assert isinstance(error, ConfigurationError)
    asyncio.run(clients[0].aclose())


def test_what_the_steps_raise_is_its_error(p: Platform):
    seen = heard(asked(frames(p.url, token="pt_nonsense"), identify))
    until(lambda: seen)
    assert isinstance(seen[0], TokenRefused)


def test_public_shows_no_token(p: Platform):
    seen = heard(asked(frames(p.url, token=p.admin_token), me, public=True))
    until(lambda: seen)
    assert seen[0].status_code == 401


def test_without_a_token_it_asks_all_the_same(p: Platform):
    seen = heard(asked(frames(p.url), me))
    until(lambda: seen)
    assert seen[0].status_code == 401


def test_where_there_is_no_platform_there_is_nobody_to_ask():
    seen = heard(asked(frames("http://localhost:9/some/stream"), me))
    until(lambda: seen)
    assert isinstance(seen[0], ConfigurationError)


def test_a_platform_that_is_not_there_is_an_error_without_the_token():
    seen = heard(asked(frames("http://127.0.0.1:9", token="pt_secret"), me))
    until(lambda: seen)
    assert isinstance(seen[0], ConnectionFailed)
    assert "pt_secret" not in repr(seen[0])


def test_dispose_ends_a_question_that_nobody_answers_at_once(unanswered: str):
    seen: list[Any] = []
    subscription = asked(frames(unanswered, token="pt_x"), me).subscribe(seen.append, seen.append)
    until(askers)
    time.sleep(0.05)  # so that it waits for an answer, wherever it stands otherwise
    subscription.dispose()
    until(lambda: not askers())
    assert seen == []


async def test_dispose_ends_it_on_an_event_loop_too(unanswered: str):
    seen: list[Any] = []
    scheduler = LoopScheduler(asyncio.get_running_loop())
    before = asyncio.all_tasks()
    subscription = asked(frames(unanswered, token="pt_x"), me).subscribe(
        seen.append, seen.append, scheduler=scheduler
    )
    await asyncio.sleep(0.05)
    subscription.dispose()
    await soon(lambda: asyncio.all_tasks() == before)
    assert seen == []
