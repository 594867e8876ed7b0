"""``ctfy-rx events``."""

from __future__ import annotations

from typing import Annotated

import typer

from ctfy_rx.cli.program import app, reporting
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.vocabulary import COMMON, chosen, described
from ctfy_rx.errors import ConfigurationError

__all__ = ["list_events"]


@app.command("events")
def list_events(
    pattern: Annotated[
        str | None,
        typer.Argument(metavar="[PATTERN]", show_default=False, help="A name, a part of one, or flag_*."),
    ] = None,
) -> None:
    """List the platform's events: when each is sent, who hears it, who acts in it, and its fields.

    Asks no platform: these are the events of the version that this program knows.
    """
    try:
        names = chosen(pattern)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None
    reporting(screen := Screen(), lambda: _show(names, screen))


def _show(names: list[str], screen: Screen) -> None:
    try:
        for name in names:
            screen.show(described(name))
        screen.show(
            f"Those with an actor also hold {', '.join(COMMON)}. A field may be left out. "
            "A user who plays has the actor_type team, and an actor_id of its own."
        )
    except BrokenPipeError:
        pass
