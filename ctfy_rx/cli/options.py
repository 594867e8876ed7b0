"""The options that the commands share: what they are called, and what they are for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from ctfy_rx.cli.filters import NAMED
from ctfy_rx.cli.relaying import Place
from ctfy_rx.cli.template import Template
from ctfy_rx.cli.values import (
    Pace,
    When,
    as_at,
    as_duration,
    as_pace,
    as_place,
    as_seconds,
    as_template,
    as_when,
)

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
    "Window",
]


Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        "-f",
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
        "--for", parser=as_seconds, metavar="SECONDS", show_default=False, help="End after that time."
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
        parser=as_when,
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
        parser=as_template,
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
        parser=as_place,
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
        parser=as_duration,
        metavar="TIME",
        show_default=False,
        help="For how long a stream that is created holds an event, like 30d. Default: for ever.",
    ),
]
Window = Annotated[
    float | None,
    typer.Option(
        "--duplicate-window",
        parser=as_duration,
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
        parser=as_pace,
        metavar="N",
        show_default=False,
        help="How many times as fast as it was, like 10 or 0.5, or max. Default: 1.",
    ),
]
From = Annotated[
    datetime | None,
    typer.Option(
        "--from",
        parser=as_at,
        metavar="TIME",
        show_default=False,
        help="Begin with what happened then: a time like 2026-05-01T18:00.",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--until", parser=as_at, metavar="TIME", show_default=False, help="End with what happened then."
    ),
]
