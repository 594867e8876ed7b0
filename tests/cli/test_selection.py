"""What ``--filter`` means."""

from __future__ import annotations

from datetime import timedelta

import pytest
from reactivex.subject import Subject

from ctfy_rx import Event, EventStream, events, to_iter
from ctfy_rx.catalogue import PAYLOADS
from ctfy_rx.cli.filters import NAMED, Duplicates, Selection, selection
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.testing import MOMENT, event, solve, stream_of, wrong


def heard(platform: Platform, text: str) -> list[Event]:
    """What `text` selects of a solve in two parts, its repetition, a wrong answer, a start and an end."""
    with events(platform.url, token=platform.admin_token, autoconnect=False) as stream:
        chosen: list[Event] = []
        selection(text).of(stream).subscribe(chosen.append)
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
        return chosen


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


def chosen(text: str, *came: Event) -> list[Event]:
    """What `text` selects of those events, one after the other."""
    source: Subject[Event] = Subject()
    chosen: list[Event] = []
    selection(text).of(EventStream.over(source)).subscribe(chosen.append)
    for each in came:
        source.on_next(each)
    return chosen


@pytest.mark.parametrize("text", ["first_bloods,solves", "solves,first_bloods", "flag_*,first_bloods"])
@pytest.mark.parametrize("log_id", [None, 7], ids=["frame", "row"])
def test_a_first_blood_that_is_a_solve_too_comes_once_and_as_the_first_blood(text: str, log_id: int | None):
    [told] = chosen(text, solve().having(log_id=log_id))
    assert told.data["first_blood"] == "challenge"


@pytest.mark.parametrize("name", ["foreign_answer_submitted", "foreign_*"])
def test_an_event_that_got_names_meanwhile_comes_once(name: str):
    shared = event("foreign_answer_submitted", log_id=7, team_ids=["team-Blue"], actor_id="user-Ada")
    assert names(chosen(f"{name},shared_flags", shared)) == ["foreign_answer_submitted"]


def test_events_that_are_alike_are_as_many_as_they_were():
    assert len(chosen("flag_wrong,wrong_answers,first_bloods", wrong(), wrong(), wrong("Blue"))) == 3
    assert len(chosen("first_bloods,flag_correct,solves", solve(), solve(), solve("Blue"))) == 3


def test_events_of_one_moment_that_differ_come_all():
    came = [event("node_unhealthy", node_id="n1"), event("node_unhealthy", node_id="n2")]
    assert chosen("node_*,alerts", *came) == came


def test_two_subscribers_get_the_same():
    stream = stream_of(solve(), wrong(), solve("Blue"), autoconnect=False)
    both: tuple[list[Event], list[Event]] = ([], [])
    selected = selection("solves,flag_*").of(stream)
    for each in both:
        selected.subscribe(each.append)
    stream.connect()
    assert [names(each) for each in both] == [["flag_correct", "flag_wrong", "flag_correct"]] * 2


def test_what_comes_long_after_is_remembered_for_so_long_and_no_longer():
    came = Duplicates(remembered=2)
    first, second, third = (wrong(at=MOMENT + timedelta(seconds=n)) for n in range(3))
    assert [came.is_new((0, each)) for each in (first, second)] == [True, True]
    assert not came.is_new((1, first))
    assert came.is_new((0, third))
    assert came.is_new((1, first))


@pytest.mark.parametrize("text", ["announcements,announcement_*", "announcement_created,announcements"])
def test_an_announcement_comes_once_and_with_its_words(platform: Platform, text: str):
    with events(platform.url, token=platform.admin_token, autoconnect=False) as stream:
        told = to_iter(selection(f"{text},instance_stopped").of(stream))
        stream.connect()
        stream.opened().wait()
        platform.announce("Lunch")
        assert next(told).data["title"] == "Lunch"
        platform.instance_started(team=0, challenge=0)
        platform.instance_stopped(team=0, challenge=0)
        assert next(told).event == "instance_stopped"


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
        ("correct", "solves"),
        ("scores", "scoreboard_updated"),
    ],
)
def test_an_unknown_name_is_an_error_that_suggests_the_right_one(wrong: str, right: str):
    told = rf"^there is no event \"{wrong}\": did you mean '{right}'\?$"
    with pytest.raises(ConfigurationError, match=told):
        selection(wrong)


def test_an_unknown_name_that_resembles_nothing_is_an_error_that_names_the_streams():
    with pytest.raises(ConfigurationError, match="choose solves, solved_challenges"):
        selection("qqqqqqq")


def test_a_pattern_that_no_known_event_matches_is_taken_and_told():
    assert selection("solves,holograms_*,instance_*").unmatched == ["holograms_*"]
