"""The score wall: the platform's own scoreboard, each team with a bar, to be put on a big screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, ClassVar, Protocol, runtime_checkable

from typing_extensions import override

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.notebook.view import Grid, View
from ctfy_rx.text.html import Html, element, table

__all__ = ["Board", "Ranked", "ScoreWall"]

_MEDALS = {1: "#d4a017", 2: "#8d99a6", 3: "#b0713a"}
_BAR = "#4c8dd6"
_WIDEST = 18.0  # em


class Ranked(Protocol):
    """A team on the board, such as `ctfy_rx.Standing`."""

    @property
    def rank(self) -> int: ...  # noqa: D102 - as its name says, and the others
    @property
    def team_id(self) -> str: ...  # noqa: D102
    @property
    def team_name(self) -> str: ...  # noqa: D102
    @property
    def score(self) -> int: ...  # noqa: D102
    @property
    def solved(self) -> int: ...  # noqa: D102
    @property
    def last_solve_at(self) -> datetime | None: ...  # noqa: D102


@runtime_checkable
class Board(Protocol):
    """A board, such as `ctfy_rx.Scoreboard`."""

    @property
    def standings(self) -> Sequence[Ranked]:
        """The teams, the best first."""
        ...


class ScoreWall(View):
    """The `teams` best of the newest board, each with its points, and how its rank has changed since the
    board before. Items that are no boards are passed over. Times are shown in `zone` (None: where this
    computer is)."""

    things: ClassVar[str] = "board"

    def __init__(self, *, teams: int = 20, zone: tzinfo | None = None) -> None:
        if teams < 1:
            raise ConfigurationError(f"a score wall needs 1 team or more, not {teams}")
        self._teams = teams
        self._zone = zone
        self._places: Sequence[Ranked] = ()
        self._before: dict[str, int] = {}

    @override
    def add(self, item: Any) -> None:
        if isinstance(item, Board):
            self._before = {place.team_id: place.rank for place in self._places}
            self._places = item.standings

    @override
    def grid(self) -> Grid:
        rows = [
            [str(place.rank), place.team_name, str(place.score), str(place.solved), self._time(place)]
            for place in self._places[: self._teams]
        ]
        return Grid(["#", "team", "points", "solved", "last solve"], rows)

    @override
    def html(self) -> Html:
        if not self._places:
            return element("div", "there is no board yet", class_="dim")
        best = max(*(place.score for place in self._places), 1)
        rows = [self._row(place, best) for place in self._places[: self._teams]]
        more = len(self._places) - self._teams
        others = element("div", f"and {more} more", class_="dim") if more > 0 else ""
        wall = table(["", "", "team", "points", "", "solved", "last solve"], rows, class_="wall")
        return element("div", wall, others)

    def _row(self, place: Ranked, best: int) -> list[str]:
        medal = f"font-weight:700;color:{_MEDALS[place.rank]}" if place.rank in _MEDALS else ""
        width = f"{_WIDEST * max(place.score, 0) / best:.2f}em"
        bar = element("div", style=f"background:{_BAR};width:{width};height:.8em;border-radius:2px")
        return [
            element("td", str(place.rank), class_="number", style=medal),
            self._moved(place),
            element("td", place.team_name, style="font-weight:600"),
            element("td", str(place.score), class_="number"),
            element("td", bar),
            element("td", str(place.solved), class_="number"),
            element("td", self._time(place), class_="number time"),
        ]

    def _moved(self, place: Ranked) -> Html:
        up = self._before.get(place.team_id, place.rank) - place.rank
        if not up:
            return element("td", "")
        mark, colour = ("▲", "#2e9e55") if up > 0 else ("▼", "#d9534f")
        return element("td", f"{mark}{abs(up)}", style=f"color:{colour}")

    def _time(self, place: Ranked) -> str:
        return f"{place.last_solve_at.astimezone(self._zone):%H:%M:%S}" if place.last_solve_at else ""
