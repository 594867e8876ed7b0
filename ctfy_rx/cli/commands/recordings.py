"""``ctfy-rx record`` and ``ctfy-rx replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ctfy_rx.cli.options import (
    All,
    Beginning,
    Count,
    Filter,
    From,
    Json,
    Live,
    PlatformUrl,
    Quiet,
    Seconds,
    Speed,
    TokenFile,
    Until,
)
from ctfy_rx.cli.program import EXIT_CODES, app, chosen_target, reporting, told
from ctfy_rx.cli.recordings import Play, Take, play, record
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.values import as_selection
from ctfy_rx.cli.watching import View

__all__ = ["record_platform", "replay_recording"]


@app.command("record", epilog=EXIT_CODES)
def record_platform(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Compressed where it ends in .gz or .zst.", show_default=False),
    ],
    *,
    platform_url: PlatformUrl = None,
    token_file: TokenFile = None,
    since: Beginning = None,
    live: Live = False,
    seconds: Seconds = None,
    fsync: Annotated[
        bool, typer.Option("--fsync", help="Each second, wait until the disk has what came in it.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Record the events of a platform into a file, with names, until Ctrl-C.

    One JSON object a line, as docs/recording.md says. A FILE that is there is gone on with: what the
    platform's log got since is fetched from there first.

    Example: ctfy-rx record day1.jsonl.gz, and then: ctfy-rx replay day1.jsonl.gz --speed 60
    """
    screen = Screen(quiet=quiet)
    if live and since:
        raise typer.BadParameter("--since reads the activity log: leave --live away")
    found = told(chosen_target(platform_url, token_file), screen)
    take = Take(
        file=file,
        seconds=seconds,
        since=since.since if since else None,
        log=False if live else "auto",
        fsync=fsync,
    )
    reporting(screen, lambda: record(found, take, screen))


@app.command("replay", epilog=EXIT_CODES)
def replay_recording(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording.", show_default=False)],
    *,
    names: Filter = None,
    json: Json = None,
    speed: Speed = None,
    since: From = None,
    until: Until = None,
    seconds: Seconds = None,
    count: Count = None,
    everything: All = False,
    quiet: Quiet = False,
) -> None:
    """Show the events of a recording as they happened.

    Example: ctfy-rx replay day1.jsonl --speed max --filter solves --json | jq -r .team_name
    """
    screen = Screen(quiet=quiet)
    chosen = as_selection(names)
    view = View.chosen(chosen, json=json, everything=everything, seconds=seconds, count=count)
    what = Play(file=file, speed=speed.speed if speed else 1.0, since=since, until=until)
    reporting(screen, lambda: play(what, view, screen))
