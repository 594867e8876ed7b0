"""`Picture`: what a live view shows at one moment; `Place`: where."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ctfy_rx.notebook.view import Grid
from ctfy_rx.text.html import Html, element, page

__all__ = ["Bundle", "Picture", "Place", "Stoppable"]

Bundle = dict[str, str]
"""One picture in several formats, by their media types, as Jupyter has it."""


class Picture(NamedTuple):
    """A view, as HTML and as a table of texts, and the line under it, whose dot has a colour."""

    html: Html
    grid: Grid
    line: str
    colour: str

    def bundle(self) -> Bundle:
        """For a notebook."""
        dot = element("span", "\N{BLACK CIRCLE} ", style=f"color:{self.colour}")
        shown = page(self.html, element("div", dot, self.line, class_="line"))
        return {"text/html": shown, "text/plain": "\n\n".join(filter(None, (str(self.grid), self.line)))}


class Stoppable(Protocol):
    """Something that goes on until it is stopped."""

    def stop(self) -> None:
        """End it; returns when it has ended."""


class Place(Protocol):
    """Where a live view is shown."""

    def display(self, picture: Picture) -> None:
        """Show the first picture, or the same one more."""

    def update(self, picture: Picture) -> None:
        """Show `picture` in the place of the one before; from any thread, by one at a time."""

    def close(self) -> None:
        """Nothing more is shown."""

    def is_running(self) -> bool:
        """Whether what made this place, a run of a cell say, goes on."""
        ...

    def keep(self, view: Stoppable) -> None:
        """Stop `view` when the place is gone."""

    def forget(self, view: Stoppable) -> None:
        """`view` has stopped."""
