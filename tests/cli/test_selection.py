"""What ``--filter`` means."""

from __future__ import annotations

import pytest

from ctfy_rx import Event, events, to_iter
from ctfy_rx.catalogue import PAYLOADS
from ctfy_rx.cli.selection import NAMED, Selection, selection
from ctfy_rx.demo.handle import Platform
from ctfy_rx.errors import ConfigurationError


def heard(platform: Platform, text: str) -> list[Event]:
    """What `text` selects of a solve in two parts, its repetition, a wrong answer, a start and an end."""
    with events(platform.url, token=platform.admin_token, autoconnect=False) as stream:
        chosen = to_iter(selection(text).of(stream))
        ended = to_iter(stream.of_event("instance_stopped"))
        stream.connect()
        opened = to_iter(stream.status)
        while next(opened).state != "open":
            pass
        hard = next(challenge for challenge in platform.challenges if len(challenge.flags) == 2)
        first, last = hard.flags
        platform.instance_started(team=0, challenge=hard)
        platform.solve(team=0, challenge=hard, flag_id=first)
        platform.solve(team=0, challenge=hard, flag_id=first)
        platform.solve(team=0, challenge=hard, flag_id=last)
        platform.wrong(team=1, challenge=0)
        platform.instance_stopped(team=0, challenge=hard)
        next(ended)
        stream.close()
        return list(chosen)


def names(heard: list[Event]) -> list[str]:
    return [event.event for event in heard]


def finished(heard: list[Event]) -> list[bool]:
    return [event.data["challenge_fully_solved"] for event in heard]


def test_solves_are_the_first_right_answers(platform: Platform):
    assert finished(heard(platform, "solves")) == [False, True]


def test_an_events_name_is_every_event_of_that_name(platform: Platform):
    assert finished(heard(platform, "flag_correct")) == [False, False, True]


def test_an_event_that_several_parts_select_comes_once_and_in_its_place(platform: Platform):
    everything = "instances,solves,solved_challenges,flag_correct,flag_*,wrong_answers,instance_started"
    assert names(heard(platform, everything)) == [
        "instance_started",
        "flag_correct",
        "flag_correct",
        "flag_correct",
        "flag_wrong",
        "instance_stopped",
    ]


def test_named_streams_merge_without_what_neither_selects(platform: Platform):
    merged = heard(platform, "solved_challenges,wrong_answers")
    assert names(merged) == ["flag_correct", "flag_wrong"]
    assert finished(merged[:1]) == [True]


def test_nothing_selected_is_everything(platform: Platform):
    assert {"instance_started", "meta_stats", "scoreboard_updated"} <= set(names(heard(platform, "")))


@pytest.mark.parametrize("name", NAMED)
def test_a_named_stream_has_a_singular(name: str):
    assert selection(name.removesuffix("s")) == selection(name) == Selection(streams=(name,))


@pytest.mark.parametrize("text", ["Solves", " solves , ", "solves,solve,SOLVES"])
def test_case_blanks_and_repetitions_change_nothing(text: str):
    assert selection(text) == Selection(streams=("solves",))


def test_a_hyphen_stands_for_an_underscore():
    assert selection("wrong-answers,flag-wrong") == selection("wrong_answers,flag_wrong")


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_event_of_the_catalogue_can_be_named(name: str):
    assert selection(name) == Selection(names=(name,))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("solvs", "solves"),
        ("flag_corect", "flag_correct"),
        ("acheivements", "achievements"),
        ("instance_startd", "instance_started"),
        ("anouncement", "announcements"),
    ],
)
def test_an_unknown_name_is_an_error_that_suggests_the_right_one(wrong: str, right: str):
    with pytest.raises(ConfigurationError, match=rf'^there is no event "{wrong}": did you mean {right}\?$'):
        selection(wrong)


def test_an_unknown_name_that_resembles_nothing_is_an_error_that_names_the_streams():
    with pytest.raises(ConfigurationError, match="choose solves, solved_challenges"):
        selection("qqqqqqq")


def test_a_pattern_that_no_known_event_matches_is_taken_and_told():
    assert selection("solves,holograms_*,instance_*").unmatched == ["holograms_*"]
