"""``ctfy-rx record``, ``replay`` and ``watch --replay`` as processes, on a platform that really runs."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

import ctfy_rx
from ctfy_rx.demo.running import Platform

from ..support.command import finished, running
from ..support.ports import own_port


@pytest.fixture
def recorded(platform: Platform, tmp_path: Path) -> Path:
    """A recording of a solve and two wrong answers."""
    platform.wrong(team=1, challenge=0)
    platform.solve(team=0, challenge=0)
    platform.wrong(team=1, challenge=1)
    path = tmp_path / "day1.jsonl"
    ctfy_rx.history(platform.url, token=platform.admin_token).record(path).wait()
    return path


def test_record_writes_until_ctrl_c_and_says_how_much(
    platform: Platform, admin: dict[str, str], tmp_path: Path
):
    path = tmp_path / "live.jsonl.gz"
    with running("record", str(path), "--since", "start", env=admin) as command:
        command.err.wait_for("^connected to .* as ")
        platform.solve(team=0, challenge=0)
        with ctfy_rx.events(platform.url, token=platform.admin_token, since="start") as stream:
            assert next(iter(stream.solves()))
        command.signal(signal.SIGINT)
        assert command.ended() == 130
        assert command.err.wait_for(f"events were recorded into {path}")
    assert platform.admin_token not in "".join(command.err.lines)


def test_record_goes_on_where_it_left_off(platform: Platform, admin: dict[str, str], recorded: Path):
    platform.solve(team=1, challenge=2)
    done = finished("record", str(recorded), "--for", "2", env=admin)
    assert done.returncode == 0
    assert "day1.jsonl goes on after" in done.stderr
    ids = [event.log_id for event in ctfy_rx.replay(recorded, speed=None) if event.log_id]
    assert ids == [int(row.id) for row in platform.rows]


def test_what_is_recorded_has_names_so_that_who_watches_it_reads_no_ids(
    platform: Platform, admin: dict[str, str], bare: dict[str, str], tmp_path: Path
):
    platform.solve(team=2, challenge=3)
    path = str(tmp_path / "day1.jsonl")
    assert finished("record", path, "--since", "start", "--for", "2", env=admin).returncode == 0
    shown = finished("watch", "--replay", path, "--filter", "solves", "--json", env=bare).stdout
    names = [json.loads(line)["challenge_name"] for line in shown.splitlines()]
    assert platform.challenges[3].name in names


def test_record_into_no_folder_fails_in_one_sentence(admin: dict[str, str], tmp_path: Path):
    done = finished("record", str(tmp_path / "no" / "day1.jsonl"), env=admin)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"{tmp_path}/no/day1.jsonl cannot be recorded: No such file or directory"
    ]


@pytest.mark.parametrize("words", [("replay",), ("watch", "--replay")])
def test_a_replay_is_shown_as_it_was_watched(recorded: Path, bare: dict[str, str], words: tuple[str, ...]):
    done = finished(*words, str(recorded), "--speed", "max", env=bare)
    assert done.returncode == 0
    assert done.stderr == "a replay of day1.jsonl\n"
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["origin"] for event in events} == {"replay"}
    assert [event["event"] for event in events if event["event"].startswith("flag_")] == [
        "flag_wrong",
        "flag_correct",
        "flag_wrong",
    ]


def test_a_choice_of_several_streams_is_in_order_and_whole(recorded: Path, bare: dict[str, str]):
    done = finished("replay", str(recorded), "--speed", "max", "--filter", "solves,wrong_answers", env=bare)
    names = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert names == ["flag_wrong", "flag_correct", "flag_wrong"]


def test_from_and_until_choose_a_part(recorded: Path, bare: dict[str, str]):
    options = ("--from", "2100-01-01", "--until", "2100-01-02T12:00")
    done = finished("replay", str(recorded), *options, env=bare)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--speed", "0"), "is no speed"),
        (("--from", "noon"), "is no time"),
        (("--platform-url", "http://localhost:1"), "No such option"),
    ],
)
def test_what_cannot_work_is_refused(
    recorded: Path, bare: dict[str, str], options: tuple[str, str], said: str
):
    done = finished("replay", str(recorded), *options, env=bare)
    assert done.returncode == 2
    assert said in done.stderr


def test_watch_refuses_a_platform_beside_a_recording(recorded: Path, bare: dict[str, str]):
    done = finished("watch", "--replay", str(recorded), "--live", env=bare)
    assert (done.returncode, "asks no platform" in done.stderr) == (2, True)
    done = finished("watch", "--speed", "3", env=bare)
    assert (done.returncode, "--speed is for" in done.stderr) == (2, True)


def test_another_file_fails_in_one_sentence(bare: dict[str, str], tmp_path: Path):
    (tmp_path / "notes.txt").write_text("hello\n")
    done = finished("replay", str(tmp_path / "notes.txt"), env=bare)
    assert done.returncode == 1
    assert "notes.txt is no recording of ctfy_rx: its first line is no header" in done.stderr


@pytest.mark.parametrize(
    "words", [["record", "day1.jsonl"], ["scoreboard", "--competition", "a", "--follow"]]
)
def test_for_fails_with_the_last_reason_where_nothing_answers(
    words: list[str], bare: dict[str, str], tmp_path: Path
):
    words = [str(tmp_path / word) if word.endswith(".jsonl") else word for word in words]
    url = f"http://127.0.0.1:{own_port()}"
    done = finished(*words, "--platform-url", url, "--for", "2", env=bare)
    assert done.returncode == 1
    assert "never connected in 2 s: could not connect to http://127.0.0.1:" in done.stderr
