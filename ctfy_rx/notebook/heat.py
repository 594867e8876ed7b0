"""The heat map of the challenges: who solved which, who guessed where, who was first."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.notebook.tally import Attempts, Tally, Team
from ctfy_rx.notebook.view import Grid, View
from ctfy_rx.text.html import Html, element, table

__all__ = ["HeatMap"]

_HOTTEST = 6  # wrong answers: more of them look the same
_GREEN, _RED, _GOLD = "46,158,85", "217,83,79", "218,165,32"
_Challenge = tuple[str | None, str]


class HeatMap(View):
    """A row for each challenge, a column for each team: ★ first blood, ✔ solved, ◐ some of its flags, and the
    number of wrong answers, the redder the more.

    The `teams` with the most flags have columns, and the `challenges` with the most answers rows; the sums
    count all teams.
    """

    def __init__(self, *, teams: int = 16, challenges: int = 30) -> None:
        if teams < 1 or challenges < 1:
            raise ConfigurationError("a heat map needs at least one team and one challenge")
        self._tally = Tally()
        self._teams = teams
        self._challenges = challenges

    @override
    def add(self, item: Any) -> None:
        self._tally.add(item)

    @override
    def grid(self) -> Grid:
        rows = [
            [name, str(sum(it.solved for it in tried.values())), str(_wrong(tried)), self._first(tried)]
            for name, tried in self._rows()
        ]
        return Grid(["challenge", "solves", "wrong", "first blood"], rows)

    @override
    def html(self) -> Html:
        teams = self._tally.ranking()[: self._teams]
        if not teams:
            return element("div", "nobody has given an answer yet", class_="dim")
        named = [element("th", team.name, class_="upright") for _, team in teams]
        rows = [
            [
                name,
                *(_tile(tried.get(team)) for team, _ in teams),
                element("td", str(sum(it.solved for it in tried.values())), class_="number"),
                element("td", str(_wrong(tried)), class_="number"),
                self._first(tried),
            ]
            for name, tried in self._rows()
        ]
        sums = [element("th", word, class_="number") for word in ("solves", "wrong")]
        return table(["challenge", *named, *sums, "first blood"], rows, class_="heat")

    def _rows(self) -> list[tuple[str, dict[str, Attempts]]]:
        """Each challenge with the attempts of the teams: the most solved first."""
        tried: dict[_Challenge, dict[str, Attempts]] = {}
        for (challenge, team), attempts in self._tally.attempts.items():
            tried.setdefault(challenge, {})[team] = attempts
        most = sorted(tried, key=lambda challenge: -len(tried[challenge]))[: self._challenges]
        most.sort(key=lambda challenge: (-sum(it.solved for it in tried[challenge].values()), challenge[1]))
        return [(self._tally.challenges[challenge], tried[challenge]) for challenge in most]

    def _first(self, tried: dict[str, Attempts]) -> str:
        firsts = (team for team, attempts in tried.items() if attempts.first)
        team: Team | None = next((self._tally.teams[team] for team in firsts), None)
        return team.name if team else ""


def _wrong(tried: dict[str, Attempts]) -> int:
    return sum(attempts.wrong for attempts in tried.values())


def _tile(attempts: Attempts | None) -> Html:
    if attempts is None:
        return element("td", "", class_="tile")
    wrong = f"{attempts.wrong}✘" if attempts.wrong else ""
    mark = "★" if attempts.first else "✔" if attempts.solved else "◐" if attempts.flags else ""
    if mark:
        colour = _GOLD if attempts.first else _GREEN
        shade = 0.45 if attempts.solved else 0.2
    else:
        colour, shade = _RED, 0.12 + 0.4 * min(attempts.wrong, _HOTTEST) / _HOTTEST
    shown = " ".join(part for part in (mark, wrong) if part)
    return element("td", shown, class_="tile", style=f"background:rgba({colour},{shade:.2f})")
