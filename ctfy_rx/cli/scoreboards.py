"""Scoreboards on the screen."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import tzinfo

import msgspec
from rich.text import Text

from ctfy_rx import Scoreboard, Standing, events, to_iter
from ctfy_rx.cli.reached import Reached
from ctfy_rx.cli.screen import Screen, when_nobody_reads
from ctfy_rx.cli.settings import Target
from ctfy_rx.text.printable import json_safe, plain, short

__all__ = ["Board", "show_boards", "table"]

_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Which board to show, how, and for how long: `seconds` is None where there is no end."""

    competition: str | None
    public: bool
    follow: bool
    top: int
    json: bool
    seconds: float | None = None


def show_boards(target: Target, wanted: Board, screen: Screen) -> None:
    """Show the board, again and again if it is to be followed.

    Raises what `EventStream.scoreboard` fails with, and `OutputError` where the output cannot be written.
    """
    token = "" if wanted.public else target.token or ""
    stream = events(target.url, token=token, competition=wanted.competition, anonymous_ok=True)
    reached, shown = Reached(), False
    stream.status.subscribe(reached.note)
    timer = threading.Timer(wanted.seconds or 0.0, stream.close)
    timer.daemon = True
    with stream:
        when_nobody_reads(stream.close)
        if wanted.seconds is not None:
            timer.start()
        try:
            for board in to_iter(stream.scoreboard(public=wanted.public)):
                screen.show(
                    json_safe(msgspec.json.encode(board).decode())
                    if wanted.json
                    else table(board, wanted.top)
                )
                if not wanted.follow:
                    return
                shown = True
        except BrokenPipeError:
            return
        finally:
            timer.cancel()
    if not shown:
        reached.check(wanted.seconds)


def table(board: Scoreboard, top: int, zone: tzinfo | None = None) -> Text:
    """`board` as lines for people, its first `top` teams, its time in `zone` (None: where this computer is).

    >>> from datetime import UTC, datetime
    >>> red = Standing(rank=1, team_id="7", team_name="Red", score=300, solved=2, flags_solved=3)
    >>> print(table(Scoreboard("final", (red,), datetime(2026, 1, 1, tzinfo=UTC)), 20, UTC))
    final at 00:00:00, 1 team
       1  Red     300    2 solved
    """
    shown = board.standings[:top]
    count = len(board.standings)
    width = max((len(_name(each)) for each in shown), default=0)
    lines = Text(f"{plain(board.competition_id)} at {board.fetched_at.astimezone(zone):%H:%M:%S}, ", "bold")
    lines.append(f"{count} team{'' if count == 1 else 's'}")
    for each in shown:
        lines.append(f"\n{each.rank:>4}  {_name(each):<{width}}  {each.score:>6}  {each.solved:>3} solved")
    return lines


def _name(standing: Standing) -> str:
    return short(standing.team_name or standing.team_id, _LONGEST_NAME)
