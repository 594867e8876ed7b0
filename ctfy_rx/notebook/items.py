"""The last items, the newest on top: sentences where they are events, columns where they have fields."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping, MappingView
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Any, cast

import msgspec
from typing_extensions import override

from ctfy_rx.appearance import COUNTERS
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event, is_event
from ctfy_rx.notebook.view import Grid, View
from ctfy_rx.text.html import Html, element, table
from ctfy_rx.text.printable import short
from ctfy_rx.wording import in_words

__all__ = ["LastItems"]

_LONGEST = 200  # characters of one value
_MOST_ITEMS = 70  # of a list in one value: more have no room in it
_DEEPEST = 3  # lists within lists
_LISTS: tuple[type[Any], ...] = (list, tuple, set, frozenset, deque)
_MOST_COLUMNS = 8
_COLOURS = {
    "green": "#2e9e55",
    "red": "#d9534f",
    "yellow": "#b8860b",
    "cyan": "#2596be",
    "blue": "#4c8dd6",
    "magenta": "#b65fc4",
}  # in the middle between black and white: to be read on both


class LastItems(View):
    """The last `rows` items. Events that only count (`meta_stats`, say) are shown while no other came.

    `clock` says when an item came that does not know when it happened; times are shown in `zone` (None: where
    this computer is).

    >>> view = LastItems(rows=2, zone=UTC)
    >>> for name in ("Eve", "Mallory", "Trudy"):
    ...     view.add(Event("flag_wrong", f'{{"actor_name": "{name}", "challenge_id": "pwn-1"}}'))
    >>> print(view.grid())
    00:00:00  ✘ Trudy gave a wrong answer to pwn-1
    00:00:00  ✘ Mallory gave a wrong answer to pwn-1
    """

    def __init__(
        self,
        *,
        rows: int = 10,
        zone: tzinfo | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if rows < 1:
            raise ConfigurationError(f"a live table needs 1 row or more, not {rows}")
        self._items: deque[tuple[datetime, Any]] = deque(maxlen=rows)
        self._only_counters = True
        self._zone = zone
        self._clock = clock

    @override
    def add(self, item: Any) -> None:
        counts = is_event(item) and item.event in COUNTERS
        if self._only_counters and not counts:
            self._only_counters = False
            self._items.clear()
        if counts and not self._only_counters:
            return
        self._items.appendleft((self._moment(item), item))

    def _moment(self, item: Any) -> datetime:
        return item.at if is_event(item) else self._clock()

    @override
    def grid(self) -> Grid:
        columns = self._columns()
        heads = ["time", *columns] if columns else []
        return Grid(heads, [[self._time(at), *_cells(item, columns)] for at, item in self._items])

    @override
    def html(self) -> Html:
        columns = self._columns()
        if not self._items:
            return element("div", "nothing came yet", class_="dim")
        rows = [
            [element("td", self._time(at), class_="time"), *self._html_cells(item, columns)]
            for at, item in self._items
        ]
        return table(["time", *columns] if columns else [], rows)

    def _time(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%H:%M:%S}"

    def _columns(self) -> list[str]:
        """The fields that the items have, in the order in which they come; none where all are sentences or
        single values."""
        named: dict[str, None] = {}
        for _, item in self._items:
            named |= dict.fromkeys(_fields(item))
        return list(named)[:_MOST_COLUMNS]

    def _html_cells(self, item: Any, columns: list[str]) -> list[str]:
        if is_event(item):
            return [_sentence(item), *[""] * (len(columns) - 1)]
        return list(_cells(item, columns))


def _cells(item: Any, columns: list[str]) -> list[str]:
    if is_event(item):
        return [str(in_words(item)), *[""] * (len(columns) - 1)]
    if not columns:
        return [_shown(item)]
    fields = _fields(item)
    if not fields:
        return [_shown(item), *[""] * (len(columns) - 1)]
    return [_shown(fields[name]) if name in fields else "" for name in columns]


def _fields(item: Any) -> dict[str, Any]:
    if is_event(item) or isinstance(item, type):
        return {}
    if isinstance(item, Mapping):
        return {str(name): value for name, value in cast("dict[Any, Any]", item).items()}
    if isinstance(item, msgspec.Struct):
        return {field.name: getattr(item, field.name) for field in msgspec.structs.fields(item)}
    if dataclasses.is_dataclass(item):
        return {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    return item._asdict() if hasattr(item, "_asdict") else {}  # a named tuple


def _shown(value: Any) -> str:
    if is_event(value):
        return str(in_words(value))
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return short(value, _LONGEST)
    text = repr(_told(value, _DEEPEST))
    return short(type(value).__name__ if "<Event " in text else text, _LONGEST)


class _Said(str):
    """A text that is shown as it is where it stands among other values."""

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return str(self)


def _told(value: Any, depth: int) -> Any:
    """`value` with a sentence in the place of each event in it, whose own repr would show addresses; no more
    of it than there is room for."""
    if is_event(value):
        return _Said(in_words(value))
    fields = _fields(value)
    kind: type[Any] = value.__class__
    if not fields and not issubclass(kind, (*_LISTS, MappingView)):
        return value
    if not depth:
        return _Said("…")
    if issubclass(kind, Mapping):
        few = islice(value.items(), _MOST_ITEMS)
        return {_told(name, depth - 1): _told(each, depth - 1) for name, each in few}
    if fields:
        named = (f"{name}={_told(each, depth - 1)!r}" for name, each in fields.items())
        return _Said(f"{kind.__name__}({', '.join(named)})")
    build = next((each for each in _LISTS if issubclass(kind, each)), list)
    return build(_told(each, depth - 1) for each in islice(value, _MOST_ITEMS))


def _sentence(event: Event[Any]) -> Html:
    words = in_words(event)
    parts = [element("span", f"{words.mark} ", style=_css(words.style))]
    dim = words.style if words.style == "dim" else ""
    parts += [element("span", text, style=_css(style or dim)) for text, style in words.parts]
    return element("td", *parts)


def _css(style: str) -> str:
    rules = {"bold": "font-weight:600", "dim": "opacity:.65"}
    return ";".join(rules.get(word) or f"color:{_COLOURS[word]}" for word in style.split())
