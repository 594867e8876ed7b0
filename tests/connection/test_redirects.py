"""Redirects are followed, and credentials stay with the first origin."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ctfy_rx.connection.frames import frames
from ctfy_rx.errors import BadRedirect
from ctfy_rx.reconnect import is_transient

from ..support.servers import (
    CLOSE_DELIMITED,
    Peer,
    Server,
    by_path,
    frame,
    in_turn,
    redirect,
    reply,
    sends,
    trusting,
)
from .conftest import Watch

END = CLOSE_DELIMITED + frame("here")
STATUSES = [301, 302, 303, 307, 308]


@pytest.mark.parametrize("status", STATUSES)
def test_every_redirect_is_followed_with_the_token(watch: Watch, status: int) -> None:
    with Server(by_path(first=redirect("/second?x=1", status), second=END)) as server:
        assert watch(frames(f"{server.url}/first", token="pt_1")).end().names == ["here"]
        assert server.requests[1].target == "/second?x=1&token=pt_1"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("second", "/deep/second"),
        ("../second", "/second"),
        ("?page=2", "/deep/first?page=2"),
        ("//HOST/second", "/second"),
        ("http://HOST/second#fragment", "/second"),
    ],
)
def test_a_relative_location_is_resolved(watch: Watch, location: str, target: str) -> None:
    def script(peer: Peer) -> None:
        first = peer.read_request() == "/deep/first"
        peer.send(redirect(location.replace("HOST", f"127.0.0.1:{peer.server.port}")) if first else END)

    with Server(script) as server:
        assert watch(frames(f"{server.url}/deep/first")).end().names == ["here"]
        assert server.requests[1].target == target


@pytest.mark.parametrize(
    ("status", "method", "after"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (302, "PUT", "PUT"),
    ],
)
def test_method_and_content_change_as_http_says(watch: Watch, status: int, method: str, after: str) -> None:
    with Server(by_path(first=redirect("/second", status), second=END)) as server:
        options = {"method": method, "content": "{}", "headers": {"Content-Type": "application/json"}}
        watch(frames(f"{server.url}/first", **options)).end()  # type: ignore[arg-type]
        second = server.requests[1]
        assert second.request.startswith(f"{after} ".encode())
        assert second.request.endswith(b"\r\n\r\n" + (b"" if after == "GET" else b"{}"))
        assert second.headers("content-length") == ([] if after == "GET" else [b"2"])
        assert second.headers("content-type") == ([] if after == "GET" else [b"application/json"])


def test_the_streams_headers_are_sent_again(watch: Watch) -> None:
    with Server(by_path(first=redirect("/second"), second=END)) as server:
        watch(frames(f"{server.url}/first", last_event_id="7", headers={"X-Own": "1"})).end()
        first, second = server.requests
        for name in ("accept", "cache-control", "last-event-id", "x-own", "host", "user-agent"):
            assert second.headers(name) == first.headers(name) != []


def test_a_cookie_that_the_redirect_sets_is_sent(watch: Watch) -> None:
    with Server(by_path(first=reply(302, Location="/second", Set_Cookie="seen=1"), second=END)) as server:
        watch(frames(f"{server.url}/first")).end()
        assert server.requests[1].headers("cookie") == [b"seen=1"]


def test_a_chain_is_followed_to_its_end(watch: Watch) -> None:
    hops = {f"h{n}": redirect(f"/h{n + 1}") for n in range(15)}
    with Server(by_path(**hops, h15=END)) as server:
        assert watch(frames(f"{server.url}/h0")).end().names == ["here"]
        assert len(server.requests) == 16


def test_a_loop_is_an_error_that_is_not_tried_again(watch: Watch) -> None:
    with Server(by_path(a=redirect("/b"), b=redirect("/a"))) as server:
        error = watch(frames(f"{server.url}/a", token="pt_1")).failure()
    assert type(error) is BadRedirect
    assert error.status == 302
    assert "redirects round in circles: check the URL and the proxy" in str(error)
    assert not is_transient(error)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "mailto:me@example.org",
        "ftp://example.org/",
        "http://[::1",
        "http://h:port/",
        "http://h:99999/",
        "\x01",
    ],
)
def test_a_location_that_leads_nowhere_is_an_error(watch: Watch, location: str) -> None:
    with Server(sends(redirect(location, 308) if location else reply(308))) as server:
        error = watch(frames(server.url)).failure()
    assert type(error) is BadRedirect
    assert error.status == 308
    assert "redirects (status 308) to no usable address" in str(error)


# Other origins


OPTIONS = {
    "token": "pt_secret",
    "headers": {"Authorization": "Bearer pt_secret", "Cookie": "session=pt_secret", "X-Own": "1"},
}


def assert_no_credentials(peer: Peer) -> None:
    assert b"pt_secret" not in peer.request
    assert b"pt%5Fsecret" not in peer.request
    assert [peer.headers(name) for name in ("authorization", "cookie")] == [[], []]


@pytest.mark.parametrize(
    "location",
    [
        "{}/elsewhere",
        "{}/api/v1/events?token=pt_secret&x=1",
        "{}/login?next=%2Fevents%3Ftoken%3Dpt%5Fsecret",
        "{}/login?next=%252Fevents%253Ftoken%253Dpt%255fsecret",
        "{}/pt_secret",
    ],
)
def test_another_origin_gets_no_credentials_even_if_the_location_holds_the_token(
    watch: Watch, location: str
) -> None:
    with Server(sends(END)) as other, Server(sends(redirect(location.format(other.url)))) as server:
        assert watch(frames(server.url, **OPTIONS)).end().names == ["here"]  # type: ignore[arg-type]
        assert b"pt_secret" in server.requests[0].request
        assert_no_credentials(other.requests[0])
        assert other.requests[0].headers("x-own") == [b"1"]


def test_that_another_origin_gets_no_credentials_is_said_in_the_log(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    with Server(sends(END)) as other, Server(sends(redirect(f"{other.url}/pt_secret"))) as server:
        watch(frames(server.url, **OPTIONS)).end()  # type: ignore[arg-type]
    (said,) = [record.getMessage() for record in caplog.records if record.name == "ctfy_rx"]
    assert said == f"{server.url}/api/v1/events redirects to {other.url}/***: no credentials go there"


def test_another_origin_gets_none_on_its_second_request_either(watch: Watch) -> None:
    with (
        Server(by_path(one=redirect("/two"), two=END)) as other,
        Server(sends(redirect(f"{other.url}/one"))) as server,
    ):
        watch(frames(server.url, **OPTIONS, auth=("me", "pt_secret"))).end()  # type: ignore[arg-type]
        assert len(other.requests) == 2
        for request in other.requests:
            assert_no_credentials(request)


def test_another_origin_gets_none_of_the_clients_own_defaults(watch: Watch, driver: str) -> None:
    make = httpx.AsyncClient if driver == "asyncio" else httpx.Client

    def client() -> object:
        return make(
            auth=("me", "pt_secret"),
            cookies={"session": "pt_secret"},
            params={"key": "pt_secret"},
            headers={"X-Own": "1"},
        )

    with (
        Server(by_path(one=redirect("/two"), two=END)) as other,
        Server(sends(redirect(f"{other.url}/one"))) as server,
    ):
        assert watch(frames(server.url, client_factory=client)).end().names == ["here"]
        assert server.requests[0].headers("cookie") == [b"session=pt_secret"]
        assert server.requests[0].target == "/api/v1/events?key=pt_secret"
        for request in other.requests:
            assert_no_credentials(request)


def test_back_at_the_first_origin_the_credentials_are_sent_again(watch: Watch) -> None:
    back: list[str] = []

    def go_back(peer: Peer) -> None:
        sends(redirect(back[0]))(peer)

    with Server(go_back) as other:
        first = sends(redirect(other.url))
        with Server(in_turn(first, sends(END))) as server:
            back.append(f"{server.url}/back")
            watch(frames(server.url, **OPTIONS)).end()  # type: ignore[arg-type]
            request = server.requests[1]
            assert_no_credentials(other.requests[0])
    assert request.target == "/back?token=pt_secret"
    assert request.headers("authorization") == [b"Bearer pt_secret"]


def test_the_other_scheme_of_the_same_host_is_another_origin(watch: Watch) -> None:
    with Server(sends(END), tls=True) as other, Server(sends(redirect(other.url))) as server:
        assert watch(frames(server.url, **OPTIONS, verify=trusting())).end().names == ["here"]  # type: ignore[arg-type]
        assert_no_credentials(other.requests[0])


def upgrading(location: str, requests: list[httpx.Request]) -> httpx.MockTransport:
    """Redirects the first request to `location`, and streams then."""

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if len(requests) == 1:
            return httpx.Response(301, headers={"Location": location})
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=frame("here"))

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    ("url", "location", "keeps"),
    [
        ("http://ctf.example/events", "https://ctf.example/events", True),
        ("http://ctf.example:80/events", "https://ctf.example:443/other", True),
        ("http://CTF.example/events", "https://ctf.EXAMPLE/events", True),
        ("http://ctf.example/events", "https://ctf.example:8443/events", False),
        ("http://ctf.example:8080/events", "https://ctf.example/events", False),
        ("http://ctf.example/events", "https://www.ctf.example/events", False),
        ("https://ctf.example/events", "http://ctf.example/events", False),
    ],
)
@pytest.mark.parametrize(
    "credentials",
    [
        {"token": "pt_secret"},
        {"auth": ("me", "pt_secret")},
        {"headers": {"Authorization": "Bearer pt_secret"}},
    ],
    ids=str,
)
def test_credentials_survive_the_plain_upgrade_to_https_and_nothing_else(
    watch: Watch, url: str, location: str, keeps: bool, credentials: dict[str, Any]
) -> None:
    requests: list[httpx.Request] = []
    source = frames(url, transport=upgrading(location, requests), **credentials)
    assert watch(source).end().names == ["here"]
    sent = [
        ("token" in credentials and "token=pt_secret" in str(request.url))
        or bool(request.headers.get("authorization"))
        for request in requests
    ]
    assert sent == [True, keeps]


PASSWORDS = [("demo", "demo"), ("me", "stream"), ("s", "d")]


@pytest.mark.parametrize("auth", PASSWORDS, ids=str)
def test_what_is_requested_of_another_origin_is_what_the_location_says(
    watch: Watch, auth: tuple[str, str]
) -> None:
    with Server(sends(END)) as other, Server(sends(redirect(f"{other.url}/demo/stream?d=demo"))) as server:
        assert watch(frames(server.url, auth=auth)).end().names == ["here"]
        assert other.requests[0].target == "/demo/stream?d=demo"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "ctfy_rx"]


def test_that_credentials_stay_is_told_once(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    with Server(sends(END)) as other, Server(sends(redirect(other.url))) as server:
        source = frames(server.url, token="pt_secret")
        for _ in range(3):
            assert watch(source).end().names == ["here"]
    assert len(told(caplog)) == 1


def test_where_there_are_none_nothing_is_told(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    with Server(sends(END)) as other, Server(sends(redirect(other.url))) as server:
        watch(frames(server.url, headers={"X-Own": "1"})).end()
    assert told(caplog) == []


@pytest.mark.parametrize(
    "credentials",
    [
        {"token": "pt"},
        {"auth": ("me", "pw")},
        {"auth": httpx.BasicAuth("me", "")},
        {"headers": {"Cookie": "a=b"}},
    ],
    ids=["token", "auth", "an object", "cookie"],
)
def test_any_kind_of_credentials_that_stay_is_told(
    watch: Watch, caplog: pytest.LogCaptureFixture, credentials: dict[str, Any]
) -> None:
    with Server(sends(END)) as other, Server(sends(redirect(other.url))) as server:
        watch(frames(server.url, **credentials)).end()
    assert len(told(caplog)) == 1


def test_user_info_in_a_location_is_not_used(watch: Watch) -> None:
    def script(peer: Peer) -> None:
        if peer.read_request() == "/a":
            peer.send(redirect(f"http://me:pw@127.0.0.1:{peer.server.port}/b"))
        else:
            peer.send(END)

    with Server(script) as server:
        watch(frames(f"{server.url}/a")).end()
        assert server.requests[1].headers("authorization") == []
