"""``ctfy-rx watch``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ctfy_rx.cli.actions import Maker, Running, Sending
from ctfy_rx.cli.options import (
    All,
    Beginning,
    Command,
    Competition,
    Count,
    Filter,
    Json,
    Live,
    PlatformUrl,
    Quiet,
    Seconds,
    Speed,
    TokenFile,
    WebhookAs,
    WebhookPrivate,
    WebhookUrl,
)
from ctfy_rx.cli.program import EXIT_CODES, app, chosen_target, reporting, told
from ctfy_rx.cli.recordings import Play, play
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.template import Template
from ctfy_rx.cli.values import as_selection
from ctfy_rx.cli.watching import View, watch
from ctfy_rx.cli.webhook import kind_of
from ctfy_rx.errors import ConfigurationError

__all__ = ["watch_platform"]


@app.command("watch", epilog=EXIT_CODES)
def watch_platform(
    *,
    names: Filter = None,
    json: Json = None,
    platform_url: PlatformUrl = None,
    token_file: TokenFile = None,
    since: Beginning = None,
    live: Live = False,
    seconds: Seconds = None,
    count: Count = None,
    everything: All = False,
    quiet: Quiet = False,
    competition: Competition = None,
    command: Command = None,
    webhook: WebhookUrl = None,
    webhook_as: WebhookAs = None,
    private: WebhookPrivate = False,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="FILE", show_default=False, help="Watch a recording instead."),
    ] = None,
    speed: Speed = None,
) -> None:
    """Show the events of a platform as they happen, and act on them.

    A saved token goes to its own platform and to no other.
    No option takes the token itself: a program's arguments are no secret.

    Example: ctfy-rx watch --filter solves,instance_* --json | jq .data.actor_name

    Example: ctfy-rx watch --filter first_bloods --webhook https://discord.com/api/webhooks/…
    """
    screen = Screen(quiet=quiet)
    if live and since:
        raise typer.BadParameter("--since reads the activity log: leave --live away")
    view = partial(View.chosen, json=json, everything=everything, seconds=seconds, count=count)
    if replay is not None:
        if platform_url or token_file or since or live or competition or command or webhook:
            raise typer.BadParameter("--replay asks no platform: leave the options about one away")
        what = Play(file=replay, speed=speed.speed if speed else 1.0)
        recorded = view(as_selection(names))
        reporting(screen, lambda: play(what, recorded, screen))
    if speed is not None:
        raise typer.BadParameter("--speed is for --replay")
    found = chosen_target(platform_url, token_file)
    chosen = as_selection(names, of_platform=found.is_platform)
    told(found, screen)
    live_view = replace(
        view(chosen),
        since=since.since if since else None,
        log=False if live else "auto",
        competition=competition,
    )
    makers = _makers(command, webhook, webhook_as, private=private, of_platform=found.is_platform)
    reporting(screen, lambda: watch(found, live_view, screen, makers))


def _makers(
    command: Template | None,
    webhook: str | None,
    webhook_as: str | None,
    *,
    private: bool,
    of_platform: bool,
) -> dict[str, Maker]:
    makers: dict[str, Maker] = {}
    try:
        if command is not None:
            if of_platform:  # another server has fields of its own
                command.refuse_unknown_fields()
            makers["--exec"] = Running(command)
        if webhook:
            makers["the webhook"] = Sending(webhook, kind_of(webhook, webhook_as), private=private)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None
    return makers
