"""What a connection asks of the server, and when."""

from __future__ import annotations

import json
import math
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

import ctfy_rx
from ctfy_rx.connection.frames import frames
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.stream.events import events

from ..support.servers import CLOSE_DELIMITED, Peer, Server, frame, reply, sends
from ..support.waiting import until
from ..support.watching import Watched
from .conftest import Watch

OPENS = sends(CLOSE_DELIMITED, frame("a"))


def request_of(watch: Watch, url: str = "", **options: object) -> Peer:
    """The request that arrives for ``frames(url, ...)``; `url` begins with the path."""
    with Server(OPENS) as server:
        watched = watch(frames(server.url + url, **options)).end()  # type: ignore[arg-type]
        assert watched.completed, watched.error
        return server.requests[0]


def test_nothing_is_opened_before_somebody_subscribes(watch: Watch) -> None:
    with Server(OPENS) as server:
        frames(server.url)
        watch(frames(server.url)).end()
        assert server.connections == 1


def test_each_subscription_opens_a_connection_of_its_own(watch: Watch) -> None:
    with Server(sends(CLOSE_DELIMITED, frame("a"), stay=True)) as server:
        source = frames(server.url)
        for _ in range(3):
            watch(source).got(1)
        assert server.connections == 3


def test_dispose_closes_the_connection_and_no_other(watch: Watch) -> None:
    with Server(sends(CLOSE_DELIMITED, frame("a"), stay=True)) as server:
        first, second = watch(frames(server.url)).got(1), watch(frames(server.url)).got(1)
        first.dispose()
        until(server.peers[0].gone.is_set)
        assert not server.peers[1].gone.is_set()
        assert not second.ended


def test_the_platforms_root_becomes_the_address_of_its_events(watch: Watch) -> None:
    assert request_of(watch).target == "/api/v1/events"


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_url_may_be_one_of_httpxs(watch: Watch, library: ModuleType) -> None:
    with Server(OPENS) as server:
        assert watch(frames(library.URL(server.url))).end().names == ["a"]


def test_a_url_with_a_path_is_taken_as_it_is(watch: Watch) -> None:
    assert request_of(watch, "/other/stream").target == "/other/stream"


def test_the_path_option_may_hold_a_query(watch: Watch) -> None:
    assert request_of(watch, path="/stream?since=1").target == "/stream?since=1"


def test_asks_for_an_event_stream_that_is_not_cached(watch: Watch) -> None:
    request = request_of(watch)
    assert request.headers("accept") == [b"text/event-stream"]
    assert request.headers("cache-control") == [b"no-cache"]


def test_sends_no_last_event_id_on_a_first_connection(watch: Watch) -> None:
    assert request_of(watch).headers("last-event-id") == []


def test_the_callers_own_accept_wins(watch: Watch) -> None:
    assert request_of(watch, headers={"accept": "*/*"}).headers("accept") == [b"*/*"]


def test_extra_headers_are_sent_also_several_of_one_name(watch: Watch) -> None:
    request = request_of(watch, headers=[("X-One", "1"), ("X-Two", "2"), ("X-Two", "3")])
    assert request.headers("x-one") == [b"1"]
    assert request.headers("x-two") == [b"2", b"3"]


def test_method_and_content_are_those_of_the_caller(watch: Watch) -> None:
    request = request_of(watch, method="POST", content="{}", headers={"Content-Type": "application/json"})
    assert request.request.startswith(b"POST ")
    assert request.request.endswith(b"\r\n\r\n{}")


def test_params_join_the_query_of_the_url(watch: Watch) -> None:
    assert request_of(watch, "/s?a=1", params={"b": "2 3"}).target == "/s?a=1&b=2+3"


@pytest.mark.parametrize(
    "params",
    [
        {"a": ["1", 2], "b": True},
        [("a", "1"), ("a", 2), ("b", True)],
        (("a", "1"), ("a", 2), ("b", True)),
        httpx.QueryParams("a=1&a=2&b=true"),
        httpx2.QueryParams("a=1&a=2&b=true"),
        "a=1&a=2&b=true",
    ],
    ids=["mapping", "pairs", "tuple", "httpx", "httpx2", "text"],
)
def test_params_may_repeat_and_be_all_that_httpx_takes(watch: Watch, params: object) -> None:
    assert request_of(watch, "/s?c=3", params=params).target == "/s?c=3&a=1&a=2&b=true"


def test_auth_is_httpxs(watch: Watch) -> None:
    assert request_of(watch, auth=("me", "pw")).headers("authorization") == [b"Basic bWU6cHc="]


def test_user_info_of_the_url_authenticates(watch: Watch) -> None:
    with Server(OPENS) as server:
        watch(frames(server.url.replace("://", "://me:pw@"))).end()
        assert server.requests[0].headers("authorization") == [b"Basic bWU6cHc="]


@pytest.mark.parametrize(
    ("last_event_id", "sent"),
    [
        ("42", [b"42"]),
        ("é 🚩", ["é 🚩".encode()]),
        ("", []),
        ("a\nb", []),
        ("a\0b", []),
        ("\x7f", []),
        ("   ", []),
    ],
)
def test_the_last_event_id_is_sent_as_utf_8_and_left_out_where_no_header_can_carry_it(
    watch: Watch, last_event_id: str, sent: list[bytes]
) -> None:
    assert request_of(watch, last_event_id=last_event_id).headers("last-event-id") == sent


def test_a_session_resumes_after_the_last_id_that_it_received(watch: Watch) -> None:
    with Server(sends(CLOSE_DELIMITED, b"id: 7\ndata: x\n\n")) as server:
        source = frames(server.url)
        session = source.session()
        for _ in range(2):
            watch(source.connect(session)).end()
        assert [peer.headers("last-event-id") for peer in server.requests] == [[], [b"7"]]


# The token


def test_the_token_goes_percent_encoded_into_the_query(watch: Watch) -> None:
    assert request_of(watch, token="p t/ü&=+").target == "/api/v1/events?token=p%20t%2F%C3%BC%26%3D%2B"


def test_the_token_is_added_to_a_query(watch: Watch) -> None:
    assert request_of(watch, "/s?a=%20&b", token="pt_1").target == "/s?a=%20&b&token=pt_1"


def test_no_token_adds_nothing(watch: Watch) -> None:
    assert request_of(watch, "/s?a=1", token=None).target == "/s?a=1"


@pytest.mark.parametrize(
    ("url", "options"),
    [("/s?token=pt_1&a=%20", {}), ("/s?a=%20", {"params": {"token": "pt_1"}}), ("/s?tok%65n=pt_1&a=%20", {})],
)
def test_a_token_in_the_urls_own_query_is_taken_out_and_sent_as_the_token(
    watch: Watch, caplog: pytest.LogCaptureFixture, url: str, options: dict[str, object]
) -> None:
    caplog.set_level("DEBUG")
    request = request_of(watch, url, **options)
    assert request.target.replace("+", "%20") == "/s?a=%20&token=pt_1"
    assert "pt_1" not in caplog.text


def test_the_token_option_wins_over_the_one_in_the_url(watch: Watch) -> None:
    assert request_of(watch, "/s?token=old", token="new").target == "/s?token=new"


def test_a_callable_is_asked_for_the_token_at_each_attempt(watch: Watch) -> None:
    tokens = iter(["one", None, "three"])
    with Server(OPENS) as server:
        source = frames(server.url, token=lambda: next(tokens))
        for _ in range(3):
            watch(source).end()
        queries = [peer.target.partition("?")[2] for peer in server.requests]
        assert queries == ["token=one", "", "token=three"]


def test_what_the_token_callable_raises_reaches_the_subscriber(watch: Watch) -> None:
    error = LookupError("no login")

    def token() -> str:
        raise error

    with Server(OPENS) as server:
        assert watch(frames(server.url, token=token)).failure() is error
        assert server.connections == 0


@pytest.mark.parametrize(
    ("given", "clients", "sent"),
    [
        ({}, None, b"identity"),
        ({}, "gzip, deflate, br, zstd", b"identity"),  # httpx's own, where those packages are installed
        ({}, "gzip", b"gzip"),
        ({}, "deflate, gzip", b"deflate, gzip"),
        ({}, "br, gzip;q=0.5, zstd", b"gzip;q=0.5"),
        ({}, "br", b"identity"),
        ({}, "identity", b"identity"),
        ({"accept-encoding": "br"}, None, b"br"),
        ({"Accept-Encoding": "identity"}, "gzip", b"identity"),
    ],
)
def test_no_coding_is_asked_for_unless_the_caller_says_so(
    given: dict[str, str], clients: str | None, sent: bytes
) -> None:
    headers = {} if clients is None else {"Accept-Encoding": clients}
    with Server(OPENS) as server:
        source = frames(server.url, headers=given, client_factory=lambda: httpx.Client(headers=headers))
        Watched().watch(source, None).end()
        assert server.requests[0].headers("accept-encoding") == [sent]


# What cannot work


@pytest.mark.parametrize(
    "url", ["localhost:8100", "ftp://x", "http://", "me:pw_secret@host", "http://h:port", ""]
)
def test_a_url_that_cannot_work_is_refused_without_showing_what_it_holds(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"write .*http://127.0.0.1:8100") as caught:
        frames(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tokn": "pt_secret"}, "unexpected keyword argument 'tokn': did you mean 'token'?"),
        ({"timeout": 3}, "unexpected keyword argument 'timeout': did you mean 'idle_timeout'?"),
        ({"backlog": 4}, "unexpected keyword argument 'backlog'"),
        ({"tokn": 1, "client_factory": httpx.Client}, "unexpected keyword argument 'tokn'"),
    ],
)
def test_an_unknown_option_is_refused_at_once(options: dict[str, Any], says: str) -> None:
    for function in (frames, events):
        with pytest.raises(TypeError) as caught:
            function("http://h", **options)
        assert says in str(caught.value)
        assert "secret" not in str(caught.value)


async def asynchronous() -> str:
    return "pt_secret"


@pytest.mark.parametrize(
    ("option", "value", "write"),
    [
        ("url", 8100, "a str or an httpx.URL"),
        ("url", b"http://h", "a str or an httpx.URL"),
        ("path", 5, "a str"),
        ("token", b"pt_secret", "a str, None, or a plain function that returns one of them"),
        ("token", asynchronous, "a str, None, or a plain function that returns one of them"),
        ("client_factory", httpx.Client(), "a plain function that returns a new client"),
        ("client_factory", asynchronous, "a plain function that returns a new client"),
        ("headers", 5, "a mapping or a list of pairs of str"),
        ("headers", {"X": 5}, "a mapping or a list of pairs of str"),
        ("params", 5, "a mapping, a list of pairs, or a query as str"),
        ("params", ["a"], "a mapping, a list of pairs, or a query as str"),
        ("method", "", "the name of an HTTP method"),
        ("method", "GET /\r\nX:", "the name of an HTTP method"),
        ("method", 5, "the name of an HTTP method"),
        ("method", None, "the name of an HTTP method"),
        ("content", iter([b"pt_secret"]), "bytes or a str: an iterator could not be sent again"),
        ("content", 5, "bytes or a str"),
        ("idle_timeout", 0, "seconds above 0, or None for no limit"),
        ("idle_timeout", -1.0, "seconds above 0, or None for no limit"),
        ("idle_timeout", math.nan, "seconds above 0, or None for no limit"),
        ("idle_timeout", math.inf, "seconds above 0, or None for no limit"),
        ("idle_timeout", "75", "seconds above 0, or None for no limit"),
        ("connect_timeout", 0, "seconds above 0"),
        ("connect_timeout", None, "seconds above 0"),
        ("max_frame_bytes", 0, "a whole number of bytes, 1 or more"),
        ("max_frame_bytes", 1e6, "a whole number of bytes, 1 or more"),
        ("last_event_id", 5, "a str"),
        ("last_event_id", None, "a str"),
    ],
)
def test_a_value_that_cannot_work_is_refused_at_once(option: str, value: object, write: str) -> None:
    options: dict[str, Any] = {"url": "http://h", option: value}
    with pytest.raises(ConfigurationError) as caught:
        frames(**options)
    assert str(caught.value).startswith(f"{option} must be {write}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("answer", [b"pt_secret", 5, asynchronous], ids=["bytes", "int", "coroutine"])
def test_a_token_callable_that_returns_something_else_is_the_callers_mistake(
    watch: Watch, answer: Any
) -> None:
    def token() -> Any:
        return answer() if callable(answer) else answer

    error = watch(frames("http://127.0.0.1:1", token=token)).failure()
    assert isinstance(error, ConfigurationError)
    assert str(error).startswith("what token() returns must be a str or None")
    assert "secret" not in str(error)


def test_a_port_that_cannot_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="port 99999 cannot exist"):
        frames("http://localhost:99999")


def test_no_url_and_no_client_factory_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no URL"):
        frames()


def test_a_header_that_is_not_ascii_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="headers="):
        frames("http://h", headers={"Authorization": "Bearer ü"})


def test_a_header_that_breaks_http_is_refused(watch: Watch) -> None:
    with Server(sends(reply(500))) as server:
        error = watch(frames(server.url, headers={"X": "a\r\nY: secret"})).failure()
    assert isinstance(error, ConfigurationError)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:pw@host/s?token=pt_1#f", "<Frames of http://host/s>"),
        ("https://host:8443", "<Frames of https://host:8443/api/v1/events>"),
    ],
)
def test_its_repr_shows_the_address_and_no_secret(url: str, shown: str) -> None:
    assert repr(frames(url)) == shown


# Who asks, and what as JSON

OURS = f"ctfy_rx/{ctfy_rx.__version__}".encode()


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, OURS),
        ({"client_factory": httpx.Client}, OURS),
        ({"client_factory": httpx2.Client}, OURS),
        ({"headers": {"user-agent": "bot/2"}}, b"bot/2"),
        ({"client_factory": lambda: httpx.Client(headers={"User-Agent": "bot/2"})}, b"bot/2"),
        ({"client_factory": httpx.Client, "headers": {"User-Agent": "bot/2"}}, b"bot/2"),
    ],
)
def test_the_user_agent_is_ours_unless_the_caller_set_one(options: dict[str, Any], sent: bytes) -> None:
    with Server(sends(CLOSE_DELIMITED)) as server:
        Watched().watch(frames(server.url, **options), None).end()
        assert server.requests[0].headers("user-agent") == [sent]


def test_questions_beside_the_stream_have_it_too() -> None:
    with Server(sends(reply(401))) as server:
        stream = ctfy_rx.events(server.url, token="pt_1")
        with pytest.raises(ctfy_rx.TokenRefused):
            next(iter(stream))
        assert server.requests[0].target == "/api/v1/me"
        assert server.requests[0].headers("user-agent") == [OURS]


@pytest.mark.parametrize("make", [frames, ctfy_rx.events])
@pytest.mark.parametrize(
    ("headers", "kind"),
    [({}, b"application/json"), ({"Content-Type": "application/vnd.x+json"}, b"application/vnd.x+json")],
)
def test_json_is_sent_as_httpx_sends_it(make: Any, headers: dict[str, str], kind: bytes) -> None:
    data = {"names": ["é"], "n": None}
    expected = httpx.Request("POST", "http://h", json=data).content
    with Server(sends(CLOSE_DELIMITED)) as server:
        Watched().watch(make(f"{server.url}/s", method="POST", json=data, headers=headers), None).end()
        assert server.requests[0].request.endswith(b"\r\n\r\n" + expected)
        assert server.requests[0].headers("content-type") == [kind]


@pytest.mark.parametrize("data", [False, 0, "", [], {}])
def test_all_but_none_is_json_to_send(data: object) -> None:
    with Server(sends(CLOSE_DELIMITED)) as server:
        Watched().watch(frames(f"{server.url}/s", method="POST", json=data), None).end()
        assert server.requests[0].request.endswith(b"\r\n\r\n" + json.dumps(data).encode())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"json": {1, 2}}, "no word for"),
        ({"json": float("nan")}, "no word for"),
        ({"json": {}, "content": "x"}, "json= and content="),
    ],
)
def test_what_is_no_json_is_refused_at_once(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        frames("http://h/s", **options)
