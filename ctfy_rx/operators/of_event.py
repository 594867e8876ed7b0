"""`of_event`: the events of some names."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache
from typing import Any, Protocol, TypeVar, overload

from reactivex import Observable
from reactivex import operators as ops

from ctfy_rx.catalogue import Payload
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event

__all__ = ["named", "of_event"]

P = TypeVar("P", bound=Payload)


class _Named(Protocol):
    @property
    def event(self) -> str: ...


N = TypeVar("N", bound=_Named)


@overload
def of_event(name: type[P], /) -> Callable[[Observable[Event[Any]]], Observable[Event[P]]]: ...
@overload
def of_event(*names: str) -> Callable[[Observable[N]], Observable[N]]: ...
@overload
def of_event(
    name: str | type[Payload], other: str | type[Payload], /, *others: str | type[Payload]
) -> Callable[[Observable[N]], Observable[N]]: ...
def of_event(*names: str | type[Payload]) -> Callable[[Observable[Any]], Observable[Any]]:
    """The events (or frames) whose name is one of `names`: names, `fnmatch` patterns, payload classes of the
    catalogue.

    ::

        --A--B--C--A--|
          of_event("A")
        --A--------A--|

    With one payload class, the events' payloads have its type. Completes and fails with its source. Raises
    `ConfigurationError` where no name is given, or something that has none.

    >>> import reactivex
    >>> names = "instance_ready", "flag_wrong", "instance_error"
    >>> events = reactivex.of(*(Event(name, "{}") for name in names))
    >>> events.pipe(of_event("instance_*")).subscribe(lambda event: print(event.event)).dispose()
    instance_ready
    instance_error
    """
    matches = named(*names)

    def matching(item: _Named) -> bool:
        return matches(item.event)

    return ops.filter(matching)


def named(*names: str | type[Payload]) -> Callable[[str], bool]:
    """Whether a name is one of `names`, which may be names, patterns or payload classes."""
    plain = [name if isinstance(name, str) else getattr(name, "event_name", "") for name in names]
    if not all(plain) or not plain:  # without a name: the class Payload, or what is no payload class
        raise ConfigurationError(
            'of_event needs names, patterns or payload classes of the catalogue: of_event("flag_correct")'
        )
    exact = frozenset(name for name in plain if not _is_pattern(name))
    patterns = "|".join(translate(name) for name in plain if _is_pattern(name))
    if not patterns:
        return exact.__contains__
    matches = re.compile(patterns).match

    @lru_cache(maxsize=1024)  # there are 100 names, unless a server invents them
    def matching(name: str) -> bool:
        return name in exact or matches(name) is not None

    return matching


def _is_pattern(name: str) -> bool:
    return any(character in name for character in "*?[")
