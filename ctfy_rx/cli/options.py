"""The options that the commands share: what they are called, and what their texts mean."""

from __future__ import annotations

import math
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from ctfy_rx.cli.filters import NAMED, Selection, selection
from ctfy_rx.cli.relaying import Place
from ctfy_rx.cli.template import Template
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.platform.since import Since, checked

__all__ = [
    "Age",
    "All",
    "Beginning",
    "Command",
    "Competition",
    "Count",
    "Filter",
    "From",
    "Json",
    "Live",
    "Pace",
    "PlatformUrl",
    "Quiet",
    "Seconds",
    "ServedAt",
    "Speed",
    "TokenFile",
    "Until",
    "WebhookAs",
    "WebhookPrivate",
    "WebhookUrl",
    "When",
    "Window",
    "token_in",
]


_PORTS = 65536
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


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


class When(NamedTuple):
    """Where to begin; a class of its own, for typer takes no union."""

    since: Since


def _when(text: str) -> When:
    number, unit = text[:-1], text[-1:]
    try:
        if unit in _UNITS and number:
            return When(float(number) * _UNITS[unit])
        if text == "start" or "@" in text:
            checked(text)
            return When(text)
        return When(datetime.fromisoformat(text))
    except ValueError:
        raise typer.BadParameter(
            f'"{text}" is no beginning: write 10m, 2h, 3d, 2026-05-01T18:00, start, or the cursor of an event'
        ) from None


def _template(text: str) -> Template:
    try:
        return Template(text)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None


class Pace(NamedTuple):
    """How many times as fast as it was, None: as fast as possible; a class of its own, as `When` is."""

    speed: float | None


def _pace(text: str) -> Pace:
    if text == "max":
        return Pace(None)
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed < math.inf:
        raise typer.BadParameter(f'"{text}" is no speed: write how many times as fast, like 10, or max')
    return Pace(speed)


def _at(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f'"{text}" is no time: write it like 2026-05-01T18:00') from None


def _duration(text: str) -> float:
    number, unit = text[:-1], text[-1:]
    try:
        seconds = float(number) * _UNITS[unit] if unit in _UNITS else float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise typer.BadParameter(f'"{text}" is no duration: write 30m, 2h, 3d')
    return seconds


def _place(text: str) -> Place:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) < _PORTS:
        raise typer.BadParameter(f'"{text}" is no place to listen: write 127.0.0.1:9000, or a port')
    return Place(host.strip("[]") or "127.0.0.1", int(port))


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
        "achievement_unlocked; a pattern, like instance_*. An event that several of them give comes once, "
        "an announcement with its words.",
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
Beginning = Annotated[
    When | None,
    typer.Option(
        "--since",
        parser=_when,
        metavar="WHEN",
        show_default=False,
        help="Begin earlier, from the activity log: 10m, 2h, 3d ago, a time like 2026-05-01T18:00, start, or "
        "the cursor of an event.",
    ),
]
Live = Annotated[
    bool,
    typer.Option("--live", help="Do not read the activity log: what is sent while away is lost."),
]
Competition = Annotated[
    str | None,
    typer.Option(
        "--competition", metavar="ID", show_default=False, help="Only this contest, and what belongs to none."
    ),
]
Command = Annotated[
    Template | None,
    typer.Option(
        "--exec",
        parser=_template,
        metavar="COMMAND",
        show_default=False,
        help="Run this for each event, without a shell: 'notify-send {team_name} {challenge_name}'. In "
        "braces stand event, at, team_name, challenge_name, actor_name and the fields of the data; the whole "
        "event comes as JSON on standard input.",
    ),
]
WebhookUrl = Annotated[
    str | None,
    typer.Option(
        "--webhook",
        metavar="URL",
        envvar="CTFY_RX_WEBHOOK",
        show_default=False,
        show_envvar=True,
        help="Send each event there too: a message to Discord or Slack, else JSON. A program's arguments are "
        "no secret: the environment is a better place for it.",
    ),
]
WebhookAs = Annotated[
    str | None,
    typer.Option(
        "--webhook-as",
        metavar="KIND",
        show_default=False,
        help="What the webhook takes: discord, slack or json. Default: by its host.",
    ),
]
WebhookPrivate = Annotated[
    bool,
    typer.Option(
        "--private", help="Send the webhook also addresses, and the names of teams that play anonymously."
    ),
]
ServedAt = Annotated[
    Place | None,
    typer.Option(
        "--serve",
        parser=_place,
        metavar="HOST:PORT",
        show_default=False,
        help="Serve the events as server-sent events with ids, like 127.0.0.1:9000; a port alone is on this "
        "machine only.",
    ),
]
Age = Annotated[
    float | None,
    typer.Option(
        "--max-age",
        parser=_duration,
        metavar="TIME",
        show_default=False,
        help="For how long a stream that is created holds an event, like 30d. Default: for ever.",
    ),
]
Window = Annotated[
    float | None,
    typer.Option(
        "--duplicate-window",
        parser=_duration,
        metavar="TIME",
        show_default="2h",
        help="For how long a stream that is created knows the ids of events: longer than an outage.",
    ),
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
Speed = Annotated[
    Pace | None,
    typer.Option(
        "--speed",
        parser=_pace,
        metavar="N",
        show_default=False,
        help="How many times as fast as it was, like 10 or 0.5, or max. Default: 1.",
    ),
]
From = Annotated[
    datetime | None,
    typer.Option(
        "--from",
        parser=_at,
        metavar="TIME",
        show_default=False,
        help="Begin with what happened then: a time like 2026-05-01T18:00.",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--until", parser=_at, metavar="TIME", show_default=False, help="End with what happened then."
    ),
]
