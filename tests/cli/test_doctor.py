"""``ctfy-rx doctor``: what it finds on platforms that run, and what it says of each thing that is wrong."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from ctfy_rx import demo
from ctfy_rx.cli.checks import Examination, Limits
from ctfy_rx.cli.doctor import as_line, as_object
from ctfy_rx.cli.findings import Check, clock_offset
from ctfy_rx.cli.settings import Logins, target
from ctfy_rx.demo.running import Platform

from ..support.command import environment, finished, running
from ..support.platforms import RealPlatform
from ..support.ports import own_port
from ..support.servers import CHUNKED, Peer, Server, authority, chunk, reply
from ..support.waiting import PATIENCE, Background

NAMES = ["url", "platform", "token", "log", "stream", "first comment", "keepalive", "clock"]
QUICK = Limits(answer=1.0, keepalive=None)
SECRET = "pt_a/secret+token"
JSON = "application/json"
Answers = bytes | Callable[[Peer], None]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def examined(url: str, token: str | None = SECRET, limits: Limits = QUICK) -> dict[str, Check]:
    """Every check of the platform at `url`, by its name."""
    found = target(url=url, token=token, env={}, logins=Logins())
    return {check.name: check for check in Examination(found, limits).checks()}


def states(checks: dict[str, Check]) -> dict[str, str]:
    return {name: check.status for name, check in checks.items()}


def of_json(content: Any, status: int = 200, **headers: str) -> bytes:
    return reply(status, json.dumps(content).encode(), Content_Type=JSON, **headers)


def drips(peer: Peer) -> None:
    """A byte now and then, of an answer that never ends."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n")
    while not peer.gone.wait(0.05):
        peer.send(b" ")


def never(peer: Peer) -> None:
    peer.stay()


def stream_of(*parts: bytes) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.send(CHUNKED, *map(chunk, parts))
        peer.stay()

    return script


HEALTHY: dict[str, Answers] = {
    "health": of_json({"status": "ok", "version": "0.7.0"}),
    "me": of_json(
        {"id": "7", "display_name": "Mia", "competition_teams": [{"team_id": "t", "team_name": "A"}]}
    ),
    "activities": of_json({"items": [], "total": 0}),
    "events": stream_of(b": connected\n\n"),
}


def a_platform(**answers: Answers) -> Server:
    """A server that is in order but for its `answers` to some routes."""
    routes = HEALTHY | answers

    def script(peer: Peer) -> None:
        path = peer.read_request().partition("?")[0]
        answer = routes.get(path.removeprefix("/api/v1/").rpartition("/")[2], reply(404))
        if isinstance(answer, bytes):
            peer.send(answer)
        else:
            answer(peer)

    return Server(script)


@pytest.fixture
def lively() -> Iterator[Platform]:
    """A platform that does not let one wait for its keepalive."""
    with demo.platform(teams=2, keepalive=0.2) as running:
        yield running


# What works


def test_all_is_well_for_an_admin(lively):
    lively.solve(team=0, challenge=0)
    checks = examined(lively.url, lively.admin_token, Limits())
    assert list(checks) == NAMES
    assert states(checks) == dict.fromkeys(NAMES, "ok") | {"clock": "skipped"}
    assert checks["platform"].detail.startswith("ctfy 0.7.0, in ")
    assert checks["token"].detail == f"{lively.cast.admin.name}, an admin, who hears everything"
    assert checks["log"].detail.startswith("everybody's events can be read; the newest is of 20")
    assert checks["keepalive"].detail.startswith("a comment comes, after ")
    assert not any(check.advice for check in checks.values())


def test_a_player_is_told_the_own_team(lively):
    checks = examined(lively.url, lively.players[0].token)
    assert checks["token"].detail == (
        f"{lively.players[0].name}, a player of the team {lively.players[0].team_name}"
    )
    assert checks["log"].detail == "your own events can be read; there are none yet"


def test_the_real_platform_is_well_and_its_clock_is_compared(real: RealPlatform):
    patient = Limits(keepalive=None)
    as_admin = examined(real.url, real.admin_token, patient)
    as_player = examined(real.url, real.players[0].token, patient)
    as_container = examined(real.url, real.fine_grained_token(), patient)
    assert states(as_admin) == dict.fromkeys(NAMES, "ok") | {"keepalive": "skipped"}
    assert as_admin["clock"].detail.startswith("as the server's, within ")
    assert states(as_player) == states(as_admin)
    assert as_player["token"].detail.endswith(f"a player of the team {real.players[0].team_name}")
    assert as_container["token"].status == "failed"
    assert "API tokens cannot hear events" in as_container["token"].detail


def test_events_in_the_place_of_a_keepalive_do_as_well(p):
    ended = threading.Event()

    def make_noise() -> None:  # all the time: what comes before it is waited for does not count
        while not ended.wait(0.05):
            p.announce("noise")

    noise = Background(make_noise)
    checks = examined(p.url, p.admin_token, Limits(keepalive=PATIENCE))
    ended.set()
    noise.join()
    assert checks["keepalive"].detail.startswith("events come")


def test_its_stream_is_closed_at_the_end(p):
    examined(p.url, p.admin_token)
    p.wait_for_connections(0)


# The URL


def test_a_host_that_nobody_knows_fails_the_url_and_nothing_else_is_tried():
    checks = examined("http://nowhere.invalid", limits=Limits())
    assert states(checks) == {"url": "failed"} | dict.fromkeys(NAMES[1:], "skipped")
    assert "nowhere.invalid is not known here" in checks["url"].detail
    assert "spelling" in checks["url"].advice


def test_a_url_of_another_path_is_not_a_platforms(p):
    checks = examined(f"{p.url}/app", p.admin_token)
    assert (checks["url"].status, checks["platform"].status) == ("warning", "skipped")
    assert "write the platform's root" in checks["url"].advice


def test_a_proxy_of_the_environment_is_named_without_its_password(monkeypatch):
    with a_platform() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:pass@127.0.0.1:{proxy.port}")
        checks = examined("http://ctf.invalid")
    assert checks["url"].status == "ok"
    assert checks["url"].detail.endswith(
        f"by way of the proxy 127.0.0.1:{proxy.port} that the environment names"
    )
    assert "pass" not in checks["url"].detail


def test_a_proxy_that_cannot_be_is_told(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1")
    checks = examined("http://127.0.0.1:1")
    assert checks["url"].status == "failed"
    assert "HTTP_PROXY of the environment is 'gopher://127.0.0.1'" in checks["url"].detail


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_does_not_run_is_told(monkeypatch, scheme: str):
    monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{own_port()}")
    monkeypatch.setenv("no_proxy", "")
    found = next(
        check for check in examined(f"{scheme}://nobody.invalid").values() if check.status == "failed"
    )
    assert "the proxy 127.0.0.1:" in found.detail
    assert "does that proxy run" in found.advice


def test_an_authority_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    checks = examined("https://127.0.0.1:1")
    assert checks["url"].status == "failed"
    assert "SSL_CERT_FILE=/nowhere/ca.pem of the environment cannot be used" in checks["url"].detail


# The platform


def test_a_port_that_refuses_is_a_platform_that_does_not_run():
    checks = examined(f"http://127.0.0.1:{own_port()}")
    assert states(checks) == {"url": "ok", "platform": "failed"} | dict.fromkeys(NAMES[2:], "skipped")
    assert "check that the platform runs" in checks["platform"].advice


def test_https_to_a_plain_port_and_http_to_a_tls_port_name_the_right_scheme(p):
    address = p.url.removeprefix("http://")
    assert examined(f"https://{address}")["platform"].advice.endswith(f"write http://{address}")
    with a_platform(health=b"\x15\x03\x01\x00\x02\x02\x46") as tls:
        assert examined(tls.url)["platform"].advice.endswith(f"write https://127.0.0.1:{tls.port}")


def test_a_certificate_of_an_own_authority_is_refused_until_it_is_named(monkeypatch, tmp_path: Path):
    def healthy(peer: Peer) -> None:
        peer.read_request()
        peer.send(of_json({"version": "0.7.0"}))

    with Server(healthy, tls=True) as server:
        refused = examined(server.url)["platform"]
        authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert examined(server.url)["platform"].status == "ok"
    assert refused.status == "failed"
    assert "SSL_CERT_FILE" in refused.advice


@pytest.mark.parametrize(
    ("answer", "detail", "advice"),
    [
        (reply(200, b"<html>", Content_Type="text/html; charset=utf-8"), "a web page", "captive portal"),
        (of_json({"hello": "world"}), "something else (application/json)", "another service"),
        (reply(200, b"hm"), "something else (without a content type)", "another service"),
        (reply(404, Server="nginx"), "answered 404 through nginx", "the platform's root"),
        (reply(401), "something wants a login", "let the proxy"),
        (
            reply(301, Location="https://ctf.example/api/v1/health?x=1"),
            "to https://ctf.example/",
            "write the URL",
        ),
        (
            reply(302, Location="http://ctf.example:x/"),
            "Invalid URL in location",
            "check that the platform runs",
        ),
        (
            reply(400, b"... sent to HTTPS port"),
            "answered 400: it speaks TLS",
            "wrong scheme: write https://127",
        ),
        (reply(502, b"<html>", Server="nginx/1.22.1"), "502 through nginx/1.22.1", "the proxy's error log"),
        (reply(500), "answered 500", "its own log"),
        (b"SSH-2.0-OpenSSH\r\n", "broke the connection off", "check that the platform runs"),
        (reply(418), "answered 418", "read what was answered"),
    ],
)
def test_what_is_no_platform_is_told_apart(answer, detail, advice):
    with a_platform(health=answer) as server:
        checks = examined(server.url)
    assert checks["platform"].status == "failed"
    assert detail in checks["platform"].detail
    assert advice in checks["platform"].advice
    assert set(states(checks).values()) == {"ok", "failed", "skipped"}


@pytest.mark.parametrize("answer", [drips, never])
def test_an_answer_that_does_not_end_is_given_up_in_time(answer):
    with a_platform(health=answer) as server:
        checks = examined(server.url)
    assert checks["platform"].status == "failed"


# The token and the log


def test_without_a_token_it_says_what_is_heard_and_how_to_log_in(p):
    checks = examined(p.url, None)
    assert (checks["token"].status, checks["log"].status) == ("warning", "skipped")
    assert "log in" in checks["token"].advice


def test_a_token_in_the_environment_that_is_not_sent_is_told(p):
    env = {"CTFY_TOKEN": "pt_other", "CTFY_PLATFORM_URL": "http://elsewhere.example"}
    found = target(url=p.url, token=None, env=env, logins=Logins())
    checks = {check.name: check for check in Examination(found, QUICK).checks()}
    assert "CTFY_TOKEN is not sent" in checks["token"].advice


def test_an_unknown_token_fails_while_the_stream_is_still_tried(p):
    checks = examined(p.url, "pt_unknown")
    assert states(checks) == dict.fromkeys(NAMES, "ok") | {
        "token": "failed",
        "log": "skipped",
        "keepalive": "skipped",
        "clock": "skipped",
    }
    assert "ctfy auth login" in checks["token"].advice


def test_a_fine_grained_token_cannot_hear_events(p):
    check = examined(p.url, p.fine_grained_token())["token"]
    assert check.status == "failed"
    assert check.detail == "API tokens cannot hear events; use the session token of `ctfy login`"


def test_a_token_in_the_url_counts(p):
    checks = examined(f"{p.url}/api/v1/events?token={p.admin_token}", None)
    assert checks["token"].status == checks["log"].status == "ok"
    assert p.admin_token not in str(checks)


def test_a_platform_that_names_nobody_fails_the_token():
    with a_platform(me=of_json({"hello": "world"})) as server:
        assert examined(server.url)["token"].status == "failed"


def test_a_log_that_may_not_be_read_fails():
    with a_platform(activities=of_json({"detail": "no"}, 403)) as server:
        check = examined(server.url)["log"]
    assert check.status == "failed"
    assert "session token" in check.advice


# The stream


@pytest.mark.parametrize(
    ("answer", "detail", "advice"),
    [
        (reply(200, b"<html>", Content_Type="text/html"), "received text/html", "a login page"),
        (of_json({"code": "too_many_streams"}, 429), "too many open streams", "close other streams"),
        (reply(502), "answered 502", "the proxy's error log"),
        (never, "no answer within 1 s, while the platform's other routes answer", "proxy_buffering off"),
    ],
)
def test_a_stream_that_does_not_open_says_why(answer, detail, advice):
    with a_platform(events=answer) as server:
        checks = examined(server.url)
    assert checks["stream"].status == "failed"
    assert detail in checks["stream"].detail
    assert advice in checks["stream"].advice
    assert (checks["first comment"].status, checks["keepalive"].status) == ("skipped", "skipped")


def test_a_first_comment_that_is_held_back_is_a_proxy_that_buffers():
    with a_platform(events=stream_of()) as server:
        checks = examined(server.url, limits=Limits(answer=0.5))
    assert checks["first comment"].status == "failed"
    assert "proxy_buffering off" in checks["first comment"].advice
    assert checks["keepalive"].status == "skipped"


def test_a_first_comment_that_comes_late_is_a_warning():
    def late(peer: Peer) -> None:
        peer.send(CHUNKED)
        peer.gone.wait(1.2)
        peer.send(chunk(b": connected\n\n"))
        peer.stay()

    with a_platform(events=late) as server:
        check = examined(server.url, limits=Limits(answer=5, keepalive=None))["first comment"]
    assert check.status == "warning"
    assert check.detail.startswith("comes only 1.")


@pytest.mark.parametrize("after", [b"", b": connected\n\n"])
def test_a_stream_that_is_cut_while_it_is_silent_names_the_proxys_timeout(after):
    def cut(peer: Peer) -> None:
        peer.send(CHUNKED, chunk(after) if after else b"")
        peer.gone.wait(0.3)

    with a_platform(events=cut) as server:
        checks = examined(server.url, limits=Limits(answer=5, keepalive=5))
    cut_check = checks["keepalive" if after else "first comment"]
    assert cut_check.status == "failed"
    assert "proxy_read_timeout" in cut_check.advice


def test_a_keepalive_that_never_comes_fails():
    with a_platform() as server:
        check = examined(server.url, limits=Limits(answer=1, keepalive=0.3))["keepalive"]
    assert (check.status, check.detail) == ("failed", "nothing comes for 0.3 s")


# The clock


@pytest.mark.parametrize(
    ("ahead", "status", "said"),
    [
        (3600, "warning", "behind the server's"),
        (-3600, "warning", "ahead of the server's"),
        (0, "ok", "as the server's"),
        (4, "ok", "behind the server's"),
    ],
)
def test_a_clock_that_is_off_is_told(ahead, status, said):
    def health(peer: Peer) -> None:
        date = formatdate(time.time() + ahead, usegmt=True)
        peer.send(of_json({"version": "0.7.0"}, Date=date))

    with a_platform(health=health) as server:
        check = examined(server.url)["clock"]
    assert check.status == status
    assert said in check.detail


@pytest.mark.parametrize("age", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("offset", [-3600.0, -0.3, 0.0, 7.5])
@pytest.mark.parametrize("sent", [1000.0, 1000.999])
def test_the_true_offset_lies_within_the_bounds(age, offset, sent):
    """Whatever the fraction that the header lacks, and however long the way."""
    written = sent + 0.2 + offset - age
    least, most = clock_offset(float(math.floor(written)), sent=sent, received=sent + 0.4)
    assert least <= offset <= most


# What is shown


HOSTILE = f"\x1b[2J{SECRET}\r\n\u202e"


def test_no_text_holds_a_token_or_moves_a_cursor():
    answers: dict[str, Answers] = {
        "health": of_json({"version": HOSTILE}),
        "me": of_json({"id": "7", "display_name": HOSTILE, "competition_teams": [{"team_name": HOSTILE}, 5]}),
        "activities": of_json({"detail": HOSTILE}, 403),
        "events": reply(302, Location=f"/%1b[2J/{SECRET}"),
    }
    with a_platform(**answers) as server:
        checks = list(examined(server.url).values())
    shown = [str(as_line(check)).replace("\n", "") for check in checks] + [as_object(server.url, checks)]
    assert all(line.isprintable() for line in shown)
    assert not [line for line in shown if SECRET in line or "secret" in line]


def test_a_line_a_check_with_the_advice_below_it(lively, tmp_path: Path):
    env = environment(tmp_path, CTFY_PLATFORM_URL=lively.url, CTFY_TOKEN="pt_wrong")
    done = finished("doctor", env=env)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert [line[2:16].strip() for line in lines if line[0] != " "] == NAMES
    assert lines[2].startswith("✘ token          ")
    assert lines[3].startswith("                 log in again")
    assert done.stderr == "waiting for the keepalive, 40 s at most; --quick does not\n"


def test_json_is_one_object_with_all_checks(p, tmp_path: Path):
    env = environment(tmp_path, CTFY_PLATFORM_URL=p.url, CTFY_TOKEN=p.admin_token)
    done = finished("doctor", "--json", "--quick", env=env)
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert (done.returncode, done.stderr) == (0, "")
    assert (found["url"], found["ok"]) == (p.url, True)
    assert [check["name"] for check in found["checks"]] == NAMES
    assert {frozenset(check) for check in found["checks"]} == {
        frozenset({"name", "status", "detail", "advice", "seconds"})
    }
    assert p.admin_token not in line


@pytest.mark.parametrize(
    "words", [["--platform-url", "localhost:8100"], [], ["--token-file", "/nowhere"], ["--slow"]]
)
def test_wrong_usage_is_2(words, tmp_path: Path):
    assert finished("doctor", *words, env=environment(tmp_path)).returncode == 2


def test_each_line_comes_as_soon_as_its_check_is_done(tmp_path: Path):
    with a_platform() as server:
        env = environment(tmp_path, CTFY_PLATFORM_URL=server.url, CTFY_TOKEN=SECRET)
        with running("doctor", env=env) as command:
            command.out.wait_for("first comment  comes at once")
            assert command.process.poll() is None
