"""What no event of a platform will ever hold is told once, and other servers' names stay free."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import filter as matching
from typing import Any

import pytest

from ctfy_rx import EventStream, events
from ctfy_rx.catalogue import PAYLOADS
from ctfy_rx.operators.usual_words import MEANINGS, Meaning

PLATFORM, OTHER = "http://127.0.0.1:8100", "http://127.0.0.1:8100/prices"

SLIPS: list[tuple[Callable[[EventStream], Any], str]] = [
    (lambda s: s.of_event("flag_corect"), "of_event('flag_corect'): the platform has no such event; did you"),
    (
        lambda s: s.of_event("Flag_Correct"),
        "of_event('Flag_Correct'): the platform has no such event; did you",
    ),
    (
        lambda s: s.of_event("solve"),
        "of_event('solve'): the platform has no such event; did you mean 'flag_correct'? (stream.solves())",
    ),
    (
        lambda s: s.of_event("first_blood", "flag_correct"),
        "of_event('first_blood'): the platform has no such event; did you mean 'flag_correct'? (stream.first",
    ),
    (
        lambda s: s.where(challenge="x"),
        "where(challenge='x'): no event of the platform has the field 'challenge'; did you mean",
    ),
    (lambda s: s.where(price=5), "where(price=5): no event of the platform has the field 'price'"),
    (lambda s: s.where(challenge_id=5), "where(challenge_id=5): ids are texts; did you mean '5'?"),
    (lambda s: s.by_actor(5), "by_actor(5): ids are texts; did you mean '5'?"),  # type: ignore[arg-type]
    (lambda s: s.by_team(5), "by_team(5): ids are texts; did you mean '5'?"),  # type: ignore[arg-type]
    (lambda s: s.by_competition(5), "by_competition(5): ids are texts"),  # type: ignore[arg-type]
    (lambda s: s.by_competition(5, and_of_none=True), "by_competition(5): ids are texts"),  # type: ignore[arg-type]
    (lambda s: s.solves().where(challenge="x"), "where(challenge='x')"),
]


@pytest.mark.parametrize(("derive", "told"), SLIPS)
def test_a_slip_is_told_once_on_a_platforms_stream(derive: Any, told: str, caplog: pytest.LogCaptureFixture):
    derived = derive(events(PLATFORM))
    assert derived.take(1)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1
    assert messages[0].startswith(told)


@pytest.mark.parametrize("meaning", MEANINGS)
def test_usual_words_mean_events_that_there_are_and_streams_that_give_them(meaning: Meaning):
    assert matching(PAYLOADS, meaning.events)
    assert callable(getattr(EventStream, meaning.stream))
    assert not PAYLOADS.keys() & MEANINGS[meaning].split()


@pytest.mark.parametrize("derive", [derive for derive, _ in SLIPS])
def test_another_servers_names_are_free(derive: Any, caplog: pytest.LogCaptureFixture):
    derive(events(OTHER))
    assert not caplog.records


@pytest.mark.parametrize(
    "fields",
    [{"challenge_id": "x"}, {"actor_id": None}, {"competition_title": "Final"}, {"announcement_id": "7"}],
)
def test_what_events_hold_is_no_slip(fields: dict[str, Any], caplog: pytest.LogCaptureFixture):
    events(PLATFORM).where(**fields)
    assert not caplog.records
