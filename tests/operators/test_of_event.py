"""`of_event`, and the short names for it."""

from __future__ import annotations

import pytest
import reactivex

from ctfy_rx import operators as op
from ctfy_rx.catalogue import PAYLOADS, AchievementCopy, FlagCorrect, FlagWrong, InstanceReady, Payload
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators import of_event
from ctfy_rx.sse import Frame

from ..support.marbles import Marbles

EVENTS = {
    "c": Event("flag_correct", "{}"),
    "w": Event("flag_wrong", "{}"),
    "r": Event("instance_ready", "{}"),
    "e": Event("instance_error", "{}"),
    "a": Event("achievement_unlocked", "{}"),
    "n": Event("announcement_created", "{}"),
    "u": Event("announcement_updated", "{}"),
}
ALL = "-c-w-r-e-a-n-u-|"


def chosen(*names: object) -> list[str]:
    seen: list[str] = []
    reactivex.of(*EVENTS.values()).pipe(of_event(*names)).subscribe(lambda event: seen.append(event.event))
    return seen


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["flag_correct"],                   "-c-------------|"),
        (["flag_wrong", "instance_ready"],   "---w-r---------|"),
        (["instance_*"],                     "-----r-e-------|"),
        (["flag_?????"],                     "---w-----------|"),
        (["[ai]*_[eru]*"],                   "-----r-e-a---u-|"),
        (["flag_*", "*_created"],            "-c-w-------n---|"),
        (["*"],                              "-c-w-r-e-a-n-u-|"),
        ([FlagCorrect],                      "-c-------------|"),
        ([FlagCorrect, FlagWrong],           "-c-w-----------|"),
        ([InstanceReady, "flag_*", "announcement_updated"], "-c-w-r-------u-|"),
        (["Flag_Correct"],                   "---------------|"),
        (["flag"],                           "---------------|"),
        (["unheard_of"],                     "---------------|"),
    ],
)  # fmt: skip
def test_the_events_of_some_names(names, expected):
    Marbles(**EVENTS).play(ALL, of_event(*names), expected)


def test_it_fails_with_its_source():
    source = "-c-w-#"
    expect = "-c---#"
    Marbles(**EVENTS).play(source, of_event("flag_correct"), expect)


def test_dispose_reaches_the_source():
    m = Marbles(**EVENTS)
    source = m.hot("-c-c-c")
    seen = m.watch(source.pipe(of_event("flag_*")), "^---!")
    m.run()
    assert seen.messages == m.read("-c-c")
    assert [each.unsubscribe for each in source.subscriptions] == [4]


def test_a_slip_in_a_name_is_told_once_and_no_other_servers_name_is(caplog):
    chosen("flag_corect", "tick", "flag_*", "flag_correct", FlagWrong)
    assert [record.getMessage() for record in caplog.records] == [
        "of_event('flag_corect'): the platform has no such event; did you mean 'flag_correct'?"
    ]


def test_frames_have_names_too():
    seen: list[Frame] = []
    reactivex.of(Frame("a"), Frame("b")).pipe(of_event("a")).subscribe(seen.append)
    assert seen == [Frame("a")]


def test_nothing_is_decoded_for_it():
    class Undecodable:
        event = "flag_correct"

    seen: list[Undecodable] = []
    reactivex.of(Undecodable()).pipe(of_event(FlagCorrect)).subscribe(seen.append)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "names", [[], [""], ["flag_correct", ""], [Payload], [AchievementCopy], [7], [None], [["a"]]]
)
def test_without_a_name_it_says_what_to_write(names):
    with pytest.raises(ConfigurationError, match='of_event\\("flag_correct"\\)'):
        of_event(*names)


@pytest.mark.parametrize("name", PAYLOADS)
def test_each_payload_class_stands_for_its_name(name):
    seen: list[Event] = []
    reactivex.of(Event(name, "{}"), Event("other", "{}")).pipe(of_event(PAYLOADS[name])).subscribe(
        seen.append
    )
    assert [event.event for event in seen] == [name]


def test_names_that_a_server_invents_without_end_are_not_remembered_without_end():
    matches = op.of_event.__globals__["named"]("flag_*")
    for number in range(5_000):
        assert not matches(f"invented_{number}")
        assert matches(f"flag_{number}")
    assert matches.cache_info().currsize <= 1024


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (op.wrong_answers(), "---w-----------|"),
        (op.achievements(),  "---------a-----|"),
        (op.announcements(), "-----------n---|"),
        (op.instances(),     "-----r-e-------|"),
    ],
)  # fmt: skip
def test_the_short_names(operator, expected):
    Marbles(**EVENTS).play(ALL, operator, expected)


def test_chosen_events_are_the_very_same_objects():
    seen: list[Event] = []
    event = EVENTS["c"]
    reactivex.of(event).pipe(of_event(FlagCorrect)).subscribe(seen.append)
    assert seen[0] is event
