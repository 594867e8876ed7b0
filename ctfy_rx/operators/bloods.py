"""`first_bloods`: who was first, in each contest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, get_args

import reactivex
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable

from ctfy_rx.catalogue import FlagCorrect
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators.of_event import of_event
from ctfy_rx.threads.turns import Turns

__all__ = ["Blood", "Bloods", "Honour", "Seed", "first_bloods", "key_of"]

Honour = Literal["challenge", "flag", "full"]
"""For what there is a first blood: any flag of a challenge, each flag, a challenge's last flag."""

_SAME = 2.0
"""Seconds between the platform's time of a first blood and that of its row in the log."""

_LIVE = 10.0
"""Seconds between a row and its frame, which has no id: a delay, and two clocks."""


class Blood(NamedTuple):
    """Who drew it, as far as is known; `at` is a unix time in seconds."""

    log_id: int | None = None
    team_id: str | None = None
    at: float | None = None
    by: tuple[str | None, str | None] | None = None

    @classmethod
    def of(cls, event: Event[Any]) -> Blood:
        """That of a row of the log."""
        return cls(event.log_id, event.team_id, event.logged, _by(event))

    def is_by(self, event: Event[Any]) -> bool:
        """Whether `event` is that very answer."""
        if event.log_id is None:
            return self.by == _by(event) and self._is_near(event.received, _LIVE)
        if self.log_id is not None:
            return self.log_id == event.log_id
        return self.team_id == event.team_id and self._is_near(event.logged, _SAME)

    def _is_near(self, moment: float | None, seconds: float) -> bool:
        return self.at is not None and moment is not None and abs(self.at - moment) <= seconds


def _by(event: Event[Any]) -> tuple[str | None, str | None]:
    return event.payload.instance_id, event.payload.actor_id


Bloods = Mapping[tuple[str, ...], Blood]
"""What is taken already, by `key_of`."""

Seed = Callable[[str], Observable[Bloods]]
"""Tells for a contest, by its id, what is taken already; asked when the first answer in it comes."""


def first_bloods(
    *, by: Honour = "challenge", seed: Seed | None = None
) -> Callable[[Observable[Event[Any]]], Observable[Event[FlagCorrect]]]:
    """The first right answer of all teams in each contest: to each challenge, to each flag
    (``by="flag"``), or the first that finished a challenge (``by="full"``).

    ::

        --A1--A2--B1--A1--|      challenge and flag of flag_correct
             first_bloods()
        --A1------B1------|
             first_bloods(by="flag")
        --A1--A2--B1------|

    Their data also hold ``first_blood``, which says for what. It takes a source that hears all teams, an
    admin's. `seed` tells what is taken already: answers wait, in order, until it has told; without it the
    first that is heard is the first. Completes with its source, fails with it and with `seed`. Raises
    `ConfigurationError` for another `by`.

    See also: `solves`, `EventStream.first_bloods`, which asks the platform what was drawn before.

    >>> answer = Event("flag_correct", '{"challenge_id": "pwn-1", "flag_id": "user"}')
    >>> reactivex.of(answer, answer).pipe(first_bloods()).subscribe(lambda e: print(e.data)).dispose()
    {'challenge_id': 'pwn-1', 'flag_id': 'user', 'first_blood': 'challenge'}
    """
    if by not in get_args(Honour):
        raise ConfigurationError(f'by must be "challenge", "flag" or "full", not {by!r}')

    def apply(source: Observable[Event[Any]]) -> Observable[Event[FlagCorrect]]:
        def subscribe(
            observer: abc.ObserverBase[Event[FlagCorrect]], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            judging = _Judging(by, seed or (lambda _: reactivex.of({})), observer, scheduler)
            answers = of_event(FlagCorrect)(source).subscribe(
                judging.on_next, judging.on_error, judging.on_completed, scheduler=scheduler
            )
            return CompositeDisposable(answers, judging.seeding)

        return Observable(subscribe)

    return apply


def key_of(event: Event[Any], by: Honour) -> tuple[str, ...] | None:
    """What an answer may be the first to, within its contest; None where it is to nothing of that kind."""
    answer = event.payload
    if by == "full" and answer.challenge_fully_solved is not True:
        return None
    challenge = answer.challenge_id or ""
    return (challenge, answer.flag_id or "") if by == "flag" else (challenge,)


class _Contest:
    """What is known of one contest: nothing until the seed has told, and then who waited has his turn."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, ...], Blood] | None = None
        self.given: set[tuple[str, ...]] = set()
        self.waiting: list[Event[FlagCorrect]] = []

    def is_first(self, event: Event[FlagCorrect], key: tuple[str, ...]) -> bool:
        assert self.taken is not None  # noqa: S101 - for the type checker
        if key in self.given or (key in self.taken and not self.taken[key].is_by(event)):
            return False
        self.given.add(key)
        return True


class _Judging:
    """One subscription. Answers and seeds come from different threads, and take turns."""

    def __init__(
        self, by: Honour, seed: Seed, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None
    ) -> None:
        self.seeding = CompositeDisposable()
        self._by: Honour = by
        self._seed = seed
        self._observer = observer
        self._scheduler = scheduler
        self._contests: dict[str, _Contest] = {}
        self._turns = Turns()
        self._completed = False

    def on_next(self, event: Event[FlagCorrect]) -> None:
        self._turns.take(lambda: self._heard(event))

    def on_error(self, error: Exception) -> None:
        self._turns.take(lambda: self._observer.on_error(error))

    def on_completed(self) -> None:
        self._turns.take(self._source_completed)

    def _heard(self, event: Event[FlagCorrect]) -> None:
        name = event.payload.competition_id or ""
        contest = self._contests.get(name)
        if contest is None:
            contest = self._contests[name] = _Contest()
            self._ask(name, contest)
        if contest.taken is None:
            contest.waiting.append(event)
        else:
            self._judge(event, contest)

    def _ask(self, name: str, contest: _Contest) -> None:
        def told(taken: Bloods) -> None:
            self._turns.take(lambda: self._seeded(contest, taken))

        try:
            asked = self._seed(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the subscriber's
            self.on_error(error)
            return
        self.seeding.add(asked.subscribe(told, self.on_error, scheduler=self._scheduler))

    def _seeded(self, contest: _Contest, taken: Bloods) -> None:
        contest.taken = dict(taken)
        waiting, contest.waiting = contest.waiting, []
        for event in waiting:
            self._judge(event, contest)
        if self._completed:
            self._source_completed()

    def _judge(self, event: Event[FlagCorrect], contest: _Contest) -> None:
        key = key_of(event, self._by)
        if key is not None and contest.is_first(event, key):
            self._observer.on_next(event.with_data(first_blood=self._by))

    def _source_completed(self) -> None:
        self._completed = True
        if all(contest.taken is not None for contest in self._contests.values()):
            self._observer.on_completed()
