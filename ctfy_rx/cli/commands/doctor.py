"""``ctfy-rx doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from ctfy_rx.cli.checks import Limits
from ctfy_rx.cli.doctor import doctor
from ctfy_rx.cli.options import PlatformUrl, TokenFile
from ctfy_rx.cli.program import app, chosen_target, reporting
from ctfy_rx.cli.screen import Screen

__all__ = ["examine_platform"]

_CODES = "Exit codes: 0 no check has failed, 1 one has, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM."


@app.command("doctor", epilog=_CODES)
def examine_platform(
    *,
    json: Annotated[
        bool, typer.Option("--json/--text", help="One JSON object at the end, or a line for each check.")
    ] = False,
    platform_url: PlatformUrl = None,
    token_file: TokenFile = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not wait for the keepalive, which may take 40 s.")
    ] = False,
) -> None:
    """Find out why no events come, or why they come late.

    Looks at the URL, the platform, the token, the activity log, the stream, the proxies in between and the
    clock. Changes nothing, and shows no token: its output can be given to others.
    """
    found = chosen_target(platform_url, token_file)
    limits = Limits(keepalive=None) if quick else Limits()
    screen = Screen()
    reporting(screen, lambda: _exit_unless(doctor(found, screen, limits=limits, as_json=json)))


def _exit_unless(well: bool) -> None:
    if not well:
        raise typer.Exit(1)
