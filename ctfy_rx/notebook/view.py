"""`View`: what becomes of the items of an Observable on a screen. Pure: no thread, no clock, no notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from ctfy_rx.text.html import Html, table
from ctfy_rx.text.printable import plain

__all__ = ["Grid", "View"]


class Grid(NamedTuple):
    """A table of texts: what a terminal shows, and what stands in for pictures where there are none."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        """The table in columns of equal width.

        >>> print(Grid(["team", "flags"], [["Red", "3"], ["The Blues", "12"]]))
        team       flags
        Red        3
        The Blues  12
        """
        lines = [[plain(text) for text in row] for row in (self.columns, *self.rows) if row]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )


class View(ABC):
    """What a live view shows. Of your own: give `add` and `grid`, and `html` for more than a table.

    `add` is called for each item, by one thread at a time and never together with the others. A view whose
    picture changes while nothing comes is `ticking`: it is painted again each second.
    """

    ticking: ClassVar[bool] = False
    things: ClassVar[str] = ""
    """What its items are called, one of them; "" for events or items."""

    @abstractmethod
    def add(self, item: Any) -> None:
        """Take in the next item; must be quick."""

    @abstractmethod
    def grid(self) -> Grid:
        """What there is now, as a table of texts."""

    def html(self) -> Html:
        """What there is now, as HTML made with `ctfy_rx.text.html`, which escapes."""
        return table(*self.grid())
