"""``ctfy-rx demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from ctfy_rx.cli.demo_contest import Showcase
from ctfy_rx.cli.options import All, Count, Filter, Quiet, Seconds
from ctfy_rx.cli.program import EXIT_CODES, app, reporting
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.values import as_selection
from ctfy_rx.cli.watching import View

__all__ = ["demo_platform"]


@app.command("demo", epilog=EXIT_CODES)
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
        reporting(screen, show.serve)
    chosen = as_selection(names)
    view = View.chosen(chosen, json=json, everything=everything, seconds=seconds, count=count)
    reporting(screen, lambda: show.watch(view))
