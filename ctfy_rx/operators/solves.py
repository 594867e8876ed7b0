"""`solves` and `solved_challenges`: each once, however often it is announced."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from reactivex import Observable, abc, compose
from reactivex import operators as ops

from ctfy_rx.catalogue import FlagCorrect
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators.of_event import of_event

__all__ = ["DEFAULT_MAX_KEYS", "RecentKeys", "distinct_by", "solve_key", "solved_challenges", "solves"]

T = TypeVar("T")

DEFAULT_MAX_KEYS = 65_536
"""How many keys are remembered, some 30 MB of them; a larger contest than that forgets the oldest."""


def solves(
    *, max_keys: int = DEFAULT_MAX_KEYS
) -> Callable[[Observable[Event[Any]]], Observable[Event[FlagCorrect]]]:
    """The first right answer of each team to each flag.

    ::

        --A1--A1--B1--A2--|      team and flag of flag_correct
             solves()
        --A1------B1--A2--|

    The platform announces every right answer, also a repeated one and that of a second teammate; this gives
    the first for a competition, team, challenge and flag. Where only a frame was seen, which names no team,
    its instance stands for the team, and in a quiz, which has none, the actor. The `max_keys` newest are
    remembered, for each subscriber. Completes and fails with its source.

    See also: `solved_challenges`, `first_bloods`, `distinct_by`.

    >>> import reactivex
    >>> answer = Event("flag_correct", '{"challenge_id": "pwn-1", "instance_id": "box-7", "flag_id": "user"}')
    >>> reactivex.of(answer, answer).pipe(solves(), ops.count()).subscribe(print).dispose()
    1
    """
    return compose(of_event(FlagCorrect), distinct_by(solve_key, max_keys=max_keys))


def solved_challenges(
    *, max_keys: int = DEFAULT_MAX_KEYS
) -> Callable[[Observable[Event[Any]]], Observable[Event[FlagCorrect]]]:
    """The answer with which a team finished a challenge, its last flag, once for each team and challenge.

    ::

        --flag 1 of 2--flag 2 of 2--flag 2 of 2--|
             solved_challenges()
        ---------------flag 2 of 2---------------|

    As `solves` otherwise.

    See also: `solves`, `first_bloods`, `distinct_by`.

    >>> import reactivex
    >>> half = Event("flag_correct", '{"challenge_id": "pwn-1", "instance_id": "box-7"}')
    >>> whole = Event("flag_correct", half.text.replace("}", ', "challenge_fully_solved": true}'))
    >>> reactivex.of(half, whole, whole).pipe(solved_challenges(), ops.count()).subscribe(print).dispose()
    1
    """
    return compose(
        of_event(FlagCorrect),
        ops.filter(_finishes_challenge),
        distinct_by(_solved_challenge, max_keys=max_keys),
    )


def distinct_by(
    key: Callable[[T], Hashable], *, max_keys: int = DEFAULT_MAX_KEYS
) -> Callable[[Observable[T]], Observable[T]]:
    """The items whose `key` is not among the `max_keys` keys met last: reactivex's `distinct` with bounded
    memory.

    ::

        --a--b--a--c--|
          distinct_by(name)
        --a--b-----c--|

    Completes and fails with its source; fails with what `key` raises. Raises `ConfigurationError` for a
    `max_keys` below 1.

    See also: `solves`; reactivex's ``distinct``, which forgets nothing, and ``distinct_until_changed``.

    >>> import reactivex
    >>> reactivex.of("a", "A", "b").pipe(distinct_by(str.lower)).subscribe(print).dispose()
    a
    b
    """

    if max_keys < 1:
        raise ConfigurationError(f"max_keys must be 1 or more, not {max_keys}")

    def apply(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            keys = RecentKeys(max_keys)

            def is_new(item: T) -> bool:
                return keys.is_new(key(item))

            return source.pipe(ops.filter(is_new)).subscribe(observer, scheduler=scheduler)

        return Observable(subscribe)

    return apply


class RecentKeys:
    """The keys that came last, at most `size` of them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: OrderedDict[Hashable, None] = OrderedDict()

    def is_new(self, key: Hashable) -> bool:
        """Whether `key` is none of them; from now on it is."""
        if key in self._keys:
            self._keys.move_to_end(key)
            return False
        self._keys[key] = None
        if len(self._keys) > self._size:
            self._keys.popitem(last=False)
        return True


def _finishes_challenge(event: Event[FlagCorrect]) -> bool:
    return event.payload.challenge_fully_solved is True


def _solved_challenge(event: Event[FlagCorrect]) -> tuple[str | None, ...]:
    answer = event.payload
    return answer.competition_id, _team(event), answer.challenge_id


def solve_key(event: Event[FlagCorrect]) -> tuple[str | None, ...]:
    """What two answers share that are one solve: competition, team, challenge and flag."""
    return *_solved_challenge(event), event.payload.flag_id


def _team(event: Event[FlagCorrect]) -> str | None:
    """What stands for the team: an instance belongs to one; a quiz, which has none, is answered by
    somebody."""
    return event.team_id or event.payload.instance_id or event.payload.actor_id
