"""`burst` and `shared_flags`: what an organiser should look at."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from reactivex import Observable, abc

from ctfy_rx.catalogue import FlagWrong, ForeignAnswerSubmitted, Payload
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators.of_event import of_event
from ctfy_rx.operators.solves import DEFAULT_MAX_KEYS
from ctfy_rx.text.printable import short

__all__ = ["Burst", "burst", "shared_flags", "team_key"]

_LONGEST_NAME = 40


class Burst(msgspec.Struct, frozen=True):
    """Many events of one `key` in a short time: those `events`, the oldest first.

    >>> Burst("7", tuple(Event("flag_wrong", "{}", received=at, team_name="Red") for at in (0.0, 2.5)))
    <Burst of Red: 2 events in 2.5 s, until 1970-01-01T00:00:02Z>
    """

    key: Hashable
    events: tuple[Event[Any], ...]

    def __repr__(self) -> str:
        last = self.events[-1]
        whose = last.team_name or last.actor_name or last.payload.actor_name or str(self.key)
        seconds = (self.ended - self.began).total_seconds()
        told = f"{len(self.events)} events in {seconds:.1f} s, until {self.ended:%Y-%m-%dT%H:%M:%SZ}"
        return f"<Burst of {short(whose, _LONGEST_NAME)}: {told}>"

    @property
    def team_id(self) -> str | None:
        """The team's id, None where it is not known."""
        return self.events[-1].team_id

    @property
    def team_name(self) -> str | None:
        """The team's name, None where it is not known."""
        return self.events[-1].team_name

    @property
    def began(self) -> datetime:
        """When the first of them happened."""
        return self.events[0].at

    @property
    def ended(self) -> datetime:
        """When the last of them happened."""
        return self.events[-1].at


def team_key(event: Event[Any]) -> Hashable:
    """What stands for the team of an event: where only a frame was seen, its instance or actor."""
    return event.team_id or getattr(event.payload, "instance_id", None) or event.payload.actor_id


def burst(
    n: int,
    within: float | timedelta,
    *,
    of: str | type[Payload] = FlagWrong,
    key: Callable[[Event[Any]], Hashable] = team_key,
    max_keys: int = DEFAULT_MAX_KEYS,
) -> Callable[[Observable[Event[Any]]], Observable[Burst]]:
    """A `Burst` whenever `n` events of one team have come `within` seconds: wrong answers, or those `of` that
    name, pattern or payload class.

    ::

        --w-----w-w-w-----------|
          burst(3, within=5)
        ------------B-----------|    B holds those three; the next one needs three new ones

    Time is that of the events, so a log that is read later gives the same bursts. `key` says what counts
    together; the `max_keys` of them that were met last are remembered. Completes and fails with its source,
    and with what `key` raises. Raises `ConfigurationError` for an `n` below 2 or a time of 0.

    See also: `rate`, `shared_flags`; reactivex's ``buffer_with_time``.

    >>> import reactivex
    >>> wrong = [Event("flag_wrong", '{"actor_id": "7"}', received=float(second)) for second in (0, 50, 51)]
    >>> reactivex.of(*wrong).pipe(burst(2, within=10)).subscribe(lambda b: print(len(b.events))).dispose()
    2
    """
    seconds = within.total_seconds() if isinstance(within, timedelta) else float(within)
    if n < 2 or not seconds > 0:  # noqa: PLR2004 - one alone is no burst
        raise ConfigurationError(f"a burst is 2 events or more within a time, not {n} within {seconds} s")

    def apply(source: Observable[Event[Any]]) -> Observable[Burst]:
        def subscribe(
            observer: abc.ObserverBase[Burst], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            recent = _Recent(n, seconds, max_keys)

            def on_next(event: Event[Any]) -> None:
                try:
                    burst = recent.add(key(event), event)
                except Exception as error:  # noqa: BLE001 - by `key`, or what it returns has no hash
                    observer.on_error(error)
                    return
                if burst is not None:
                    observer.on_next(burst)

            return of_event(of)(source).subscribe(
                on_next, observer.on_error, observer.on_completed, scheduler=scheduler
            )

        return Observable(subscribe)

    return apply


class _Recent:
    """The events of the last `seconds`, of each of the `max_keys` keys that were met last."""

    def __init__(self, n: int, seconds: float, max_keys: int) -> None:
        self._n = n
        self._seconds = seconds
        self._max_keys = max_keys
        self._events_of: OrderedDict[Hashable, deque[Event[Any]]] = OrderedDict()

    def add(self, key: Hashable, event: Event[Any]) -> Burst | None:
        """Those of `key` with `event`, and they begin anew, where they are `n`."""
        events = self._events_of.setdefault(key, deque())
        self._events_of.move_to_end(key)
        if len(self._events_of) > self._max_keys:
            self._events_of.popitem(last=False)
        events.append(event)
        while (event.at - events[0].at).total_seconds() > self._seconds:
            events.popleft()
        if len(events) < self._n:
            return None
        del self._events_of[key]
        return Burst(key, tuple(events))


def shared_flags() -> Callable[[Observable[Event[Any]]], Observable[Event[ForeignAnswerSubmitted]]]:
    """A team that gave an answer which was made for another: ``of_event(ForeignAnswerSubmitted)``.

    ::

        --right--foreign--wrong--|
          shared_flags()
        ---------foreign---------|

    The event's team is the one that gave it, ``team_ids`` are those it was made for. The platform tells
    admins alone, in its log. What was claimed says ``GET /admin/instance-records/{instance_id}/submissions``.

    See also: `burst`, `wrong_answers`.

    >>> import reactivex
    >>> events = reactivex.of(Event("foreign_answer_submitted", '{"team_ids": ["8"]}'))
    >>> events.pipe(shared_flags()).subscribe(lambda event: print(event.payload.team_ids)).dispose()
    ['8']
    """
    return of_event(ForeignAnswerSubmitted)
