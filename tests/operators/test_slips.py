"""What no event of a platform will ever hold is told once, and other servers' names stay free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ctfy_rx import EventStream, events

PLATFORM, OTHER = "http://127.0.0.1:8100", "http://127.0.0.1:8100/prices"

SLIPS: list[tuple[Callable[[EventStream], Any], str]] = [
    (lambda s: s.of_event("flag_corect"), "of_event('flag_corect'): the platform has no such event; did you"),
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
