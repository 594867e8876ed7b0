"""Short names for `of_event`: the events that people ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactivex import Observable

from ctfy_rx.catalogue import AchievementUnlocked, AnnouncementCreated, FlagWrong, Payload
from ctfy_rx.event import Event
from ctfy_rx.operators.of_event import of_event

__all__ = ["achievements", "announcements", "instances", "wrong_answers"]


def wrong_answers() -> Callable[[Observable[Event[Any]]], Observable[Event[FlagWrong]]]:
    """Every wrong answer: ``of_event(FlagWrong)``.

    ::

        --right--wrong--wrong--|
          wrong_answers()
        ---------wrong--wrong--|

    See also: `of_event`, `burst`, `shared_flags`.

    >>> import reactivex
    >>> events = reactivex.of(Event("flag_correct", "{}"), Event("flag_wrong", "{}"))
    >>> events.pipe(wrong_answers()).subscribe(lambda event: print(event.event)).dispose()
    flag_wrong
    """
    return of_event(FlagWrong)


def achievements() -> Callable[[Observable[Event[Any]]], Observable[Event[AchievementUnlocked]]]:
    """Every achievement that somebody unlocked: ``of_event(AchievementUnlocked)``.

    ::

        --right--achievement--|
          achievements()
        ---------achievement--|

    See also: `of_event`, `solves`.

    >>> import reactivex
    >>> events = reactivex.of(Event("achievement_unlocked", '{"achievement_name": "Night owl"}'))
    >>> events.pipe(achievements()).subscribe(lambda event: print(event.payload.achievement_name)).dispose()
    Night owl
    """
    return of_event(AchievementUnlocked)


def announcements() -> Callable[[Observable[Event[Any]]], Observable[Event[AnnouncementCreated]]]:
    """Every new announcement, by its id: ``of_event(AnnouncementCreated)``.

    ::

        --created--updated--|
          announcements()
        --created-----------|

    See also: `of_event`, `EventStream.announcements`, which fetches their words.

    >>> import reactivex
    >>> events = reactivex.of(Event("announcement_created", '{"announcement_id": "7"}'))
    >>> events.pipe(announcements()).subscribe(lambda event: print(event.payload.announcement_id)).dispose()
    7
    """
    return of_event(AnnouncementCreated)


def instances() -> Callable[[Observable[Event[Any]]], Observable[Event[Payload]]]:
    """Everything that happens to instances (boxes): ``of_event("instance_*")``.

    ::

        --started--right--ready--|
          instances()
        --started---------ready--|

    See also: `of_event`, `EventStream.instance`.

    >>> import reactivex
    >>> names = "instance_started", "flag_wrong", "instance_ready"
    >>> events = reactivex.of(*(Event(name, "{}") for name in names))
    >>> events.pipe(instances()).subscribe(lambda event: print(event.event)).dispose()
    instance_started
    instance_ready
    """
    return of_event("instance_*")
