"""What each view makes of what comes: pure, without a notebook."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import NamedTuple

import pytest

from ctfy_rx import Burst, Event, Scoreboard, Standing
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.notebook import EventRate, HeatMap, LastItems, ScoreRace, ScoreWall
from ctfy_rx.testing import MOMENT, event

HOSTILE = "<img src=x onerror=alert(1)>\u202e\x1b[2J"


def answer(team: str, challenge: str, *, second: int = 0, flag: str | None = "flag", done: bool = True):
    """A right answer, or, without a flag, a wrong one."""
    about = {"team": team, "at": MOMENT + timedelta(seconds=second), "challenge_id": challenge}
    if flag is None:
        return event("flag_wrong", **about, actor_name="Ada")
    return event("flag_correct", **about, flag_id=flag, challenge_fully_solved=done, actor_name="Ada")


def filled(view, *items):
    for item in items:
        view.add(item)
    return view


def text_of(html: str) -> list[str]:
    """The texts of the cells."""
    return [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[dh].*?</t[dh]>", html)]


def test_the_last_items_are_on_top_and_no_more_than_asked_for():
    view = filled(LastItems(rows=2, zone=UTC), *(answer(team, "pwn") for team in ("Red", "Blue", "Green")))
    assert str(view.grid()) == "12:00:00  ✔ Ada (Green) solved pwn\n12:00:00  ✔ Ada (Blue) solved pwn"


def test_events_that_only_count_are_shown_while_no_other_came():
    view = filled(LastItems(zone=UTC), event("scoreboard_updated"))
    assert "scoreboard" in str(view.grid())
    filled(view, answer("Red", "pwn"), event("scoreboard_updated"))
    assert str(view.grid()) == "12:00:00  ✔ Ada (Red) solved pwn"


class Pair(NamedTuple):
    team: str
    flags: int


@dataclass
class Score:
    team: str
    flags: int


@pytest.mark.parametrize("item", [{"team": "Red", "flags": 3}, Pair("Red", 3), Score("Red", 3)])
def test_what_has_fields_has_columns(item):
    grid = filled(LastItems(zone=UTC, clock=lambda: MOMENT), item).grid()
    assert (list(grid.columns), grid.rows) == (["time", "team", "flags"], [["12:00:00", "Red", "3"]])


def test_single_values_and_items_with_other_fields_share_a_table():
    view = LastItems(zone=UTC, clock=lambda: MOMENT)
    grid = filled(view, {"a": 1}, {"b": 2.345678}, "alone").grid()
    assert list(grid.columns) == ["time", "b", "a"]
    assert [row[1:] for row in grid.rows] == [["alone", ""], ["2.346", ""], ["", "1"]]


@pytest.mark.parametrize("view", [LastItems(), ScoreRace(), HeatMap()], ids=["items", "race", "heat"])
def test_what_strangers_wrote_is_escaped(view):
    html = filled(view, answer(HOSTILE, HOSTILE), answer(HOSTILE, HOSTILE, flag=None)).html()
    assert "<img" not in html
    assert "&lt;img" in html
    assert "\u202e" not in html
    assert "\x1b" not in html


@pytest.mark.parametrize("item", [{HOSTILE: HOSTILE}, HOSTILE, [HOSTILE]], ids=["mapping", "text", "list"])
def test_other_items_are_escaped_too(item):
    html = filled(LastItems(), item).html()
    assert "<img" not in html
    assert "&lt;img" in html


WRONG = Event("flag_wrong", '{"actor_name": "Ada", "challenge_id": "pwn", "ip": "10.0.0.7"}')


@pytest.mark.parametrize(
    "item",
    [
        Burst("Red", (WRONG, WRONG)),
        {"team": "Red", "events": [WRONG]},
        [WRONG],
        (1, (WRONG, {"deep": [WRONG]})),
        {"events": {WRONG}},
        [Burst("Red", (WRONG,))],
        {"by": {"team": {WRONG: 1}}},
        {"kept": deque([WRONG]), "by": OrderedDict(team=WRONG).values()},
        Score("Red", WRONG),
    ],
    ids=["burst", "field", "list", "nested", "set", "bursts", "key", "deque", "dataclass"],
)
def test_events_within_items_are_sentences_without_addresses(item):
    view = filled(LastItems(zone=UTC), item)
    for shown in (str(view.grid()), view.html()):
        assert "Ada gave a wrong answer to pwn" in shown
        assert "10.0.0.7" not in shown
        assert "Event" not in shown


def test_many_events_within_an_item_are_cut_short():
    [[_, _, shown]] = filled(LastItems(zone=UTC), Burst("Red", (WRONG,) * 10_000)).grid().rows
    assert shown.startswith("(✘ Ada gave a wrong answer to pwn, ✘ Ada")
    assert len(shown) == 200


def test_of_what_shows_events_in_its_own_way_only_the_kind_is_shown():
    assert (
        str(filled(LastItems(zone=UTC, clock=lambda: MOMENT), ValueError(WRONG)).grid())
        == "12:00:00  ValueError"
    )


def test_an_item_that_holds_itself_is_shown():
    item: list[object] = [WRONG]
    item.append(item)
    assert "Ada" in str(filled(LastItems(zone=UTC), item).grid())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (["a", 1], "['a', 1]"),
        ((1,), "(1,)"),
        ({"n": [1.23456]}, "{'n': [1.23456]}"),
        (None, "None"),
        ([], "[]"),
    ],
)
def test_values_without_events_are_shown_as_python_does(value, shown):
    [[*_, cell]] = filled(LastItems(zone=UTC), {"value": value}).grid().rows
    assert cell == shown


@pytest.mark.parametrize("view", [LastItems(), ScoreRace(), HeatMap(), EventRate()])
def test_a_view_of_nothing_says_so(view):
    assert view.html()
    assert str(view.grid()) is not None


def test_the_race_counts_each_flag_of_a_team_once():
    view = filled(
        ScoreRace(),
        answer("Red", "pwn", second=10),
        answer("Red", "pwn", second=20),
        answer("Red", "web", second=30, flag="user", done=False),
        answer("Blue", "pwn", second=40),
        answer("Green", "pwn", flag=None),
    )
    assert view.grid().rows == [["1", "Red", "2", "20 s"], ["2", "Blue", "1", "30 s"]]


def test_of_two_teams_with_as_many_flags_the_earlier_one_leads():
    view = filled(ScoreRace(), answer("Red", "a", second=9), answer("Blue", "a", second=5))
    assert [row[1] for row in view.grid().rows] == ["Blue", "Red"]


def test_the_race_shows_the_best_and_counts_the_others():
    view = filled(ScoreRace(teams=1), answer("Red", "a"), answer("Red", "b"), answer("Blue", "a"))
    html = view.html()
    assert html.count("<path") == 1
    assert "and 1 more" in html


def test_the_lines_of_the_race_end_at_the_last_answer():
    html = filled(ScoreRace(), answer("Red", "a", second=0), answer("Blue", "a", second=10, flag=None)).html()
    assert re.search(r'd="M30\.0 238\.0H30\.0V8\.0H520\.0"', html)


def test_the_heat_map_marks_first_blood_solves_halves_and_guesses():
    view = filled(
        HeatMap(),
        answer("Red", "pwn", flag=None),
        answer("Red", "pwn", flag="user", done=False),
        answer("Blue", "pwn", flag="user", done=False),
        answer("Blue", "pwn", flag="root"),
        answer("Green", "pwn", flag="user", done=False),
        answer("Green", "pwn", flag=None),
        answer("White", "pwn", flag=None),
        answer("White", "pwn", flag=None),
    )
    assert text_of(view.html()) == [
        *("challenge", "Blue", "Red", "Green", "White", "solves", "wrong", "first blood"),
        *("pwn", "✔", "★ 1✘", "◐ 1✘", "2✘", "1", "4", "Red"),
    ]
    assert view.grid().rows == [["pwn", "1", "4", "Red"]]


def test_the_heat_map_sums_up_the_teams_that_have_no_column():
    view = filled(HeatMap(teams=1), answer("Red", "a"), answer("Blue", "a"), answer("Blue", "b"))
    assert text_of(view.html())[:2] == ["challenge", "Blue"]
    assert view.grid().rows[0] == ["a", "2", "0", "Red"]


def test_where_no_team_is_known_the_player_stands_for_it():
    frames = [event("flag_correct", actor_id="7", actor_name="Ada", challenge_id="pwn", flag_id="flag")] * 2
    assert filled(ScoreRace(), *frames).grid().rows == [["1", "Ada", "1", "0 s"]]


def test_the_rate_counts_by_seconds_and_forgets_the_oldest():
    now = [10.0]
    view = EventRate(seconds=3, clock=lambda: now[0])
    for moment in (10.1, 10.9, 11.5, 14.0):
        now[0] = moment
        view.add("item")
    assert view.grid().rows == [["1", "0", "1", "0"]]
    now[0] = 1000.0
    assert view.grid().rows == [["0", "0", "0", "0"]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: LastItems(rows=0),
        lambda: ScoreRace(teams=0),
        lambda: HeatMap(teams=0),
        lambda: EventRate(seconds=0),
        lambda: ScoreWall(teams=0),
    ],
)
def test_a_view_of_no_size_is_refused(make):
    with pytest.raises(ConfigurationError):
        make()


def test_a_view_stays_as_large_however_many_items_come():
    views = [LastItems(), EventRate()]
    for number in range(10_000):
        for view in views:
            view.add(number)
    assert len(views[0].grid().rows) == 10
    assert views[1].html().count("<rect") <= 60


def board(*scores: tuple[str, int]) -> Scoreboard:
    """A board with these teams in this order."""
    standings = (
        Standing(rank=place, team_id=team, team_name=team, score=score, solved=score, flags_solved=score)
        for place, (team, score) in enumerate(scores, 1)
    )
    return Scoreboard("final", tuple(standings), MOMENT)


def test_the_wall_shows_the_newest_board_and_who_moved():
    wall = filled(ScoreWall(), board(("Red", 3), ("Blue", 1)), board(("Blue", 6), ("Red", 3), ("Green", 1)))
    assert [row[:3] for row in wall.grid().rows] == [
        ["1", "Blue", "6"],
        ["2", "Red", "3"],
        ["3", "Green", "1"],
    ]
    cells = text_of(wall.html())[7:]
    assert cells[0:2] == ["1", "▲1"]
    assert cells[7:9] == ["2", "▼1"]
    assert cells[14:16] == ["3", ""]


def test_the_bars_of_the_wall_are_as_long_as_the_points():
    html = filled(ScoreWall(), board(("Red", 4), ("Blue", 1), ("Green", 0))).html()
    assert re.findall(r"width:([\d.]+)em", html) == ["18.00", "4.50", "0.00"]


def test_the_wall_shows_the_best_and_counts_the_others_and_passes_over_what_is_no_board():
    wall = filled(ScoreWall(teams=1), board(("<b>Red", 4), ("Blue", 1)), "no board", answer("Red", "pwn"))
    html = wall.html()
    assert "&lt;b&gt;Red" in html
    assert "Blue" not in html
    assert "and 1 more" in html
    assert "there is no board yet" in ScoreWall().html()
