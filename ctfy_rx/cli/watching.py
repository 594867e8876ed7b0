"""The events of a stream on the screen, until somebody or something ends it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import reactivex

from ctfy_rx import Dropped, Event, EventStream, Status, events, to_iter
from ctfy_rx.cli.render import as_json, as_status, as_text
from ctfy_rx.cli.screen import Screen, when_nobody_reads
from ctfy_rx.cli.selection import COUNTERS, Selection
from ctfy_rx.cli.settings import Target

__all__ = ["View", "watch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What to show, how, and for how long: `seconds` and `count` are None where there is no end."""

    selection: Selection
    json: bool
    everything: bool = False
    seconds: float | None = None
    count: int | None = None

    def shows(self, event: Event[Any]) -> bool:
        """Whether `event` is shown: the counters tell people little, unless they ask for them."""
        return self.json or self.everything or bool(self.selection) or event.event not in COUNTERS

    def line(self, event: Event[Any]) -> Any:
        """`event` as this view shows it."""
        return as_json(event) if self.json else as_text(event)


def watch(target: Target, view: View, screen: Screen) -> None:
    """Show the events of `target` until `view` has enough of them, or nobody reads them any more.

    Raises what the stream fails with, and `OutputError` where the output cannot be written.
    """
    for pattern in view.selection.unmatched:
        screen.say(f'no event that this version knows is called "{pattern}": it may be misspelt')
    # The token, even where there is none, is the one that was chosen: nothing is left for the environment.
    stream = events(target.url, token=target.token or "", autoconnect=False)
    timer = threading.Timer(view.seconds or 0.0, stream.close)
    timer.daemon = True
    with stream:
        when_nobody_reads(stream.close)
        if view.seconds is not None:
            timer.start()
        try:
            _show(stream, target, view, screen)
        except BrokenPipeError:
            return
        finally:
            timer.cancel()


def _show(stream: EventStream, target: Target, view: View, screen: Screen) -> None:
    """One queue for events and status keeps them in order, and the thread that reads the socket from
    printing."""
    shown = 0
    news: reactivex.Observable[Any] = reactivex.merge(
        stream.status, view.selection.of(stream).filter(view.shows)
    )
    items = to_iter(news, on_drop=lambda total: stream.status.emit(Dropped(total)))
    stream.connect()
    for item in items:
        if isinstance(item, Status):
            if line := as_status(item, target.address):
                screen.say(line)
            continue
        screen.show(view.line(item))
        shown += 1
        if shown == view.count:
            return
