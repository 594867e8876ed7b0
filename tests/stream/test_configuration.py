"""Where a stream connects, with which token, and what is refused at once."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest

import ctfy_rx
from ctfy_rx import ConfigurationError
from ctfy_rx.connection.client_maker import ClientOptions
from ctfy_rx.connection.options import FramesOptions
from ctfy_rx.demo.running import Platform

from ..support.waiting import until

FRAME = b"event: hello\ndata: {}\n\n"


class Server:
    """Answers every request with one frame, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=FRAME)

    def asked_url(self, *args: Any, **options: Any) -> str:
        """The URL that a stream of these arguments opens."""
        stream = ctfy_rx.events(*args, transport=self.transport, auto_reconnect=False, **options)
        assert [event.event for event in stream] == ["hello"]
        return str(self.asked[-1].url)


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_url_without_a_path_is_the_platforms_root(server: Server):
    assert server.asked_url("http://ctf.example") == "http://ctf.example/api/v1/events"
    assert server.asked_url("http://ctf.example/") == "http://ctf.example/api/v1/events"


def test_a_url_with_a_path_is_taken_as_it_is(server: Server):
    assert server.asked_url("http://ctf.example/stream?since=1") == "http://ctf.example/stream?since=1"


def test_the_environment_names_the_platform_and_its_token(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CTFY_PLATFORM_URL", "http://ctf.example")
    monkeypatch.setenv("CTFY_TOKEN", "pt_env")
    assert server.asked_url() == "http://ctf.example/api/v1/events?token=pt_env"
    assert server.asked_url("http://ctf.example:80/other") == "http://ctf.example/other?token=pt_env"


@pytest.mark.parametrize(
    "url",
    ["https://ctf.example/", "http://ctf.example:8100", "http://evil.example", "http://ctf.example.evil"],
)
def test_the_environments_token_goes_to_no_other_origin(
    url: str, server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CTFY_PLATFORM_URL", "http://ctf.example")
    monkeypatch.setenv("CTFY_TOKEN", "pt_env")
    assert "pt_env" not in server.asked_url(url)


@pytest.mark.parametrize("platform", [None, "", "http://["])
def test_a_token_in_the_environment_without_a_platform_goes_nowhere(
    platform: str | None, server: Server, monkeypatch: pytest.MonkeyPatch
):
    if platform is not None:
        monkeypatch.setenv("CTFY_PLATFORM_URL", platform)
    monkeypatch.setenv("CTFY_TOKEN", "pt_env")
    assert "token" not in server.asked_url("http://ctf.example")


def test_a_token_that_is_left_out_is_told_with_both_addresses(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("CTFY_TOKEN", "pt_env")
    server.asked_url("http://127.0.0.1:8100")
    monkeypatch.setenv("CTFY_PLATFORM_URL", "http://localhost:8100")
    server.asked_url("http://127.0.0.1:8100")
    server.asked_url("http://127.0.0.1:8100", token="pt_mine")
    told = [record.getMessage() for record in caplog.records if "is not sent" in record.getMessage()]
    sent = "CTFY_TOKEN is not sent to http://127.0.0.1:8100/api/v1/events"
    assert told == [
        f"{sent}: set CTFY_PLATFORM_URL, to say whose token it is",
        f"{sent}: it is for http://localhost:8100, as CTFY_PLATFORM_URL says",
    ]


@pytest.mark.parametrize("written", [" pt_mine\n", '"pt_mine"', "Bearer pt_mine", "'bearer  pt_mine' "])
def test_what_came_along_with_a_token_is_never_sent(
    written: str, server: Server, monkeypatch: pytest.MonkeyPatch
):
    assert server.asked_url("http://ctf.example", token=written).endswith("?token=pt_mine")
    assert server.asked_url("http://ctf.example", token=lambda: written).endswith("?token=pt_mine")
    monkeypatch.setenv("CTFY_PLATFORM_URL", "http://ctf.example")
    monkeypatch.setenv("CTFY_TOKEN", written)
    assert server.asked_url().endswith("?token=pt_mine")


@pytest.mark.parametrize("written", ["pt_…", "pt_a\nb"])
def test_what_no_token_holds_is_refused(written: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigurationError, match="copy the whole of it"):
        ctfy_rx.events("http://ctf.example", token=written)
    stream = ctfy_rx.events("http://ctf.example", token=lambda: written)
    with pytest.raises(ConfigurationError, match="copy the whole of it"):
        next(iter(stream))
    monkeypatch.setenv("CTFY_PLATFORM_URL", "http://ctf.example")
    monkeypatch.setenv("CTFY_TOKEN", written)
    with pytest.raises(ConfigurationError, match="copy the whole of it"):
        ctfy_rx.events()


def test_a_token_may_travel_in_a_header(server: Server):
    opened = server.asked_url("http://ctf.example/sse", token="pt_mine", token_in="header")
    assert opened == "http://ctf.example/sse"
    assert server.asked[-1].headers["authorization"] == "Bearer pt_mine"
    with pytest.raises(ConfigurationError, match='token_in must be "query" or "header"'):
        ctfy_rx.events("http://ctf.example", token="pt_mine", token_in="cookie")  # type: ignore[arg-type]


def test_a_token_in_the_url_wins_over_the_environments(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CTFY_PLATFORM_URL", "http://ctf.example")
    monkeypatch.setenv("CTFY_TOKEN", "pt_env")
    assert server.asked_url("http://ctf.example/sse?token=pt_url") == "http://ctf.example/sse?token=pt_url"


def test_history_with_a_client_factory_goes_to_the_environments_platform(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CTFY_PLATFORM_URL", "http://ctf.example")
    stream = ctfy_rx.history(client_factory=httpx.Client)
    assert "the client's base URL" in repr(stream)
    with pytest.raises(ctfy_rx.LogUnavailable):  # there is no token, and not: there is no URL
        list(stream)


def test_a_callers_token_wins_over_the_environments(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CTFY_PLATFORM_URL", "http://ctf.example")
    monkeypatch.setenv("CTFY_TOKEN", "pt_env")
    assert server.asked_url(token="pt_mine").endswith("?token=pt_mine")


@pytest.mark.parametrize("platform", [None, ""])
def test_no_url_at_all_is_an_error_that_says_what_to_write(
    platform: str | None, monkeypatch: pytest.MonkeyPatch
):
    if platform is not None:
        monkeypatch.setenv("CTFY_PLATFORM_URL", platform)
    with pytest.raises(ConfigurationError, match="CTFY_PLATFORM_URL"):
        ctfy_rx.events()


@pytest.mark.parametrize(
    "options", [{"initial": -1}, {"factor": 0.5}, {"jitter": 2}, {"max_attempts": 0}, {"reset_after": -1}]
)
def test_what_cannot_work_is_refused_before_anybody_subscribes(options: dict[str, Any]):
    with pytest.raises(ConfigurationError):
        ctfy_rx.events("http://ctf.example", **options)


def test_a_token_may_be_a_function_that_is_asked_at_each_attempt(p: Platform):
    tokens = iter([p.players[1].token, p.admin_token])
    with ctfy_rx.events(p.url, token=lambda: next(tokens), initial=0.05) as stream:
        told: list[str] = []
        stream.status.subscribe(lambda status: told.append(getattr(status, "who", "")))
        iterator = iter(stream.solves())
        until(lambda: p.connections)
        p.drop_connections()
        until(lambda: p.connections)
        p.solve(team=0, challenge=0)
        assert next(iterator).event == "flag_correct"
        assert list(filter(None, told)) == [p.players[1].name, "Demo Admin (admin)"]


def test_a_client_factory_makes_each_connections_client_and_its_base_url_counts(p: Platform):
    clients: list[httpx.Client] = []

    def factory() -> httpx.Client:
        clients.append(httpx.Client(base_url=f"{p.url}/api/v1"))
        return clients[-1]

    with ctfy_rx.events(client_factory=factory, path="/events", initial=0.05) as stream:
        iterator = iter(stream.of_event("announcement_created"))
        until(lambda: p.connections)
        p.drop_connections()
        until(lambda: p.connections)
        p.announce("hello")
        assert next(iterator).event == "announcement_created"
    until(lambda: all(client.is_closed for client in clients))
    assert len(clients) == 2


@pytest.mark.parametrize(
    ("base_url", "path", "opened"),
    [
        ("", None, "http://ctf.example/api/v1/events?token=pt_env"),
        ("", "/stream", "http://ctf.example/stream?token=pt_env"),
        ("http://ctf.example/api/v1", "/events", "http://ctf.example/api/v1/events?token=pt_env"),
        ("http://other.example", None, "http://other.example/api/v1/events"),
    ],
)
def test_a_factorys_client_without_a_base_url_goes_to_the_environments_platform(
    base_url: str, path: str | None, opened: str, server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CTFY_PLATFORM_URL", "http://ctf.example")
    monkeypatch.setenv("CTFY_TOKEN", "pt_env")

    def client() -> httpx.Client:
        return httpx.Client(base_url=base_url, transport=server.transport)

    stream = ctfy_rx.events(client_factory=client, path=path, auto_reconnect=False)
    assert [event.event for event in stream] == ["hello"]
    assert str(server.asked[-1].url) == opened


def test_a_url_beside_a_factory_gets_the_environments_token_if_it_is_the_platforms(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CTFY_PLATFORM_URL", "http://ctf.example")
    monkeypatch.setenv("CTFY_TOKEN", "pt_env")

    def client() -> httpx.Client:
        return httpx.Client(transport=server.transport)

    list(ctfy_rx.events(httpx.URL("http://ctf.example"), client_factory=client, auto_reconnect=False))
    assert str(server.asked[-1].url) == "http://ctf.example/api/v1/events?token=pt_env"


def test_events_passes_on_all_options_of_frames():
    own = inspect.signature(ctfy_rx.frames).parameters
    named = {name for name, option in own.items() if option.kind is option.KEYWORD_ONLY}
    passed_on = FramesOptions.__annotations__.keys() - ClientOptions.__annotations__.keys()
    assert named - {"token", "client_factory", "path"} == passed_on


def test_events_and_retry_with_backoff_have_the_same_defaults():
    streams, operators = (
        {name: option.default for name, option in inspect.signature(each).parameters.items()}
        for each in (ctfy_rx.events, ctfy_rx.operators.retry_with_backoff)
    )
    shared = operators.keys() & streams.keys()
    assert shared >= {"initial", "maximum", "factor", "jitter", "reset_after", "max_attempts", "retry_if"}
    assert {name: streams[name] for name in shared} == {name: operators[name] for name in shared}
