"""`of_event`: the events of some names."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache
from typing import Any, Protocol, TypeVar, overload, runtime_checkable

from reactivex import Observable, abc

from ctfy_rx.catalogue import PAYLOADS, Payload
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators.usual_words import meaning_of
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.text.printable import short
from ctfy_rx.text.suggestion import did_you_mean

__all__ = ["Selective", "is_pattern", "named", "of_event", "selected"]


P = TypeVar("P", bound=Payload)


class _Named(Protocol):
    @property
    def event(self) -> str: ...


N = TypeVar("N", bound=_Named)


@runtime_checkable
class Selective(Protocol):
    """A source that knows a shorter way to the items of some names than to leave out the others."""

    def selected(self, matches: Callable[[str], bool], /) -> Observable[Any]:
        """The items whose name matches."""
        ...


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
    `ConfigurationError` where no name is given, or something that has none. A name that the platform does not
    know, and that is almost one that it does, is told in the log: it would be waited for in silence. So is
    what people call an event, ``"solve"`` say, on a platform's stream.

    See also: `where`, `solves`, `wrong_answers`; reactivex's ``filter``.

    >>> import reactivex
    >>> names = "instance_ready", "flag_wrong", "instance_error"
    >>> events = reactivex.of(*(Event(name, "{}") for name in names))
    >>> events.pipe(of_event("instance_*")).subscribe(lambda event: print(event.event)).dispose()
    instance_ready
    instance_error
    """
    matches = named(*names)
    unknown = [name for name in names if isinstance(name, str) and name not in PAYLOADS]

    def apply(source: Observable[_Named]) -> Observable[_Named]:
        for name in unknown:
            _tell_of_a_slip(name, getattr(source, "of_platform", None))
        return source.selected(matches) if isinstance(source, Selective) else selected(source, matches)

    return apply


def selected(source: Observable[N], matches: Callable[[str], bool]) -> Observable[N]:
    """The items of `source` whose name matches."""

    def subscribe(
        observer: abc.ObserverBase[N], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        on_next = observer.on_next

        # reactivex's filter would do, and take twice as long.
        def pass_on(item: N) -> None:
            if matches(item.event):
                on_next(item)

        return source.subscribe(pass_on, observer.on_error, observer.on_completed, scheduler=scheduler)

    return Observable(subscribe)


def named(*names: str | type[Payload]) -> Callable[[str], bool]:
    """Whether a name is one of `names`, which may be names, patterns or payload classes."""
    plain = [name if isinstance(name, str) else getattr(name, "event_name", "") for name in names]
    if not all(plain) or not plain:  # without a name: the class Payload, or what is no payload class
        raise ConfigurationError(
            'of_event needs names, patterns or payload classes of the catalogue: of_event("flag_correct")'
        )
    exact = frozenset(name for name in plain if not is_pattern(name))
    patterns = "|".join(translate(name) for name in plain if is_pattern(name))
    if not patterns:
        return exact.__contains__
    matches = re.compile(patterns).match

    @lru_cache(maxsize=1024)  # there are 100 names, unless a server invents them
    def matching(name: str) -> bool:
        return name in exact or matches(name) is not None

    return matching


def _tell_of_a_slip(name: str, of_platform: bool | None) -> None:
    if of_platform is False:  # another server has names of its own
        return
    if of_platform and (usual := meaning_of(name)):
        meant = f"{usual} (stream.{usual.stream}())"
    else:
        meant = did_you_mean(name.lower(), PAYLOADS, likeness=0.85)
    if meant:
        _log.warning("of_event(%s): the platform has no such event; %s", short(repr(name), 80), meant)


def is_pattern(name: str) -> bool:
    """Whether `name` is one of `fnmatch`'s patterns, and not a name."""
    return any(character in name for character in "*?[")
