"""`live`: an Observable on the screen, in a cell or on a terminal."""

from __future__ import annotations

from typing import Any, Literal

from reactivex import Observable

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.notebook.cells import Cell, kernel_shell
from ctfy_rx.notebook.heat import HeatMap
from ctfy_rx.notebook.items import LastItems
from ctfy_rx.notebook.painting import LiveView
from ctfy_rx.notebook.race import ScoreRace
from ctfy_rx.notebook.rate import EventRate
from ctfy_rx.notebook.terminal import Terminal
from ctfy_rx.notebook.view import View

__all__ = ["ViewName", "live"]

ViewName = Literal["items", "race", "heat", "rate"]
"""The views that have a name: the last items, the score race, the heat map of the challenges, the event
rate."""

_NAMED: dict[str, type[View]] = {"race": ScoreRace, "heat": HeatMap, "rate": EventRate}


def live(source: Observable[Any], view: ViewName | View = "items", *, rows: int = 10) -> LiveView:
    """Show `source` where this is called, and go on showing it as it changes.

    In a notebook it stays in its cell and is updated there while other cells run, at most five times a second
    and only when something has changed. It ends with its source, by `LiveView.stop`, when its cell runs again
    or is interrupted, and with the kernel; what it showed last is kept, also in the file. On a terminal it
    blocks until its source ends or Ctrl-C.

    `view` is the last items, `rows` of them, or another by its name, or a `View` of your own:

    - ``"items"``: events as sentences, all else by its fields;
    - ``"race"``: how many flags each team has found, over time;
    - ``"heat"``: challenges and teams: who solved which, who guessed, who was first;
    - ``"rate"``: how many come in a second.

    Raises `ConfigurationError` for a view that does not exist, and on a terminal where it would block the
    event loop that reads the stream; `MissingExtra` on a terminal without rich.
    """
    shown = _view(view, rows)
    shell = kernel_shell()
    if shell is not None:
        return LiveView(source, shown, Cell(shell))
    watched = LiveView(source, shown, Terminal())
    try:
        watched.wait()
    except KeyboardInterrupt:
        return watched  # as asked: it has stopped
    except ConfigurationError:
        watched.stop()
        raise
    return watched


def _view(view: ViewName | View, rows: int) -> View:
    if isinstance(view, View):
        return view
    if view == "items":
        return LastItems(rows=rows)
    if view not in _NAMED:
        names = ", ".join(f'"{name}"' for name in ("items", *_NAMED))
        raise ConfigurationError(f'there is no view "{view}": there are {names}, or a View of your own')
    return _NAMED[view]()
