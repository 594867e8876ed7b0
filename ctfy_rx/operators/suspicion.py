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

__all__ = ["Burst", "burst", "shared_flags", "team_key"]


class Burst(msgspec.Struct, frozen=True):
    """Many events of one `key` in a short time: those `events`, the oldest first."""

    key: Hashable
    events: tuple[Event[Any], ...]

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
            recent_of: OrderedDict[Hashable, deque[Event[Any]]] = OrderedDict()

            def on_next(event: Event[Any]) -> None:
                try:
                    its_key = key(event)
                    recent = recent_of.setdefault(its_key, deque())
                except Exception as error:  # noqa: BLE001 - by `key`, or what it returns has no hash
                    observer.on_error(error)
                    return
                recent_of.move_to_end(its_key)
                if len(recent_of) > max_keys:
                    recent_of.popitem(last=False)
                recent.append(event)
                while (event.at - recent[0].at).total_seconds() > seconds:
                    recent.popleft()
                if len(recent) >= n:
                    del recent_of[its_key]
                    observer.on_next(Burst(its_key, tuple(recent)))

            return of_event(of)(source).subscribe(
                on_next, observer.on_error, observer.on_completed, scheduler=scheduler
            )

        return Observable(subscribe)

    return apply


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
