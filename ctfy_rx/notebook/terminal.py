"""Live views on a terminal: a table of rich, painted in its place."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ctfy_rx.errors import MissingExtra
from ctfy_rx.notebook.picture import Picture, Stoppable
from ctfy_rx.text.printable import plain

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Terminal"]


class Terminal:
    """The place where a program prints. Raises `MissingExtra` where rich is not installed."""

    def __init__(self, console: Console | None = None) -> None:
        if find_spec("rich") is None:
            raise MissingExtra("cli", "A live view on a terminal")
        from rich.live import Live  # noqa: PLC0415 - an extra

        self._live = Live(console=console, auto_refresh=False)
        self._closed = False

    def display(self, picture: Picture) -> None:
        """Show the first picture."""
        self._live.start()
        self.update(picture)

    def update(self, picture: Picture) -> None:
        """Show `picture` in the place of the one before."""
        if not self._closed:
            self._live.update(_drawn(picture), refresh=True)

    def close(self) -> None:
        """Leave the last picture where it is, and go on below it."""
        self._closed = True
        self._live.stop()
        if not self._live.console.is_terminal:  # the one picture that a file gets has no end of its own
            self._live.console.print()

    def is_running(self) -> bool:
        """As long as the program does."""
        return True

    def keep(self, view: Stoppable) -> None:
        """Whoever watches the terminal stops it with Ctrl-C."""

    def forget(self, view: Stoppable) -> None:
        """Nothing is kept."""


def _drawn(picture: Picture) -> Any:
    from rich.console import Group  # noqa: PLC0415 - an extra
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    columns, rows = picture.grid
    drawn = Table(box=None, show_header=bool(columns), header_style="dim", pad_edge=False)
    for head in columns or [""] * max(map(len, rows), default=0):
        drawn.add_column(Text(plain(head)))
    for row in rows:
        drawn.add_row(*(Text(plain(text)) for text in row))
    line = Text.assemble(("\N{BLACK CIRCLE} ", picture.colour), (plain(picture.line), "dim"))
    return Group(drawn, line)
