"""The options that the commands share: what they are called, and what their texts mean."""

from __future__ import annotations

import math
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from ctfy_rx.cli.selection import NAMED, Selection, selection
from ctfy_rx.errors import ConfigurationError

__all__ = ["All", "Count", "Filter", "Json", "PlatformUrl", "Quiet", "Seconds", "TokenFile", "token_in"]


def _selection(text: str) -> Selection:
    try:
        return selection(text)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise typer.BadParameter(f'"{text}" is no time: write seconds, like 30')
    return seconds


def token_in(file: str) -> str:
    """The token that `file` holds, ``-`` for a line of standard input.

    Raises `ConfigurationError` where there is none; its text leaves out the name of the file, which is the
    token itself where somebody took the option for that.
    """
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(f"--token-file cannot be read: {reason}") from None
    if not (token := text.strip()):
        raise ConfigurationError("--token-file holds no token: it is empty")
    if len(token.split()) > 1:
        raise ConfigurationError("--token-file holds more than a token: leave only that in it")
    return token


Filter = Annotated[
    Selection | None,
    typer.Option(
        "--filter",
        "-f",
        parser=_selection,
        metavar="NAMES",
        show_default=False,
        help=f"Only these, with commas between them: {', '.join(NAMED)}; an event's name, like "
        "achievement_unlocked; a pattern, like instance_*.",
    ),
]
Json = Annotated[
    bool | None,
    typer.Option(
        "--json/--text",
        show_default=False,
        help="A JSON object, or words and colours, on each line. Default: words on a terminal, else JSON.",
    ),
]
Seconds = Annotated[
    float | None,
    typer.Option(
        "--for", parser=_seconds, metavar="SECONDS", show_default=False, help="End after that time."
    ),
]
Count = Annotated[
    int | None,
    typer.Option(
        "--count", "-n", min=1, metavar="N", show_default=False, help="End after N events were shown."
    ),
]
All = Annotated[
    bool,
    typer.Option("--all", help="In words too, show meta_stats, node_status and scoreboard_updated."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing about the connection.")]
PlatformUrl = Annotated[
    str | None,
    typer.Option(
        "--platform-url",
        metavar="URL",
        show_default=False,
        help="The platform. Default: CTFY_PLATFORM_URL, else where `ctfy auth login` logged in last.",
    ),
]
TokenFile = Annotated[
    str | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        show_default=False,
        help="A file that holds the token, - for standard input. Default: CTFY_TOKEN where CTFY_PLATFORM_URL "
        "names the platform, else the login that was saved for it.",
    ),
]
