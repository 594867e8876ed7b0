"""What people are told of an answer that the platform does not say: that it repeats one, or is the first."""

from __future__ import annotations

from typing import Any

from ctfy_rx import Event
from ctfy_rx.operators.solves import DEFAULT_MAX_KEYS, RecentKeys, solve_key

__all__ = ["Retelling"]


class Retelling:
    """Marks right answers that repeat one, and, where all since the contest's start were seen, the first to
    each challenge.

    >>> answer = Event("flag_correct", '{"challenge_id": "pwn", "instance_id": "box-1"}')
    >>> told = Retelling(from_the_start=True)
    >>> told(answer).data["first_blood"], told(answer).data["repeated"]
    ('challenge', True)
    """

    def __init__(self, *, from_the_start: bool = False) -> None:
        self._from_the_start = from_the_start
        self._solves = RecentKeys(DEFAULT_MAX_KEYS)
        self._challenges = RecentKeys(DEFAULT_MAX_KEYS)

    def __call__(self, event: Event[Any]) -> Event[Any]:
        """`event`, marked if need be."""
        if event.event != "flag_correct":
            return event
        answer = event.payload
        if not self._solves.is_new(solve_key(event)):
            return event.with_data(repeated=True)
        if self._challenges.is_new((answer.competition_id, answer.challenge_id)) and self._from_the_start:
            return event.with_data(first_blood="challenge")
        return event
