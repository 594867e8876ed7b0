"""The score race: how many flags each team has found, over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from typing_extensions import override

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.notebook.tally import Tally, Team
from ctfy_rx.notebook.view import Grid, View
from ctfy_rx.text.html import Html, element, table
from ctfy_rx.wording import duration

__all__ = ["ScoreRace"]

_PALETTE = (
    "#4c8dd6", "#e07b39", "#3fa66b", "#c85a9b", "#8a76d6", "#b8962e", "#2fa6a6", "#d65a5a", "#7f9a3c",
    "#8d8d8d",
)  # fmt: skip
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 520.0, 260.0, 30.0, 22.0, 8.0
_GRID_LINES = 5


class ScoreRace(View):
    """The `teams` best, each a line that climbs with each flag.

    A flag counts once for each team (see `operators.solves`), and each as much as any other: points are on
    the platform's scoreboard, and in no event.
    """

    def __init__(self, *, teams: int = 10) -> None:
        if teams < 1:
            raise ConfigurationError(f"a race needs 1 team or more, not {teams}")
        self._tally = Tally()
        self._most = teams

    @override
    def add(self, item: Any) -> None:
        self._tally.add(item)

    @override
    def grid(self) -> Grid:
        rows = [
            [str(place), team.name, str(len(team.found)), self._since_the_start(team)]
            for place, (_, team) in enumerate(self._shown(), 1)
        ]
        return Grid(["#", "team", "flags", "last after"], rows)

    @override
    def html(self) -> Html:
        shown = self._shown()
        if not shown:
            return element("div", "nobody has found a flag yet", class_="dim")
        rows = [
            [
                element("td", str(place), class_="number"),
                _name(team),
                element("td", str(len(team.found)), class_="number"),
                element("td", self._since_the_start(team), class_="number time"),
            ]
            for place, (_, team) in enumerate(shown, 1)
        ]
        others = sum(bool(team.found) for team in self._tally.teams.values()) - len(shown)
        more = element("div", f"and {others} more", class_="dim") if others else ""
        ranks = element("div", table(["", "team", "flags", "last after"], rows, class_="ranks"), more)
        return element("div", self._chart([team for _, team in shown]), ranks, class_="aside")

    def _shown(self) -> list[tuple[str, Team]]:
        return [entry for entry in self._tally.ranking() if entry[1].found][: self._most]

    def _since_the_start(self, team: Team) -> str:
        begin = self._tally.begin
        return duration((team.found[-1] - begin).total_seconds()) if begin else ""

    def _chart(self, teams: list[Team]) -> Html:
        begin, end = self._tally.begin, self._tally.end
        if begin is None or end is None:
            return Html()
        seconds = max((end - begin).total_seconds(), 1.0)
        top = max(len(team.found) for team in teams)

        def x(at: datetime) -> float:
            return _LEFT + (_WIDTH - _LEFT) * (at - begin).total_seconds() / seconds

        def y(count: int) -> float:
            return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * count / top

        lines = [_line(team, x, y, end) for team in reversed(teams)]  # the leader is drawn over the others
        return element(
            "svg",
            element("title", f"flags found by {len(teams)} teams"),
            *_scale(top, y),
            _label(_LEFT, _HEIGHT - 5, "0 s", "start"),
            _label(_WIDTH, _HEIGHT - 5, duration(seconds), "end"),
            *lines,
            viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
            width=f"{_WIDTH:.0f}",
            height=f"{_HEIGHT:.0f}",
            role="img",
        )


def _name(team: Team) -> Html:
    """The cell with the team's colour and name."""
    return element("td", element("span", "● ", style=f"color:{_colour(team)}"), team.name)


def _line(team: Team, x: Any, y: Any, end: datetime) -> Html:
    steps = [f"M{_LEFT:.1f} {y(0):.1f}"]
    steps += [f"H{x(at):.1f}V{y(count):.1f}" for count, at in enumerate(team.found, 1)]
    path = "".join([*steps, f"H{x(end):.1f}"])
    return element(
        "path", d=path, fill="none", stroke=_colour(team), stroke_width="2.2", stroke_linejoin="round"
    )


def _scale(top: int, y: Any) -> list[Html]:
    step = max(1, round(top / _GRID_LINES))
    parts: list[Html] = []
    for count in range(0, top + 1, step):
        height = f"{y(count):.1f}"
        parts.append(
            element(
                "line",
                x1=f"{_LEFT}",
                x2=f"{_WIDTH}",
                y1=height,
                y2=height,
                stroke="currentColor",
                stroke_opacity="0.15",
            )
        )
        parts.append(_label(_LEFT - 6, y(count) + 4, str(count), "end"))
    return parts


def _label(x: float, y: float, text: str, anchor: str) -> Html:
    return element(
        "text",
        text,
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        text_anchor=anchor,
        font_size="11",
        fill="currentColor",
        fill_opacity="0.65",
    )


def _colour(team: Team) -> str:
    return _PALETTE[team.number % len(_PALETTE)]
