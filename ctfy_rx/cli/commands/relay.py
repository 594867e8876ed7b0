"""``ctfy-rx relay``."""

from __future__ import annotations

from typing import Annotated

import typer

from ctfy_rx.cli.options import Age, PlatformUrl, Quiet, ServedAt, TokenFile, Window
from ctfy_rx.cli.program import app, chosen_target, reporting, told
from ctfy_rx.cli.relaying import Plan, relay
from ctfy_rx.cli.screen import Screen
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.relay import Limits

__all__ = ["relay_platform"]

_CODES = "Exit codes: 1 the relay failed, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM."


@app.command("relay", epilog=_CODES)
def relay_platform(
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="URL",
            envvar="NATS_URL",
            help="The broker, like nats://127.0.0.1:4222, or several with commas between them.",
        ),
    ] = None,
    stream: Annotated[str, typer.Option(help="What the stream of JetStream is called.")] = "CTFY",
    serve: ServedAt = None,
    public: Annotated[
        bool,
        typer.Option("--public", help="Serve everybody a list of events, without names and addresses."),
    ] = False,
    replicas: Annotated[
        int | None, typer.Option(help="On how many brokers a stream that is created is held.")
    ] = None,
    max_age: Age = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=1, help="How many bytes a stream that is created holds at most.")
    ] = None,
    duplicate_window: Window = None,
    credentials: Annotated[
        str | None, typer.Option(metavar="FILE", help="The credentials for the broker, a .creds file.")
    ] = None,
    platform_url: PlatformUrl = None,
    token_file: TokenFile = None,
    quiet: Quiet = False,
) -> None:
    """Relay the events of a platform to NATS JetStream, or serve them again with ids.

    Any number of relays with the same stream run side by side: each stored event is published once.
    A relay needs the session token of an administrator. Needs the extra nats.

    Example: ctfy-rx relay --to nats://127.0.0.1:4222 --serve 127.0.0.1:9000 --public
    """
    screen = Screen(quiet=quiet)
    if to is None and serve is None:
        raise typer.BadParameter(
            "write where to: --to nats://127.0.0.1:4222, --serve 127.0.0.1:9000, or both"
        )
    if public and serve is None:
        raise typer.BadParameter("--public is for what is served: write --serve 127.0.0.1:9000 as well")
    found = chosen_target(platform_url, token_file)
    if not found.token:
        raise typer.BadParameter(f"a relay needs the session token of an administrator; {found.notes[0]}")
    told(found, screen)
    plan = Plan(
        target=found,
        to=to,
        stream=stream,
        since="start",
        limits=_limits(replicas, max_age, max_bytes, duplicate_window),
        serve=serve,
        public=public,
        nats={"user_credentials": credentials} if credentials else {},
    )
    reporting(screen, lambda: relay(plan, screen))


def _limits(
    replicas: int | None, max_age: float | None, max_bytes: int | None, duplicate_window: float | None
) -> Limits:
    try:
        return Limits(
            replicas=replicas, max_age=max_age, max_bytes=max_bytes, duplicate_window=duplicate_window
        )
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None
