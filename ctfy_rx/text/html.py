"""HTML, escaped where it is made: the texts in it come from strangers, team names before all."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ctfy_rx.text.printable import plain

__all__ = ["Html", "element", "joined", "page", "table"]

# Twice the class: a front end's own rules for tables, zebra stripes and all, must not win. Colours are
# see-through or those of the page around, so that it is light or dark as that is.
_STYLE = """
& {font-size:13px;line-height:1.45;max-width:75em}
& table {border-collapse:collapse;margin:0;font-size:13px;border:none;table-layout:auto}
& tr, & tbody tr:nth-child(odd), & tbody tr:nth-child(even) {background:transparent}
& tbody tr:hover {background:rgba(128,128,128,.12)}
& td, & th {text-align:left;padding:2px 10px 2px 0;border:none;border-bottom:1px solid rgba(128,128,128,.18);
 vertical-align:baseline;white-space:normal;max-width:none;color:inherit;background:transparent}
& th {font-weight:600;opacity:.7;vertical-align:bottom}
& .rows {width:60em;max-width:100%}
& .rows td:first-child {width:5.5em}
& .number {text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
& .time {opacity:.6;font-variant-numeric:tabular-nums;white-space:nowrap}
& .tile {text-align:center;min-width:2.2em;padding:2px 4px;white-space:nowrap;
 border:1px solid rgba(128,128,128,.18)}
& .upright {font-weight:400;opacity:.85;font-size:11px;writing-mode:vertical-rl;transform:rotate(180deg);
 padding:2px 4px;max-height:15em;overflow:hidden;white-space:nowrap;border:none}
& .line {margin-top:6px;font-size:12px}
& .dim {opacity:.65}
& .aside {display:flex;flex-wrap:wrap;gap:8px 24px;align-items:flex-start}
& svg {display:block;max-width:100%}
& code {font-size:12px;white-space:nowrap;background:rgba(128,128,128,.14);padding:1px 4px;border-radius:3px}
""".replace("\n", "").replace("&", ".ctfy-rx.ctfy-rx")


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str | float) -> Html:
    """An element; what is not `Html` in it is escaped, and shown on one line without control characters.

    An underscore at the end of an attribute's name is left away, one inside becomes a hyphen.

    >>> element("td", "<b>Eve</b>", class_="name")
    '<td class="name">&lt;b&gt;Eve&lt;/b&gt;</td>'
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(plain(str(value)))}"'
        for name, value in attributes.items()
    )
    return Html(f"<{tag}{named}>{joined(children)}</{tag}>")


def joined(parts: Iterable[str], separator: str = "") -> Html:
    """Several texts and elements as one.

    >>> joined(["a < b", element("i", "c")], " ")
    'a &lt; b <i>c</i>'
    """
    return Html(separator.join(part if isinstance(part, Html) else escape(plain(part)) for part in parts))


def table(columns: Iterable[str], rows: Iterable[Iterable[str]], *, class_: str = "rows") -> Html:
    """A table of texts; cells that are elements ``td`` already stay as they are.

    >>> table([], [["<Red>"]])
    '<table class="rows"><tbody><tr><td>&lt;Red&gt;</td></tr></tbody></table>'
    """
    heads = [head if _is_cell(head) else element("th", head) for head in columns]
    body = [element("tr", *(cell if _is_cell(cell) else element("td", cell) for cell in row)) for row in rows]
    head = element("thead", element("tr", *heads)) if heads else Html()
    return element("table", head, element("tbody", *body), class_=class_)


def page(*parts: str) -> Html:
    """What a front end shows: light or dark, as the page around it is."""
    return element("div", element("style", Html(_STYLE)), *parts, class_="ctfy-rx")


def _is_cell(text: str) -> bool:
    return isinstance(text, Html) and text.startswith(("<td", "<th"))
