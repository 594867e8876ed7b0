"""`where`, `by_competition`, `by_actor`."""

from __future__ import annotations

import json
from typing import Any

import pytest
import reactivex

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators import by_actor, by_competition, where

from ..support.marbles import Marbles


def passes(data: Any, **fields: Any) -> bool:
    seen: list[Event] = []
    text = data if isinstance(data, str) else json.dumps(data)
    reactivex.of(Event("e", text)).pipe(where(**fields)).subscribe(seen.append)
    return bool(seen)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"x": 1}, {"x": 1}),
        ({"x": 1, "y": 2}, {"x": 1}),
        ({"x": 1, "y": 2}, {"y": 2, "x": 1}),
        ({"x": None}, {"x": None}),
        ({"x": [1, 2]}, {"x": [1, 2]}),
        ({"x": {"y": [1]}}, {"x": {"y": [1]}}),
        ({"x": True}, {"x": True}),
    ],
)
def test_events_with_these_values_pass(data, fields):
    assert passes(data, **fields)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"x": 1}, {"x": 2}),
        ({"x": 1}, {"x": "1"}),
        ({"x": 1}, {"x": 1, "y": 2}),
        ({"x": [1, 2]}, {"x": [2, 1]}),
        ({"x": [1, 2]}, {"x": 1}),
        ({}, {"x": 1}),
        ({}, {"x": None}),
        ([{"x": 1}], {"x": 1}),
        ([["x", 1]], {"x": 1}),
        (None, {"x": 1}),
        (7, {"x": 1}),
        ("hello", {"x": 1}),
        ("", {"x": 1}),
    ],
)
def test_events_without_them_do_not(data, fields):
    assert not passes(data, **fields)


def test_without_a_field_it_says_what_to_write():
    with pytest.raises(ConfigurationError, match="where needs a field"):
        where()


EVENTS = {
    "a": Event("e", '{"competition_id": "A", "actor_id": "1"}'),
    "b": Event("e", '{"competition_id": "B", "actor_id": "1"}'),
    "c": Event("e", '{"competition_id": "A", "actor_id": "2"}'),
    "s": Event("scoreboard_updated", "{}"),
    "t": Event("e", "text"),
}


@pytest.mark.parametrize(
    ("operator", "source",        "expected"),
    [
        (by_competition("A"), "-a-b-c-s-t-|", "-a---c-----|"),
        (by_competition("A"), "-a-b-c-s-t-#", "-a---c-----#"),
        (by_actor("1"),       "-a-b-c-s-t-|", "-a-b-------|"),
        (by_actor("1"),       "-a-b-c-s-t-#", "-a-b-------#"),
        (where(competition_id="A", actor_id="2"), "-a-b-c-s-t-|", "-----c-----|"),
    ],
)  # fmt: skip
def test_the_events_of_a_contest_or_an_actor(operator, source, expected):
    Marbles(**EVENTS).play(source, operator, expected)


def test_dispose_reaches_the_source():
    m = Marbles(**EVENTS)
    source = m.hot("-a-a-a")
    seen = m.watch(source.pipe(by_actor("1")), "^---!")
    m.run()
    assert seen.messages == m.read("-a-a")
    assert [each.unsubscribe for each in source.subscriptions] == [4]
