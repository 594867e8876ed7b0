"""The commands."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated, NoReturn

import typer

from ctfy_rx import CtfyRxError, __version__
from ctfy_rx.cli.options import (
    All,
    Count,
    Filter,
    Json,
    PlatformUrl,
    Quiet,
    Seconds,
    TokenFile,
    token_in,
)
from ctfy_rx.cli.screen import Screen, is_terminal
from ctfy_rx.cli.selection import Selection
from ctfy_rx.cli.settings import saved_logins, target
from ctfy_rx.cli.showcase import Showcase
from ctfy_rx.cli.watching import View, watch
from ctfy_rx.errors import ConfigurationError

__all__ = ["app", "run"]

_EXIT_CODES = (
    "Exit codes: 0 ended as asked (--for, --count, or the reader of the pipe has gone), 1 the stream failed, "
    "2 wrong usage, 130 Ctrl-C, 143 SIGTERM."
)

app = typer.Typer(
    name="ctfy-rx",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they show local variables, and so tokens
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> int:
    """Run the command that the arguments name; Ctrl-C and SIGTERM end it wherever it is."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    app()
    return 0


def _leave(number: int, _: FrameType | None) -> NoReturn:
    if number == signal.SIGINT and is_terminal(sys.stderr):
        os.write(sys.stderr.fileno(), b"\n")  # the prompt comes below the ^C
    raise SystemExit(128 + number)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ctfy-rx {__version__}")
        raise typer.Exit


@app.callback(epilog=_EXIT_CODES)
def about(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The events of a CTF platform, live."""


@app.command("watch", epilog=_EXIT_CODES)
def watch_platform(
    *,
    names: Filter = None,
    json: Json = None,
    platform_url: PlatformUrl = None,
    token_file: TokenFile = None,
    seconds: Seconds = None,
    count: Count = None,
    everything: All = False,
    quiet: Quiet = False,
) -> None:
    """Show the events of a platform as they happen.

    A saved token goes to its own platform and to no other.
    No option takes the token itself: a program's arguments are no secret.

    Example: ctfy-rx watch --filter solves,instance_* --json | jq .data.actor_name
    """
    screen = Screen(quiet=quiet)
    try:
        token = token_in(token_file) if token_file else None
        found = target(url=platform_url, token=token, env=os.environ, logins=saved_logins(os.environ))
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None
    for note in found.notes:
        screen.say(note)
    view = View(
        selection=names or Selection(),
        json=not is_terminal(sys.stdout) if json is None else json,
        everything=everything,
        seconds=seconds,
        count=count,
    )
    _reporting(screen, lambda: watch(found, view, screen))


@app.command("demo", epilog=_EXIT_CODES)
def demo_platform(
    *,
    names: Filter = None,
    json: Annotated[
        bool, typer.Option("--json/--text", help="A JSON object, or words and colours, on each line.")
    ] = False,
    speed: Annotated[float, typer.Option(min=0.1, help="Seconds of the contest in a second.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed plays the same contest.")] = 7,
    seconds: Seconds = None,
    count: Count = None,
    everything: All = False,
    quiet: Quiet = False,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the contest, show nothing of it.")] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, show_default="8100 with --serve, else a free one", help="Where to serve."
        ),
    ] = None,
) -> None:
    """Play a contest on a platform of its own, and show it live as its admin sees it.

    Three hours pass in three minutes. With --serve other programs can watch, for example your own.
    """
    if serve and (names or json or count or everything):
        raise typer.BadParameter("--serve shows no events: leave out --filter, --json, --count and --all")
    screen = Screen(quiet=quiet)
    show = Showcase(screen, speed=speed, seed=seed, port=port, seconds=seconds)
    if serve:
        _reporting(screen, show.serve)
    view = View(
        selection=names or Selection(), json=json, everything=everything, seconds=seconds, count=count
    )
    _reporting(screen, lambda: show.watch(view))


def _reporting(screen: Screen, work: Callable[[], None]) -> NoReturn:
    """Do `work` and exit; what it fails with is told in one sentence."""
    try:
        work()
    except (CtfyRxError, OSError) as error:
        screen.fail(str(error))
    else:
        raise typer.Exit(0)
    raise typer.Exit(1)
