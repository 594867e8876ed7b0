"""The events of a stream on the screen, until somebody or something ends it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import reactivex
from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import ReplaySubject, Subject
from rich.text import Text

from ctfy_rx import (
    Closed,
    Dropped,
    Event,
    EventStream,
    Status,
    StreamClosed,
    events,
    to_iter,
)
from ctfy_rx.appearance import COUNTERS
from ctfy_rx.cli.actions import Action, Maker
from ctfy_rx.cli.filters import Selection, with_titles
from ctfy_rx.cli.reached import Reached
from ctfy_rx.cli.render import as_json, as_status, as_text
from ctfy_rx.cli.retelling import Retelling
from ctfy_rx.cli.screen import Screen, is_terminal, when_nobody_reads
from ctfy_rx.cli.settings import Target
from ctfy_rx.platform.doorbell import LogOption
from ctfy_rx.platform.since import Since

__all__ = ["View", "show", "watch"]

_NAMES = 5.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What to show, how, and for how long: `seconds` and `count` are None where there is no end. With
    `names_first` nothing is shown before the names of the contest are known."""

    selection: Selection
    json: bool
    everything: bool = False
    seconds: float | None = None
    count: int | None = None
    since: Since = None
    log: LogOption = "auto"
    competition: str | None = None
    names_first: bool = False
    retelling: Retelling = field(default_factory=Retelling)

    @classmethod
    def chosen(
        cls,
        names: Selection,
        *,
        json: bool | None,
        everything: bool,
        seconds: float | None,
        count: int | None,
    ) -> View:
        """By these options: all events where no names are given, JSON where nobody reads a terminal."""
        return cls(
            selection=names,
            json=not is_terminal(sys.stdout) if json is None else json,
            everything=everything,
            seconds=seconds,
            count=count,
        )

    def of(self, stream: EventStream, *, titles: bool) -> EventStream[Any]:
        """What is to be shown of `stream`, with names; and with `titles`, which are asked for: people read
        those of announcements, not their ids."""
        chosen = self.selection.of(stream)
        if titles and not self.json and not self.selection:
            chosen = with_titles(stream)
        return chosen.filter(self.shows).named()

    def shows(self, event: Event[Any]) -> bool:
        """Whether `event` is shown: the counters tell people little, unless they ask for them."""
        return self.json or self.everything or bool(self.selection) or event.event not in COUNTERS

    def line(self, event: Event[Any]) -> Any:
        """`event` as this view shows it."""
        return as_json(event) if self.json else as_text(self.retelling(event))


def watch(target: Target, view: View, screen: Screen, makers: Mapping[str, Maker] | None = None) -> None:
    """Show the events of `target` until `view` has enough of them, or nobody reads them any more; do with
    each what `makers` make.

    Raises what the stream or an action fails with, `ConnectionFailed` where the time is up and it was never
    connected, and `OutputError` where the output cannot be written.
    """
    # The token, even where there is none, is the one that was chosen: nothing is left for the environment.
    stream = events(
        target.url,
        token=target.token or "",
        autoconnect=False,
        since=view.since,
        log=view.log,
        competition=view.competition,
    )
    show(stream, view, screen, say=lambda status: as_status(status, target.address), makers=makers)


def show(
    stream: EventStream,
    view: View,
    screen: Screen,
    *,
    say: Callable[[Status], Text | None],
    makers: Mapping[str, Maker] | None = None,
    waits: bool = False,
) -> None:
    """Show the events of `stream`, which nobody has connected yet, and what `say` makes of its status; do
    with each what `makers` make. A source that `waits` is held up when it is faster than the screen."""
    for pattern in view.selection.unmatched:
        screen.say(f'no event that this version knows is called "{pattern}": it may be misspelt')
    over = ReplaySubject[None](1)  # it may be over before anybody looks
    timer = threading.Timer(view.seconds or 0.0, over.on_next, [None])
    timer.daemon = True
    with stream:
        when_nobody_reads(stream.close)
        if view.seconds is not None:
            timer.start()
        actions = [Action(what, screen.say, stream.close) for what in makers or {}]
        for action, make in zip(actions, (makers or {}).values(), strict=True):
            action.begin(make, stream)
        try:
            _show(stream, view, screen, say, actions, over=over, waits=waits)
        except BrokenPipeError:
            return
        finally:
            timer.cancel()
            for action in actions:
                action.finish()
    for action in actions:
        if action.failure is not None:
            raise action.failure


def _show(
    stream: EventStream,
    view: View,
    screen: Screen,
    say: Callable[[Status], Text | None],
    actions: Sequence[Action],
    *,
    over: Observable[None],
    waits: bool,
) -> None:
    """One queue for events and status keeps them in order, and the thread that reads the socket from
    printing. What is in it when it is `over` is still shown."""
    shown, reached = 0, Reached()
    chosen = view.of(stream, titles=not waits)
    drops = Subject[Status]()
    news: reactivex.Observable[Any] = reactivex.merge(stream.status, drops, chosen)
    news = news.pipe(ops.take_until(over))
    items = to_iter(news, on_drop=lambda total: drops.on_next(Dropped(total)), waits=waits)
    if view.names_first or view.since is not None:  # what was comes all at once, sooner than names
        stream.names.wait(_NAMES)
    with suppress(StreamClosed):  # nobody reads any more, just now
        stream.connect()
    for item in items:
        if isinstance(item, Status):
            reached.note(item)
            if line := say(item):
                screen.say(line)
            if isinstance(item, Closed) and item.cause is None:
                return  # a recording is over, and nothing of it comes after that
            continue
        screen.show(view.line(item))
        for action in actions:
            action.put(item)
        shown += 1
        if shown == view.count:
            return
    reached.check(view.seconds)
