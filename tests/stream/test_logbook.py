"""What a stream's connection does stands in the log, without a subscriber of the status, once, and without
the token."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest
from reactivex import operators as ops

import ctfy_rx
from ctfy_rx import testing
from ctfy_rx.delivery.buffer import DEFAULT_BUFFER
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import ConnectionFailed
from ctfy_rx.pipeline.logbook import logbook
from ctfy_rx.status import (
    Closed,
    Connecting,
    Dropped,
    Gap,
    Idle,
    Lagging,
    Late,
    News,
    NoContest,
    Open,
    Status,
    SubscriberFailed,
    Waiting,
)

from ..support.ports import own_port
from ..support.servers import CLOSE_DELIMITED, Server, frame, sends
from ..support.waiting import PATIENCE, until

Log = Callable[[], list[tuple[str, str]]]

LEVELS = [
    (Idle(), "DEBUG"),
    (Connecting(2), "DEBUG"),
    (Open("root (admin)"), "INFO"),
    (Open(refused=ConnectionFailed("no")), "WARNING"),
    (Waiting(4.0, None, 1), "INFO"),
    (Waiting(4.0, None, 2), "WARNING"),
    (Waiting(4.0, ConnectionFailed("lost"), 1), "WARNING"),
    (Gap(4.0), "WARNING"),
    (Gap(4.0, resumable=True), "INFO"),
    (Late(4.0, ConnectionFailed("lost")), "WARNING"),
    (Lagging(4.0), "WARNING"),
    (NoContest("nope"), "WARNING"),
    (Dropped(4), "WARNING"),
    (Closed(), "INFO"),
    (Closed(ConnectionFailed("lost")), "INFO"),
]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    """Level and text of all that is logged under ``ctfy_rx``."""
    caplog.set_level(logging.DEBUG, "ctfy_rx")
    return lambda: [(each.levelname, each.getMessage()) for each in caplog.records if each.name == "ctfy_rx"]


@pytest.mark.parametrize(("status", "level"), LEVELS)
def test_each_status_is_noted_once_at_its_level_with_the_streams_name(status, level, log: Log):
    logbook("http://ctf.example")(status)
    ((noted, text),) = log()
    assert noted == level
    assert text.startswith("http://ctf.example: ")
    assert text.endswith(str(status))


def test_what_people_search_a_log_for_stands_there(log: Log):
    for status in (Open(), Waiting(4.0, None, 2), Gap(4.0), Dropped(4), Late(4.0, ValueError()), Closed()):
        logbook("x")(status)
    words = ("connected", "reconnecting", "gap", "dropped", "late", "closed")
    assert all(word in text for word, (_, text) in zip(words, log(), strict=True))


def test_these_are_all():
    noted = {type(status) for status, _ in LEVELS}
    assert noted | {SubscriberFailed} == {*Status.__subclasses__(), *News.__subclasses__()} - {News}


def test_a_record_holds_the_status(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING, "ctfy_rx"):
        logbook("http://ctf.example")(Dropped(4))
    assert caplog.records[0].__dict__["status"] == Dropped(4)


def test_no_name_of_a_stranger_writes_a_line_of_its_own(log: Log):
    logbook("http://ctf.example")(Open("Eve\nroot: all is well\x1b[2J"))
    assert "\n" not in log()[0][1]
    assert "\x1b" not in log()[0][1]


def test_connected_reconnecting_a_gap_and_the_end_stand_there_once_each(p: Platform, log: Log):
    with ctfy_rx.events(p.url, token=p.admin_token, initial=0.01) as stream:
        stream.subscribe(lambda _: None)
        stream.of_event("flag_*").subscribe(lambda _: None)
        stream.opened().wait()
        p.drop_connections()
        until(lambda: any("may be missing" in text for _, text in log()))
    until(lambda: any("closed" in text for _, text in log()))
    said = [(level, text.split(": ", 1)[1]) for level, text in log() if level != "DEBUG"]
    assert [level for level, _ in said] == ["INFO", "WARNING", "INFO", "WARNING", "INFO"]
    assert [text.split()[0] for _, text in said] == [
        "connected",
        "reconnecting",
        "connected",
        "gap:",
        "closed",
    ]
    assert p.admin_token not in "".join(text for _, text in log())


def test_a_server_that_rotates_its_connections_in_order_is_nothing_to_warn_of(log: Log):
    rotates = sends(CLOSE_DELIMITED, b"id: 7\n", frame("a"))
    with Server(rotates) as server, ctfy_rx.events(f"{server.url}/events", initial=0.01) as stream:
        stream.subscribe(lambda _: None)
        until(lambda: sum("gap: " in text for _, text in log()) >= 2)
    said = log()
    assert [text for level, text in said if level not in {"DEBUG", "INFO"}] == []
    assert any("reconnecting in 0.0 s: the server ended" in text for _, text in said)


def test_drops_stand_there_once_each(log: Log):
    flood = [testing.solve()] * (DEFAULT_BUFFER + 3)
    stream = testing.stream_of(*flood, autoconnect=False, ends=False)
    iterator = iter(stream)
    stream.connect()
    iterator.close()
    dropped = [text for level, text in log() if level == "WARNING"]
    assert [text.rpartition(": ")[2] for text in dropped] == [
        f"{total} events dropped" for total in (1, 2, 3)
    ]


def test_a_subscriber_that_failed_stands_there_once(log: Log):
    testing.stream_of(testing.solve(), ends=False).map(lambda _: 1 / 0).subscribe(print)
    assert len([level for level, _ in log() if level == "ERROR"]) == 1


def test_a_refusal_stands_there_and_ends_the_stream(log: Log):
    refusing = httpx.MockTransport(lambda _: httpx.Response(401, text="no pt_s3cret"))
    with pytest.raises(ctfy_rx.TokenRefused):
        ctfy_rx.events("http://ctf.example", token="pt_s3cret", transport=refusing).wait()
    assert any("closed: " in text for _, text in log())
    assert "pt_s3cret" not in "".join(text for _, text in log())


PROGRAM = """
import logging, sys, ctfy_rx
{setting}
stream = ctfy_rx.events(sys.argv[1], token="pt_s3cret", initial=0.01)
waited = __import__("threading").Event()
stream.status.filter(lambda status: status.state == "waiting").subscribe(lambda _: waited.set())
stream.subscribe(print)
waited.wait(10)
"""


def stderr_of(setting: str) -> str:
    port = own_port()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(setting=setting), f"http://127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )

    return done.stderr


def test_with_a_log_that_is_turned_on_a_wrong_port_is_visible():
    said = stderr_of('logging.basicConfig(level="INFO")')
    assert "WARNING:ctfy_rx:http://127.0.0.1:" in said
    assert "reconnecting in 0.0 s: could not connect" in said
    assert "pt_s3cret" not in said


def test_where_nobody_has_set_up_logging_nothing_is_put_on_the_screen():
    assert stderr_of("") == ""


SECRET = "pt_s3cr/t+ü k=y"


def raises_it(_: object) -> None:
    raise RuntimeError(f"GET /events?token={quote(SECRET)} and {SECRET} failed")


@pytest.mark.parametrize(
    "use",
    [
        lambda stream: stream.subscribe(raises_it),
        lambda stream: stream.filter(raises_it).subscribe(print),
        lambda stream: stream.pipe(ops.map(raises_it)).subscribe(print),
        lambda stream: stream.status.subscribe(raises_it),
        lambda stream: stream.subscribe(print, on_completed=lambda: raises_it(None)),
    ],
)
def test_no_token_stands_in_what_an_app_raises_and_the_log_repeats(use, caplog: pytest.LogCaptureFixture):
    with Server(sends(CLOSE_DELIMITED, frame("a"), stay=True)) as server:
        stream = ctfy_rx.events(f"{server.url}/events", token=SECRET, autoconnect=False)
        heard: list[object] = []
        with caplog.at_level(logging.ERROR, "ctfy_rx"):
            use(stream)
            stream.subscribe(heard.append)
            stream.connect()
            until(lambda: heard)
            stream.close()
            until(lambda: "failed" in caplog.text)
    for form in (SECRET, quote(SECRET), "s3cr"):
        assert form not in caplog.text
    assert "GET /events?token=*** and *** failed" in caplog.text
    assert "Traceback" in caplog.text
