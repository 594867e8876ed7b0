"""``ctfy-rx watch`` as a process, on a platform that really runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import reactivex
from reactivex import operators as ops

from ctfy_rx import EventStream, demo
from ctfy_rx.cli.filters import Selection
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.watching import View, show
from ctfy_rx.demo.running import Platform
from ctfy_rx.testing import event

from ..support.children import Child
from ..support.command import Command, arguments, environment, finished, running
from ..support.ports import own_port
from ..support.servers import CLOSE_DELIMITED, Server, frame, sends
from ..support.waiting import PATIENCE, until

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m[red]Eve\r\u202e"


def opened(command: Command) -> Command:
    command.err.wait_for("^connected to ")
    return command


def test_a_pipe_gets_a_json_object_a_line_at_once(platform: Platform, admin: dict[str, str]):
    with running("watch", env=admin) as command:
        opened(command)
        platform.wrong(team=0, challenge=0)
        [line] = command.out.wait_for_lines(1)
    event = json.loads(line)
    assert event["event"] == "flag_wrong"
    assert event["data"]["actor_name"] == platform.players[0].name
    assert event["at"].endswith("Z")
    assert event["origin"] == "log"
    assert line == json.dumps(event, ensure_ascii=False, separators=(",", ":"))


class SlowScreen(Screen):
    """A terminal that shows nothing before its stream has nobody left."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__(quiet=True)
        self.lines: list[Any] = []
        self._stream = stream

    def show(self, line: Any) -> None:
        until(lambda: ", 0 subscribed" in repr(self._stream))
        self.lines.append(line)


def test_what_came_in_time_is_shown_though_the_time_is_up_meanwhile():
    came = reactivex.of(*(event("flag_wrong", actor_name=str(number)) for number in range(50)))
    stream = EventStream.over(came.pipe(ops.concat(reactivex.never())), autoconnect=False)
    screen = SlowScreen(stream)
    show(stream, View(selection=Selection(), json=True, seconds=0.1), screen, say=lambda _: None)
    assert len(screen.lines) == 50


def test_text_is_a_sentence_a_line_without_colours_in_a_pipe(platform: Platform, admin: dict[str, str]):
    with running("watch", "--text", env=admin) as command:
        opened(command)
        platform.solve(team=0, challenge=0)
        [line] = command.out.wait_for_lines(1)
    solver = f"{platform.players[0].name} ({platform.teams[0].name})"
    challenge = platform.challenges[0]  # by its name, if that was told in time: no event waits for it
    assert any(line.endswith(f"✔ {solver} solved {it} in 0 s") for it in (challenge.name, challenge.id))


def test_text_spares_people_the_counters_json_does_not(platform: Platform, admin: dict[str, str]):
    def shown(*words: str) -> list[str]:
        with running("watch", *words, env=admin) as command:
            opened(command)
            platform.send("scoreboard_updated", {})
            platform.announce("over")
            command.out.wait_for("announcement")
            return command.out.lines

    assert len(shown("--text")) == 1
    assert len(shown("--json")) == len(shown("--text", "--all")) == 2
    assert len(shown("--text", "--filter", "scoreboard_updated,announcements")) == 2


def test_a_filter_selects(platform: Platform, admin: dict[str, str]):
    with running("watch", "--filter", "solve,announcement_*", "--count", "2", env=admin) as command:
        opened(command)
        platform.wrong(team=0, challenge=0)
        platform.solve(team=0, challenge=0)
        platform.solve(team=0, challenge=0)
        command.out.wait_for_lines(1)
        platform.announce("over")
        assert command.ended() == 0
        assert [json.loads(line)["event"] for line in command.out.all()] == [
            "flag_correct",
            "announcement_created",
        ]


def test_an_unknown_name_is_wrong_usage_with_a_suggestion(admin: dict[str, str]):
    answer = finished("watch", "--filter", "solvs", env=admin)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "there is no event \"solvs\": did you mean 'solves'?" in answer.stderr


def test_a_pattern_that_matches_nothing_known_is_told(platform: Platform, admin: dict[str, str]):
    with running("watch", "--filter", "hologram_*", "--count", "1", env=admin) as command:
        opened(command)
        platform.send("hologram_opened", {})
        assert command.ended() == 0
        assert command.err.wait_for(r'called "hologram_\*"')


def test_count_ends_after_so_many_lines(platform: Platform, admin: dict[str, str]):
    with running("watch", "--filter", "wrong_answers", "--count", "3", env=admin) as command:
        opened(command)
        for _ in range(5):
            platform.wrong(team=0, challenge=0)
        assert command.ended() == 0
        assert len(command.out.all()) == 3


def test_for_ends_after_that_time(admin: dict[str, str]):
    answer = finished("watch", "--for", "0.5", env=admin)
    assert answer.returncode == 0
    assert answer.stdout == ""


def test_for_fails_with_the_last_reason_where_nothing_answers(bare: dict[str, str]):
    answer = finished("watch", "--platform-url", f"http://127.0.0.1:{own_port()}", "--for", "2", env=bare)
    assert answer.returncode == 1
    assert "reconnecting in" in answer.stderr
    assert "never connected in 2 s: could not connect to http://127.0.0.1:" in answer.stderr


def test_for_fails_where_a_server_accepts_and_says_nothing(bare: dict[str, str]):
    with Server(sends(stay=True)) as server:
        answer = finished("watch", "--platform-url", f"{server.url}/sse", "--for", "0.5", env=bare)
    assert answer.returncode == 1
    assert "never connected in 0.5 s: no answer came" in answer.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_at_once_and_in_silence(
    number: signal.Signals, code: int, platform: Platform, admin: dict[str, str]
):
    with running("watch", env=admin) as command:
        opened(command)
        command.signal(number)
        assert command.ended() == code
        assert command.err.all() == [f"connected to {platform.url} as Demo Admin (admin)"]


def test_ctrl_c_ends_at_once_while_it_waits_to_reconnect(bare: dict[str, str]):
    with running("watch", "--platform-url", f"http://127.0.0.1:{own_port()}", env=bare) as command:
        command.err.wait_for("^reconnecting in .* s: ")
        command.signal(signal.SIGINT)
        assert command.ended() == 130


def test_ctrl_c_ends_at_once_while_the_reader_of_the_pipe_sleeps(platform: Platform, admin: dict[str, str]):
    process = Child(arguments("watch"), env=admin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    with process:
        assert process.stderr.readline().startswith(b"connected to ")
        for _ in range(30):
            platform.send("note", {"text": "x" * 10_000})  # more than a pipe holds
        os.set_blocking(process.stdout.fileno(), True)
        assert process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_a_reader_that_has_gone_is_a_quiet_end(platform: Platform, admin: dict[str, str]):
    process = Child(arguments("watch"), env=admin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    with process:
        assert process.stderr.readline().startswith(b"connected to ")
        platform.wrong(team=0, challenge=0)
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 0  # without another event
        assert process.stderr.read() == b""


def test_a_full_disk_is_one_sentence(platform: Platform, admin: dict[str, str]):
    with Path("/dev/full").open("wb") as full:
        process = Child(arguments("watch"), env=admin, stdout=full, stderr=subprocess.PIPE)
        assert process.stderr
        with process:
            assert process.stderr.readline().startswith(b"connected to ")
            platform.wrong(team=0, challenge=0)
            assert process.wait(PATIENCE) == 1
            assert process.stderr.read() == b"the output cannot be written: No space left on device\n"


def test_an_error_of_the_stream_is_one_sentence(platform: Platform, admin: dict[str, str]):
    answer = finished("watch", "--platform-url", f"{platform.url}/api/v1/nowhere", env=admin)
    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1
    assert "404" in answer.stderr
    assert platform.admin_token not in answer.stderr


def test_a_lost_connection_is_told_and_events_go_on(platform: Platform, admin: dict[str, str]):
    with running("watch", env=admin) as command:
        opened(command)
        platform.drop_connections()
        command.err.wait_for(r"^reconnecting in \d+(\.\d)? s: ")
        command.err.wait_for(r"^events of the last \d+(\.\d)? s that the log does not hold may be missing$")
        assert command.err.lines.count(f"connected to {platform.url} as Demo Admin (admin)") == 2
        platform.wrong(team=0, challenge=0)
        command.out.wait_for_lines(1)


def test_quiet_says_nothing_about_the_connection(platform: Platform, admin: dict[str, str]):
    with running("watch", "--quiet", "--count", "1", env=admin) as command:
        until(lambda: platform.connections)
        platform.announce("over")
        assert command.ended() == 0
        assert command.err.all() == []


@pytest.mark.parametrize("how", ["--json", "--text"])
def test_no_control_character_of_a_hostile_name_comes_through(
    how: str, platform: Platform, admin: dict[str, str]
):
    with running("watch", "--live", how, "--count", "2", env=admin) as command:
        opened(command)
        platform.send("flag_wrong", {"actor_name": HOSTILE, "challenge_id": HOSTILE, HOSTILE: HOSTILE})
        platform.send("hologram_opened", {"actor_name": HOSTILE, HOSTILE: HOSTILE})
        assert command.ended() == 0
        assert all(line.isprintable() for line in command.out.all())
        assert "[red]Eve" in command.out.lines[0]


def test_a_hostile_events_name_is_harmless_too(platform: Platform, admin: dict[str, str]):
    with running("watch", "--text", "--count", "1", env=admin) as command:
        opened(command)
        platform.send_bytes(b"event: \x1b[2J\xc2\x9b[red]x\ndata: {}\n\n")
        assert command.ended() == 0
        assert command.out.all()[0].isprintable()


def logged_in(home: Path, url: str, token: str) -> dict[str, str]:
    """An environment in which the platform's own command line has logged in."""
    (home / "config.toml").write_text(f'current = "it"\n[hosts.it]\nurl = "{url}"\ntoken = "{token}"\n')
    return environment(home)


def admins_event(platform: Platform, command: Command) -> None:
    """Something that only an admin hears, then something that everybody does."""
    platform.send("secret_of_admins", {}, admin_only=True)
    platform.announce("for everybody")
    assert command.ended() == 0


def test_the_saved_login_names_the_platform_and_is_sent_there(platform: Platform, tmp_path: Path):
    env = logged_in(tmp_path, platform.url, platform.admin_token)
    with running("watch", "--count", "1", env=env) as command:
        admins_event(platform, opened(command))
        assert "secret_of_admins" in command.out.all()[0]


def test_the_saved_login_of_another_origin_is_not_sent(platform: Platform, tmp_path: Path):
    env = logged_in(tmp_path, "http://127.0.0.1:1", platform.admin_token)
    with running("watch", "--count", "1", "--platform-url", platform.url, env=env) as command:
        admins_event(platform, opened(command))
        assert "announcement_created" in command.out.all()[0]
        command.err.wait_for("no token")


def test_the_environments_token_is_not_sent_to_another_platform(platform: Platform, admin: dict[str, str]):
    with (
        demo.platform() as other,
        running("watch", "--count", "1", "--platform-url", other.url, env=admin) as command,
    ):
        admins_event(other, opened(command))
        command.err.wait_for("CTFY_TOKEN is not sent")


@pytest.mark.parametrize("kind", ["file", "standard input"])
def test_a_token_comes_from_a_file(kind: str, platform: Platform, bare: dict[str, str], tmp_path: Path):
    file = tmp_path / "my-token"
    file.write_text(f"{platform.admin_token}\n")
    words = ["watch", "--count", "1", "--platform-url", platform.url, "--token-file"]
    with (
        file.open() as opened_file,
        running(*words, str(file) if kind == "file" else "-", env=bare, stdin=opened_file) as command,
    ):
        admins_event(platform, opened(command))
        assert "secret_of_admins" in command.out.all()[0]


@pytest.mark.parametrize("content", ["", "\n", "two words", "\xff"])
def test_a_token_file_without_a_token_is_wrong_usage(
    content: str, platform: Platform, bare: dict[str, str], tmp_path: Path
):
    (tmp_path / "my-token").write_bytes(content.encode("latin-1"))
    answer = finished(
        "watch", "--platform-url", platform.url, "--token-file", str(tmp_path / "my-token"), env=bare
    )
    assert answer.returncode == 2
    assert "--token-file" in answer.stderr


def test_a_token_in_the_place_of_its_file_is_not_repeated(platform: Platform, bare: dict[str, str]):
    answer = finished("watch", "--platform-url", platform.url, "--token-file", "pt_secret", env=bare)
    assert answer.returncode == 2
    assert "cannot be read: No such file or directory" in answer.stderr
    assert "pt_secret" not in answer.stderr + answer.stdout


def test_there_is_no_option_for_the_token_itself(bare: dict[str, str]):
    answer = finished("watch", "--token", "pt_secret", env=bare)
    assert answer.returncode == 2
    assert "pt_secret" not in answer.stderr


def test_no_platform_is_wrong_usage_that_says_what_to_write(bare: dict[str, str]):
    answer = finished("watch", env=bare)
    assert answer.returncode == 2
    assert "--platform-url" in answer.stderr


@pytest.mark.parametrize(
    "words", [["--for", "soon"], ["--for", "0"], ["--for", "nan"], ["--for", "inf"], ["--count", "0"]]
)
def test_no_amount_is_wrong_usage(words: list[str], admin: dict[str, str]):
    assert finished("watch", *words, env=admin).returncode == 2


def test_standard_output_that_is_closed_breaks_nothing(platform: Platform, admin: dict[str, str]):
    script = f'exec "{sys.executable}" -m ctfy_rx.cli watch --count 1 >&-'
    process = Child(["/bin/sh", "-c", script], env=admin, stderr=subprocess.PIPE)
    assert process.stderr
    with process:
        assert process.stderr.readline().startswith(b"connected to ")
        platform.announce("over")
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == b""


def test_another_servers_events_are_chosen_by_its_own_names(bare: dict[str, str]):
    opens = sends(
        CLOSE_DELIMITED, frame("Price-Update", "1"), frame("other", "2"), frame("Price-Update", "3")
    )
    with Server(opens) as server:
        words = ("--platform-url", f"{server.url}/sse", "--filter", "Price-Update", "--count", "2")
        answer = finished("watch", *words, env=bare)
    assert answer.returncode == 0, answer.stderr
    assert [json.loads(line)["data"] for line in answer.stdout.splitlines()] == [1, 3]
    assert "auth login" not in answer.stderr
    assert "misspelt" not in answer.stderr


def test_a_platforms_names_are_known(bare: dict[str, str]):
    answer = finished("watch", "--platform-url", "http://127.0.0.1:1", "--filter", "price", env=bare)
    assert answer.returncode == 2
    assert 'there is no event "price"' in answer.stderr
