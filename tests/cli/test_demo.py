"""``ctfy-rx demo``."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
from typing import Any

import pytest

from ctfy_rx import EventStream, events
from ctfy_rx.cli.demo_contest import Showcase
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.values import as_selection
from ctfy_rx.cli.watching import View
from ctfy_rx.contest.directory import look_up

from ..support.command import finished, running
from ..support.ports import own_port
from ..support.waiting import until


def test_the_demo_shows_a_contest_in_words(bare: dict[str, str]):
    answer = finished("demo", "--speed", "600", "--count", "5", env=bare)
    assert answer.returncode == 0
    assert len(answer.stdout.splitlines()) == 5
    assert re.search(r"^\d\d:\d\d:\d\d  . .* started ", answer.stdout, re.MULTILINE)
    time, connected = answer.stderr.splitlines()[:2]
    assert time == "three hours of a contest in 18 s: time runs 600 times as fast"
    assert connected.startswith("connected to http://127.0.0.1:")


def test_the_demo_tells_what_a_repeated_answer_is_and_which_is_the_first(bare: dict[str, str]):
    answer = finished("demo", "--speed", "3600", "--text", "--count", "250", env=bare)
    said = [line[12:] for line in answer.stdout.splitlines()]
    first = {line.split(" drew first blood on ")[1] for line in said if " drew first blood on " in line}
    assert len(first) == len([line for line in said if " drew first blood on " in line]) > 5
    assert any(" gave a right answer to " in line and line.endswith(" again") for line in said)
    solved = [line.split(" in ")[0] for line in said if " solved " in line]
    assert len(solved) == len(set(solved)) > 5
    assert "a new announcement: The contest has begun - 14 challenges." in said
    assert not [line for line in said if "_" in line or re.search(r"[0-9a-f]{12}", line)]


def test_the_demo_opens_its_stream_when_it_knows_the_names(monkeypatch: pytest.MonkeyPatch):
    order: list[str] = []
    opened = threading.Event()
    connect = EventStream.connect

    def connecting(stream: EventStream) -> Any:
        order.append("opened")
        opened.set()
        return connect(stream)

    def slowly(contests: Any) -> Any:
        opened.wait(0.2)  # who opens it too early has done so by then
        names = yield from look_up(contests)
        order.append("known")
        return names

    monkeypatch.setattr(EventStream, "connect", connecting)
    monkeypatch.setattr("ctfy_rx.contest.streams.look_up", slowly)
    view = View(selection=as_selection(None), json=True, count=1)
    Showcase(Screen(quiet=True), speed=600, seed=7, port=None, seconds=None).watch(view)
    assert order[:2] == ["known", "opened"]


def test_the_demo_speaks_json_and_filters(bare: dict[str, str]):
    answer = finished("demo", "--speed", "3000", "--json", "--filter", "solves", "--count", "3", env=bare)
    assert [json.loads(line)["event"] for line in answer.stdout.splitlines()] == ["flag_correct"] * 3


def test_the_same_seed_plays_the_same_contest(bare: dict[str, str]):
    port = own_port()

    def introduced(seed: str) -> str:
        words = ["demo", "--serve", "--port", str(port), "--seed", seed, "--for", "0.01"]
        return finished(*words, env=bare).stdout

    assert introduced("7") == introduced("7") != introduced("8")


def test_the_demo_ends_at_once_with_ctrl_c(bare: dict[str, str]):
    with running("demo", env=bare) as command:
        command.out.wait_for_lines(1)
        command.signal(signal.SIGINT)
        assert command.ended() == 130
        assert ["three hours" in line for line in command.err.all()] == [True, False]


def test_the_demo_ends_after_that_time(bare: dict[str, str]):
    answer = finished("demo", "--for", "0.5", env=bare)
    assert answer.returncode == 0
    assert len(answer.stderr.splitlines()) <= 2  # that it is connected, if it was in time


def test_the_end_of_the_contest_is_told(bare: dict[str, str]):
    with running("demo", "--speed", "10000", env=bare) as command:
        told = command.err.wait_for("the contest is over")
        assert told == "the contest is over: the next one begins in 0 s, Ctrl-C ends the demo"


def test_a_contest_that_is_left_is_not_over(bare: dict[str, str]):
    with running("demo", "--serve", "--port", str(own_port()), env=bare) as command:
        platform = command.out.wait_for("export CTFY_PLATFORM_URL=").split("=")[1].split()[0]
        with events(platform, token="") as stream:
            stream.connect()
            until(lambda: stream.status.current.state == "open")
            command.signal(signal.SIGINT)
            assert command.ended() == 130
    assert "over" not in "".join(command.err.all())


def test_serve_prints_what_is_needed_to_watch_it(bare: dict[str, str]):
    port = own_port()
    with running("demo", "--serve", "--port", str(port), env=bare) as command:
        command.out.wait_for(f"^a demo contest is on at http://127.0.0.1:{port}, until Ctrl-C$")
        export = command.out.wait_for("export CTFY_PLATFORM_URL=")
        command.out.wait_for("ctfy-rx watch")
        settings = dict(word.split("=") for word in export.split() if "=" in word)
        with events(settings["CTFY_PLATFORM_URL"], token=settings["CTFY_TOKEN"]) as stream:
            assert next(iter(stream.of_event("meta_stats"))).data["teams_total"] > 1
        command.signal(signal.SIGINT)
        assert command.ended() == 130


def test_serve_ends_after_that_time(bare: dict[str, str]):
    words = ["demo", "--serve", "--port", str(own_port()), "--for", "0.2"]
    assert finished(*words, env=bare).returncode == 0


def test_a_port_that_is_taken_is_one_sentence(bare: dict[str, str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = finished("demo", "--serve", "--port", str(port), env=bare)
    assert answer.returncode == 1
    assert (
        answer.stderr
        == f"the demo cannot listen at port {port}: Address already in use; choose another --port\n"
    )


@pytest.mark.parametrize("words", [["--filter", "solves"], ["--json"], ["--count", "1"], ["--all"]])
def test_serve_shows_no_events(words: list[str], bare: dict[str, str]):
    answer = finished("demo", "--serve", *words, env=bare)
    assert answer.returncode == 2
    assert "--serve shows no events" in answer.stderr
