"""`where`, `by_competition`, `by_team`, `by_actor`: the events whose data hold some values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from reactivex import Observable
from reactivex import operators as ops

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators.slips import told_of_slips

__all__ = ["by_actor", "by_competition", "by_team", "where"]

E = TypeVar("E", bound=Event[Any])


def where(**fields: Any) -> Callable[[Observable[E]], Observable[E]]:
    """The events whose data have these fields with these values.

    ::

        --{x: 1}--{x: 2}--{y: 1}--|
          where(x=1)
        --{x: 1}------------------|

    An event without the field, or whose data are no JSON object, is dropped. Completes and fails with
    its source. Raises `ConfigurationError` where no field is given.

    See also: `of_event`, `by_actor`, `by_team`, `by_competition`; reactivex's ``filter``.

    >>> import reactivex
    >>> events = reactivex.of(Event("flag_wrong", '{"challenge_id": "pwn-1"}'), Event("flag_wrong", "{}"))
    >>> events.pipe(where(challenge_id="pwn-1")).subscribe(lambda event: print(event.data)).dispose()
    {'challenge_id': 'pwn-1'}
    """
    if not fields:
        raise ConfigurationError('where needs a field: where(challenge_id="pwn-1")')
    return told_of_slips("where", fields, _holding(fields))


def _holding(fields: dict[str, Any]) -> Callable[[Observable[E]], Observable[E]]:
    wanted = fields.items()

    def holds(event: E) -> bool:
        data: Any = event.data
        return isinstance(data, dict) and wanted <= cast("dict[str, Any]", data).items()

    return ops.filter(holds)


def by_competition(
    competition_id: str, /, *, and_of_none: bool = False
) -> Callable[[Observable[E]], Observable[E]]:
    """The events of one contest; with `and_of_none` also those that belong to no contest.

    ::

        --{c: A}--{c: B}--{}--|
          by_competition("A")
        --{c: A}--------------|
          by_competition("A", and_of_none=True)
        --{c: A}----------{}--|

    Signals such as `scoreboard_updated` and `announcement_created` name no contest, nor do nodes and
    accounts. Completes and fails with its source.

    See also: ``events(competition=...)``, `by_team`, `where`.

    >>> import reactivex
    >>> answer = Event("flag_wrong", '{"competition_id": "final"}')
    >>> events = reactivex.of(answer, Event("scoreboard_updated", "{}"))
    >>> events.pipe(by_competition("final")).subscribe(lambda event: print(event.event)).dispose()
    flag_wrong
    """
    told = partial(told_of_slips, "by_competition", {"competition_id": competition_id}, by_position=True)
    if not and_of_none:
        return told(_holding({"competition_id": competition_id}))

    def belongs(event: E) -> bool:
        data: Any = event.data
        named = cast("dict[str, Any]", data).get("competition_id") if isinstance(data, dict) else None
        return named in {None, "", competition_id} if isinstance(named, str | None) else True

    return told(ops.filter(belongs))


def by_team(team_id: str, /) -> Callable[[Observable[E]], Observable[E]]:
    """The events of one team: those that the log knows to be, and those that the team itself caused.

    ::

        --{team A}--{team B}--{actor A}--|
          by_team("A")
        --{team A}------------{actor A}--|

    A frame names no team: `EventStream.by_team` looks up whose it is. Completes and fails with its source.

    See also: `by_actor`, `EventStream.by_team`, which looks up whose a frame is.

    >>> import reactivex
    >>> events = reactivex.of(Event("flag_wrong", "{}", team_id="7"), Event("flag_wrong", "{}", team_id="8"))
    >>> events.pipe(by_team("8")).subscribe(lambda event: print(event.team_id)).dispose()
    8
    """

    def belongs(event: E) -> bool:
        if event.team_id is not None:
            return event.team_id == team_id
        data: Any = event.data
        return isinstance(data, dict) and cast("dict[str, Any]", data).get("actor_id") == team_id

    return told_of_slips("by_team", {"team_id": team_id}, ops.filter(belongs), by_position=True)


def by_actor(actor_id: str, /) -> Callable[[Observable[E]], Observable[E]]:
    """The events that one actor caused: a user in `flag_*` and `instance_started`, a team in
    `instance_ready`.

    ::

        --{a: 1}--{a: 2}--{a: 1}--|
          by_actor("1")
        --{a: 1}----------{a: 1}--|

    Completes and fails with its source.

    See also: `by_team`, `where`, `EventStream.mine`.

    >>> import reactivex
    >>> events = reactivex.of(*(Event("flag_wrong", f'{{"actor_id": "{actor}"}}') for actor in (7, 8)))
    >>> events.pipe(by_actor("7")).subscribe(lambda event: print(event.data)).dispose()
    {'actor_id': '7'}
    """
    fields = {"actor_id": actor_id}
    return told_of_slips("by_actor", fields, _holding(fields), by_position=True)
