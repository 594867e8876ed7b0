"""The program: what all commands share, and how each begins and ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated, NoReturn

import typer

from ctfy_rx import CtfyRxError, __version__
from ctfy_rx.cli.own_words import in_own_words
from ctfy_rx.cli.screen import Screen, is_terminal
from ctfy_rx.cli.settings import Target, target
from ctfy_rx.cli.values import token_in
from ctfy_rx.connection.credentials import saved_logins
from ctfy_rx.errors import ConfigurationError

__all__ = ["EXIT_CODES", "app", "chosen_target", "instances", "reporting", "run", "told"]

EXIT_CODES = (
    "Exit codes: 0 ended as asked (--for, --count, or the reader of the pipe has gone), 1 the stream failed, "
    "or was never connected in the time of --for, "
    "2 wrong usage, 130 Ctrl-C, 143 SIGTERM."
)

app = typer.Typer(
    name="ctfy-rx",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they show local variables, and so tokens
    context_settings={"help_option_names": ["-h", "--help"]},
)

instances = typer.Typer(no_args_is_help=True, help="The instances (boxes) of your team.")
app.add_typer(instances, name="instance")


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


@app.callback(epilog=EXIT_CODES)
def about(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The events of a CTF platform, live."""


def chosen_target(platform_url: str | None, token_file: str | None) -> Target:
    """Which platform, and which token, by the options and the environment. Raises for wrong usage."""
    try:
        token = token_in(token_file) if token_file else None
        return target(url=platform_url, token=token, env=os.environ, logins=saved_logins(os.environ))
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None


def told(found: Target, screen: Screen) -> Target:
    """`found`, after what there is to say about it."""
    for note in found.notes:
        screen.say(note)
    return found


def reporting(screen: Screen, work: Callable[[], None]) -> NoReturn:
    """Do `work` and exit; what it fails with is told in one sentence."""
    try:
        work()
    except (CtfyRxError, OSError) as error:  # TimeoutError is an OSError
        screen.fail(in_own_words(str(error)))
    else:
        raise typer.Exit(0)
    raise typer.Exit(1)
