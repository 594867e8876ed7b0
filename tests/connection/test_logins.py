"""An app's own functions that log in: what they meet is as transient, or as final, as if we had met it."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest

import ctfy_rx
from ctfy_rx.connection.frames import frames
from ctfy_rx.errors import HttpError
from ctfy_rx.reconnect import is_transient

from ..support.ports import own_port
from ..support.servers import CLOSE_DELIMITED, Server, frame, in_turn, reply, sends
from ..support.watching import Watched


class HTTPError(OSError):
    """As the package requests has it: an OSError, which for itself would be transient."""

    def __init__(self, response: Any) -> None:
        super().__init__("an answer")
        self.response = response


def raise_as_requests(response: httpx.Response) -> None:
    if response.is_error:
        raise HTTPError(response)


def blip(kind: str, url: str) -> None:
    """Raises what an app meets that logs in at `url`, in as many ways."""
    match kind:
        case "httpx":
            httpx.post(url).raise_for_status()
        case "httpx2":
            httpx2.post(url).raise_for_status()
        case "requests":
            raise_as_requests(httpx.post(url))
        case _:
            urllib.request.urlopen(url, timeout=5)


KINDS = pytest.mark.parametrize("kind", ["httpx", "httpx2", "requests", "urllib"])
STATUSES = pytest.mark.parametrize(
    ("status", "transient"), [(401, False), (403, False), (404, False), (429, True), (503, True)]
)


def logging_in(where: str, act: Callable[[], None]) -> dict[str, Any]:
    def make() -> httpx.Client:
        act()
        return httpx.Client()

    def token() -> str:
        act()
        return "pt_1"

    return {"client_factory": make} if where == "client_factory" else {"token": token}


WHERE = pytest.mark.parametrize("where", ["client_factory", "token"])


@WHERE
@KINDS
@STATUSES
def test_an_answer_to_a_login_is_as_final_as_one_to_us(
    where: str, kind: str, status: int, transient: bool
) -> None:
    with Server(sends(reply(status, b"why", Retry_After="7"))) as server:
        options = logging_in(where, lambda: blip(kind, f"{server.url}/login?key=secret"))
        error = Watched().watch(frames("http://127.0.0.1:1", **options), None).failure()
    assert isinstance(error, HttpError)
    assert error.status == status
    assert is_transient(error) is transient
    assert error.retry_after == 7.0
    assert f"{server.url}/login answered {status}" in str(error)
    assert "secret" not in str(error)
    assert error.__cause__ is error.__context__ is None


@WHERE
@KINDS
def test_a_connection_that_a_login_loses_is_tried_again(where: str, kind: str) -> None:
    address = f"http://127.0.0.1:{own_port()}/login"
    options = logging_in(where, lambda: blip(kind, address))
    error = Watched().watch(frames("http://127.0.0.1:1", **options), None).failure()
    assert is_transient(error)
    if kind != "urllib":
        assert f"could not connect to {address}" in str(error)


@WHERE
def test_a_stream_survives_the_blip_of_a_login_at_a_reconnect(where: str) -> None:
    with Server(in_turn(sends(reply(200)), sends(reply(503)), sends(reply(200)))) as login:
        options = logging_in(where, lambda: blip("httpx", login.url))
        with Server(sends(CLOSE_DELIMITED, frame("a"))) as server:
            stream = ctfy_rx.events(f"{server.url}/sse", initial=0.01, **options)
            assert [event.event for event in stream.take(2)] == ["a", "a"]
        assert login.connections >= 3


def test_what_is_wrong_with_the_function_itself_is_raised_as_it_is() -> None:
    mistake = KeyError("of the app")

    def make() -> httpx.Client:
        raise mistake

    assert Watched().watch(frames("http://h", client_factory=make), None).failure() is mistake


def test_a_text_that_cannot_be_read_is_the_apps_own_and_final() -> None:
    def token() -> str:
        return b"pt_\xff".decode()

    stream = ctfy_rx.events("http://127.0.0.1:9/sse", token=token)
    with pytest.raises(ctfy_rx.ConfigurationError, match="a text that cannot be read: 'utf-8' codec"):
        next(iter(stream))
