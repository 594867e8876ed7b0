"""``ctfy-rx scoreboard`` and ``ctfy-rx instance wait``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ctfy_rx.cli.instances import show_when_ready
from ctfy_rx.cli.options import PlatformUrl, Quiet, Seconds, TokenFile
from ctfy_rx.cli.program import EXIT_CODES, app, chosen_target, instances, reporting, told
from ctfy_rx.cli.scoreboards import Board, show_boards
from ctfy_rx.cli.screen import Screen, is_terminal

__all__ = ["scoreboard", "wait_for_instance"]


@instances.command("wait", epilog=EXIT_CODES)
def wait_for_instance(
    *,
    instance_id: Annotated[str, typer.Argument(metavar="ID", help="The id of an instance of your team.")],
    json: Annotated[
        bool, typer.Option("--json/--text", help="One JSON object, or host:port on a line for each service.")
    ] = False,
    platform_url: PlatformUrl = None,
    token_file: TokenFile = None,
    seconds: Annotated[
        float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Give up after that time.")
    ] = 600.0,
    quiet: Quiet = False,
) -> None:
    """Wait until an instance (box) is ready, and show where it listens.

    Example: nc $(ctfy-rx instance wait ID | tr : ' ')
    """
    screen = Screen(quiet=quiet)
    found = told(chosen_target(platform_url, token_file), screen)
    reporting(screen, lambda: show_when_ready(found, instance_id, screen, seconds=seconds, as_json=json))


@app.command("scoreboard", epilog=EXIT_CODES)
def scoreboard(
    *,
    competition: Annotated[
        str | None,
        typer.Option(
            "--competition", metavar="ID", show_default="the only one that runs", help="Whose board."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show it again whenever it has changed, until Ctrl-C.")
    ] = False,
    public: Annotated[
        bool, typer.Option("--public", help="As everybody sees it: no token, teams under their alias.")
    ] = False,
    top: Annotated[int, typer.Option("--top", min=1, metavar="N", help="In words, the first N teams.")] = 20,
    json: Annotated[
        bool | None,
        typer.Option(
            "--json/--text",
            show_default=False,
            help="A JSON object a line, or a table. Default: a table on a terminal, else JSON.",
        ),
    ] = None,
    platform_url: PlatformUrl = None,
    token_file: TokenFile = None,
    seconds: Seconds = None,
    quiet: Quiet = False,
) -> None:
    """Show the scoreboard of a contest.

    The platform itself computes it every 20 s at most.
    """
    screen = Screen(quiet=quiet)
    found = told(chosen_target(platform_url, token_file), screen)
    wanted = Board(
        competition=competition,
        public=public,
        follow=follow,
        top=top,
        json=not is_terminal(sys.stdout) if json is None else json,
        seconds=seconds,
    )
    reporting(screen, lambda: show_boards(found, wanted, screen))
