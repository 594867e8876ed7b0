"""``ctfy-rx events``: what there is to hear."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctfy_rx import Event, FrameDecoder
from ctfy_rx.catalogue import PAYLOADS, STORED
from ctfy_rx.cli.vocabulary import actor_of, described

from ..support.command import finished


def test_it_lists_all_events_in_few_lines(bare: dict[str, str]):
    answer = finished("events", env=bare)
    assert answer.returncode == 0
    lines = answer.stdout.splitlines()
    listed = [line.partition(":")[0] for line in lines if line[0] != " " and ":" in line]
    assert listed == sorted(PAYLOADS)
    assert len(lines) < 250


def test_an_event_says_when_it_is_sent_who_hears_it_who_acts_and_what_it_holds(bare: dict[str, str]):
    told, fields, common = finished("events", "flag_correct", env=bare).stdout.splitlines()
    assert told.startswith("flag_correct: An answer was right, also when it was right before. ")
    assert told.endswith("Heard by its team and admins. Actor: a user.")
    assert fields.split(", ")[-2:] == ["challenge_fully_solved", "competition_title"]
    assert common.endswith("A user who plays has the actor_type team, and an actor_id of its own.")


def test_who_acts_agrees_with_what_the_platform_sends():
    capture = (Path(__file__).parents[1] / "data" / "admin.sse").read_bytes()
    answer = next(frame for frame in FrameDecoder().feed(capture) if frame.event == "flag_correct")
    actor = Event(answer.event, answer.data).payload
    assert actor_of(answer.event) == "a user"
    assert (actor.actor_name, actor.actor_type) == ("Player 0000-0", "team")


@pytest.mark.parametrize(("pattern", "count"), [("flag_*", 3), ("FLAG-WRONG", 1), ("shell", 6), ("*", 100)])
def test_a_pattern_or_a_part_of_a_name_chooses(pattern: str, count: int, bare: dict[str, str]):
    lines = finished("events", pattern, env=bare).stdout.splitlines()
    assert sum(line[0] != " " for line in lines) == count + 1


@pytest.mark.parametrize("name", ["flag_corect", "solve", "first-blood"])
def test_a_name_that_there_is_not_is_wrong_usage_with_a_suggestion(name: str, bare: dict[str, str]):
    answer = finished("events", name, env=bare)
    assert answer.returncode == 2
    assert "did you mean 'flag_correct'?" in answer.stderr


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_who_acts_is_known_for_each_stored_event_that_is_sent_and_for_no_signal(name: str):
    is_sent = "Never sent" not in (PAYLOADS[name].__doc__ or "")
    assert bool(actor_of(name)) is (name in STORED and is_sent)
    assert str(described(name)).startswith(f"{name}: ")
