"""``ctfy-rx watch`` with actions, ``ctfy-rx instance wait``, ``ctfy-rx scoreboard``: as processes."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ctfy_rx import demo
from ctfy_rx.demo.running import Platform

from ..support.command import environment, finished, running
from ..support.waiting import PATIENCE


class Receiver:
    """A webhook on the loopback that answers with what is next in `answers`, 200 afterwards."""

    def __init__(self, *answers: int) -> None:
        self.answers = iter(answers)
        self.bodies: list[Any] = []
        self.change = threading.Condition()
        self.url = ""

    def wait_for(self, count: int) -> list[Any]:
        with self.change:
            assert self.change.wait_for(lambda: len(self.bodies) >= count, 20.0), self.bodies
            return list(self.bodies)


@contextmanager
def receiving(*answers: int) -> Iterator[Receiver]:
    receiver = Receiver(*answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(next(receiver.answers, 200))
            self.send_header("content-length", "0")
            self.end_headers()
            with receiver.change:
                receiver.bodies.append(body)
                receiver.change.notify_all()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/secret-part"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_first_bloods_go_to_a_webhook_each_once_with_names(platform: Platform, admin: dict[str, str]):
    platform.solve(team=1, challenge=0)
    with (
        receiving(503) as receiver,
        running(
            "watch",
            "--filter",
            "first_bloods",
            "--webhook",
            receiver.url,
            "--webhook-as",
            "discord",
            env=admin,
        ) as command,
    ):
        command.err.wait_for("^connected to ")
        platform.solve(team=0, challenge=0)
        platform.solve(team=0, challenge=1)
        platform.solve(team=0, challenge=1)
        platform.solve(team=1, challenge=2)
        bodies = receiver.wait_for(3)
        platform.drop_connections()
        command.err.wait_for("^reconnecting")
        platform.solve(team=1, challenge=3)
        bodies = receiver.wait_for(4)
    said = [body["content"] for body in bodies]
    assert said[0] == said[1]  # the 503
    assert len(set(said)) == 3
    assert f"({platform.teams[0].name})".replace("(", r"\(").replace(")", r"\)") in said[0]
    assert platform.challenges[1].name.replace("'", "'") in said[0].replace("\\", "")


def test_a_webhook_that_is_not_there_ends_the_command_with_a_sentence(
    platform: Platform, admin: dict[str, str]
):
    with (
        receiving(404) as receiver,
        running("watch", env={**admin, "CTFY_RX_WEBHOOK": receiver.url}) as command,
    ):
        command.err.wait_for("^connected to ")
        platform.announce("Lunch")
        assert command.ended() == 1
        assert "the webhook answers 404: check its URL" in "\n".join(command.err.all())
        assert "secret-part" not in "\n".join(command.err.all())


def test_a_webhook_hears_nothing_private(platform: Platform, admin: dict[str, str]):
    with (
        receiving() as receiver,
        running("watch", "-f", "solves", "--webhook", receiver.url, env=admin) as command,
    ):
        command.err.wait_for("^connected to ")
        platform.solve(team=0, challenge=0)
        [body] = receiver.wait_for(1)
        assert "ip" not in body["data"]
        assert body["team_name"] == platform.teams[0].name
        assert "ip" in json.loads(command.out.wait_for("flag_correct"))["data"]


def test_a_command_is_run_with_hostile_names_as_arguments(
    platform: Platform, admin: dict[str, str], tmp_path: Path
):
    script = tmp_path / "act.py"
    script.write_text(
        "import json, pathlib, sys\n"
        f"with pathlib.Path({str(tmp_path / 'ran')!r}).open('a') as file:\n"
        "    print(json.dumps([sys.argv[1:], json.load(sys.stdin)['event']]), file=file)\n"
        "print('said')\n"
    )
    command_line = f"{sys.executable} {script} {{actor_name}} '{{challenge_name}} {{event}}'"
    with running(
        "watch", "--live", "-f", "flag_wrong", "--exec", command_line, "--count", "2", env=admin
    ) as command:
        command.err.wait_for("^connected to ")
        platform.send("flag_wrong", {"actor_name": "$(touch /tmp/owned); --x", "challenge_id": "pwn"})
        platform.send("flag_wrong", {"actor_name": "--help"})
        assert command.ended() == 0
        assert "said" in command.err.all()
    ran = [json.loads(line) for line in (tmp_path / "ran").read_text().splitlines()]
    assert ran == [
        [["$(touch /tmp/owned); --x", "pwn flag_wrong"], "flag_wrong"],
        [["\u2010-help", " flag_wrong"], "flag_wrong"],
    ]


def test_a_command_that_fails_is_told_and_the_next_event_runs_it_again(
    platform: Platform, admin: dict[str, str]
):
    with running(
        "watch", "-f", "announcements", "--exec", f"{sys.executable} -c 1/0", "-n", "2", env=admin
    ) as command:
        command.err.wait_for("^connected to ")
        platform.announce("one")
        platform.announce("two")
        assert command.ended() == 0
        told = [line for line in command.err.all() if "the command ended with 1" in line]
        assert len(told) == 2


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--exec", "'"], "cannot be read"),
        (["--exec", "{team_name}"], "holds no field"),
        (["--exec", "echo {evnt}"], "no event has the field \"evnt\": did you mean 'event'?"),
        (["--exec", "echo {xyzzy}"], 'no event has the field "xyzzy": in braces stand event, at, team_id'),
        (["--webhook", "nonsense-secret"], "needs a URL"),
        (["--webhook", "http://localhost/x", "--webhook-as", "teams"], "discord, slack, json"),
    ],
)
def test_what_cannot_work_is_a_usage_error(admin: dict[str, str], words: list[str], problem: str):
    done = finished("watch", *words, env=admin)
    assert done.returncode == 2
    assert problem in done.stderr
    assert "nonsense-secret" not in done.stderr


def test_text_names_challenges_and_announcements(platform: Platform, admin: dict[str, str]):
    platform.solve(team=0, challenge=0)
    words = ["--text", "--since", "start", "-f", "solves,announcements"]
    with running("watch", *words, env=admin) as command:
        command.out.wait_for(f"solved {platform.challenges[0].name}")
        platform.announce("Lunch", "for everybody")
        command.out.wait_for("a new announcement: Lunch - for everybody")


def test_one_contest_is_watched(platform: Platform, admin: dict[str, str]):
    with running("watch", "--competition", "elsewhere", env=admin) as command:
        command.err.wait_for("^connected to ")
        platform.wrong(team=0, challenge=0)
        platform.announce("Lunch")
        command.out.wait_for("announcement_created")
        assert "flag_wrong" not in "\n".join(command.out.lines)


def player(platform: Platform, home: Path) -> dict[str, str]:
    return environment(home, CTFY_PLATFORM_URL=platform.url, CTFY_TOKEN=platform.players[0].token)


def test_a_box_is_waited_for_and_its_address_shown(platform: Platform, tmp_path: Path):
    started = platform.instance_started(team=0, challenge=0)
    box = started.detail["instance_id"]
    with running("instance", "wait", box, env=player(platform, tmp_path)) as command:
        platform.wait_for_connections(1, timeout=PATIENCE)
        platform.instance_ready(team=0, challenge=0)
        assert command.ended() == 0
        assert command.out.all() == [f"{platform.challenges[0].id}.demo.invalid:31337"]
    done = finished("instance", "wait", box, "--json", env=player(platform, tmp_path))
    assert json.loads(done.stdout)["status"] == "ready"


def test_a_box_that_fails_or_takes_too_long_is_an_error(platform: Platform, tmp_path: Path):
    env = player(platform, tmp_path)
    box = platform.instance_started(team=0, challenge=0).detail["instance_id"]
    late = finished("instance", "wait", box, "--timeout", "0.5", env=env)
    assert (late.returncode, late.stdout) == (1, "")
    assert "is not ready after 0.5 s" in late.stderr
    platform.fail_instance(team=0, challenge=0)
    failed = finished("instance", "wait", box, env=env)
    assert failed.returncode == 1
    assert "its status is error" in failed.stderr


@pytest.fixture
def lively() -> Iterator[Platform]:
    with demo.platform(teams=3, challenges=4, cache=0.0) as running_platform:
        yield running_platform


def test_the_scoreboard_is_shown_once_or_followed(lively: Platform, tmp_path: Path):
    env = environment(tmp_path, CTFY_PLATFORM_URL=lively.url, CTFY_TOKEN=lively.admin_token)
    done = finished("scoreboard", "--text", "--top", "2", env=env)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["demo", "1", "2"]
    with running("scoreboard", "--follow", "--public", env=env) as command:
        assert json.loads(command.out.wait_for_lines(1)[0])["competition_id"] == "demo"
        lively.wait_for_connections(1, timeout=PATIENCE)
        lively.solve(team=2, challenge=0)
        leader = json.loads(command.out.wait_for_lines(2)[1])["standings"][0]
        assert (leader["team_name"], leader["score"]) == (lively.teams[2].name, 1)


def test_the_scoreboard_of_a_contest_that_is_not_there_is_a_sentence(lively: Platform, tmp_path: Path):
    env = environment(tmp_path, CTFY_PLATFORM_URL=lively.url)
    done = finished("scoreboard", "--competition", "nowhere", env=env)
    assert done.returncode == 1
    assert done.stderr.endswith("answered 404: there is no contest 'nowhere': check its id\n")
