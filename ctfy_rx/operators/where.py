"""`where`, `by_competition`, `by_actor`: the events whose data hold some values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from reactivex import Observable
from reactivex import operators as ops

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event

__all__ = ["by_actor", "by_competition", "where"]

E = TypeVar("E", bound=Event[Any])


def where(**fields: Any) -> Callable[[Observable[E]], Observable[E]]:
    """The events whose data have these fields with these values.

    ::

        --{x: 1}--{x: 2}--{y: 1}--|
          where(x=1)
        --{x: 1}------------------|

    An event without the field, or whose data are no JSON object, is none of them. Completes and fails with
    its source. Raises `ConfigurationError` where no field is given.

    >>> import reactivex
    >>> events = reactivex.of(Event("flag_wrong", '{"challenge_id": "pwn-1"}'), Event("flag_wrong", "{}"))
    >>> events.pipe(where(challenge_id="pwn-1")).subscribe(lambda event: print(event.data)).dispose()
    {'challenge_id': 'pwn-1'}
    """
    if not fields:
        raise ConfigurationError('where needs a field: where(challenge_id="pwn-1")')
    wanted = fields.items()

    def holds(event: E) -> bool:
        data: Any = event.data
        return isinstance(data, dict) and wanted <= cast("dict[str, Any]", data).items()

    return ops.filter(holds)


def by_competition(competition_id: str, /) -> Callable[[Observable[E]], Observable[E]]:
    """The events of one contest. Signals such as `scoreboard_updated`, which name none, are not among them.

    ::

        --{c: A}--{c: B}--{}--|
          by_competition("A")
        --{c: A}--------------|

    Completes and fails with its source.

    >>> import reactivex
    >>> answer = Event("flag_wrong", '{"competition_id": "final"}')
    >>> events = reactivex.of(answer, Event("scoreboard_updated", "{}"))
    >>> events.pipe(by_competition("final")).subscribe(lambda event: print(event.event)).dispose()
    flag_wrong
    """
    return where(competition_id=competition_id)


def by_actor(actor_id: str, /) -> Callable[[Observable[E]], Observable[E]]:
    """The events that one actor caused: a user in `flag_*` and `instance_started`, a team in
    `instance_ready`.

    ::

        --{a: 1}--{a: 2}--{a: 1}--|
          by_actor("1")
        --{a: 1}----------{a: 1}--|

    Completes and fails with its source.

    >>> import reactivex
    >>> events = reactivex.of(*(Event("flag_wrong", f'{{"actor_id": "{actor}"}}') for actor in (7, 8)))
    >>> events.pipe(by_actor("7")).subscribe(lambda event: print(event.data)).dispose()
    {'actor_id': '7'}
    """
    return where(actor_id=actor_id)
