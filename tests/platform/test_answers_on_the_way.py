"""What stands between a client and the platform's routes: an upgrade to https, a client that raises."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

import ctfy_rx
from ctfy_rx import Open, TokenRefused
from ctfy_rx.connection.frames import frames
from ctfy_rx.demo.running import Platform
from ctfy_rx.platform.asking import asked
from ctfy_rx.platform.questions import identify
from ctfy_rx.threads.loops import LoopScheduler

from ..support.waiting import soon, until

ME = {"id": "1", "display_name": "root", "is_admin": False, "token_kind": "user"}
PAGE = {"items": [], "total": 0, "limit": 50, "offset": 0}


class Upgrading:
    """A platform that answers at https alone, and redirects there; tokens that came with each request."""

    def __init__(self) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        shown = request.headers.get("authorization", "") or request.url.params.get("token", "")
        self.tokens.append((f"{request.url.scheme} {request.url.path}", shown))
        if request.url.scheme == "http":
            return httpx.Response(308, headers={"Location": str(request.url.copy_with(scheme="https"))})
        if request.url.path.endswith("/events"):
            return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=b"data: {}\n\n")
        return httpx.Response(200, json=ME if request.url.path.endswith("/me") else PAGE)


def test_a_platform_that_redirects_to_https_knows_who_we_are_and_its_log_is_read():
    platform, statuses = Upgrading(), []
    with ctfy_rx.events("http://ctf.example", token="pt_1", transport=platform.transport) as stream:
        stream.status.subscribe(statuses.append)
        stream.subscribe()
        until(lambda: Open(who="root") in statuses)
    asked_for = dict(platform.tokens)
    assert asked_for["https /api/v1/events"] == "pt_1"
    assert asked_for["https /api/v1/me"] == asked_for["https /api/v1/activities"] == "Bearer pt_1"
    assert [where for where, _ in platform.tokens[:3]] == [
        "http /api/v1/me",
        "https /api/v1/me",
        "https /api/v1/activities",  # at once: it has said where it is
    ]


@pytest.mark.parametrize(
    "location", ["https://evil.example/", "https://ctf.example:8443/", "http://ctf.example/", "", "http://["]
)
def test_no_other_redirect_of_its_routes_is_followed(location: str):
    requests: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(str(request.url))
        return httpx.Response(301, headers={"Location": location} if location else {})

    seen: list[Any] = []
    source = frames("http://ctf.example", token="pt_1", transport=httpx.MockTransport(answer))
    asked(source, identify).subscribe(seen.append, seen.append, lambda: seen.append("|"))
    until(lambda: seen and seen[-1] == "|")
    assert seen[0] is None
    assert requests == ["http://ctf.example/api/v1/me"]


def hooked(asynchronous: bool) -> Any:
    """A client that raises for a status."""

    def hook(response: httpx.Response) -> None:
        response.raise_for_status()

    async def async_hook(response: httpx.Response) -> None:
        response.raise_for_status()

    if asynchronous:
        return httpx.AsyncClient(event_hooks={"response": [async_hook]})
    return httpx.Client(event_hooks={"response": [hook]})


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_refusal_at_which_a_hook_raises_is_a_refusal(p: Platform, asynchronous: bool):
    seen: list[Any] = []
    scheduler = LoopScheduler(asyncio.get_running_loop()) if asynchronous else None
    source = frames(p.url, token="pt_wrong", client_factory=lambda: hooked(asynchronous))
    asked(source, identify).subscribe(seen.append, seen.append, scheduler=scheduler)
    await soon(lambda: seen)
    assert isinstance(seen[0], TokenRefused)
    assert seen[0].__context__ is None
