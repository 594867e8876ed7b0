"""Events as a table: flat, with the types of the catalogue, made column by column by Arrow.

Each event is decoded once, into a strict twin of its payload class: what fits needs no second look. What does
not (a field that the catalogue does not know, or of another type than declared, or no JSON object at all)
is taken apart by hand, and what has no column of its own stays in the column `rest`.
"""

from __future__ import annotations

import json
import typing
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from types import NoneType
from typing import Annotated, Any, NamedTuple, cast

import msgspec

from ctfy_rx.catalogue import PAYLOADS, Payload
from ctfy_rx.errors import MissingExtra
from ctfy_rx.event import Event

__all__ = ["Columns", "Events", "frame_of"]

PIECE = 8_192
"""How many events are made into columns at a time."""

_PLACE = "place"  # of an event in its piece
_UNDECODABLE = (msgspec.DecodeError, UnicodeEncodeError, RecursionError)
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Events(tuple[Event[Any], ...]):
    """Some events, oldest first.

    >>> events = Events([Event("flag_wrong", '{"actor_name": "Mia"}')])
    >>> events.to_arrow()["actor_name"].to_pylist()
    ['Mia']
    """

    __slots__ = ()

    def to_arrow(self) -> Any:
        """A `pyarrow.Table`, one row for each event.

        Its columns are when it happened (`at`), its name (`event`), its team, the fields that the catalogue
        declares for the events that are among these, each with its type there, null where an event has none
        (a field within a field has both names: `ops_outbox_failed`), then `rest`: as JSON what else an event
        came with. Times are in UTC.

        Raises `MissingExtra` without the extra ``arrow``.
        """
        columns = Columns()
        columns.add(self)
        return columns.table()

    def to_pandas(self) -> Any:
        """The same as a `pandas.DataFrame`; needs the extra ``pandas``."""
        return frame_of(self.to_arrow())


def frame_of(table: Any) -> Any:
    """`table` as a `pandas.DataFrame`; whole numbers and booleans stay what they are beside nulls."""
    try:
        pd: Any = import_module("pandas")
    except ImportError:
        raise MissingExtra("pandas", "A table in pandas") from None
    pa = _arrow()
    types = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    return table.to_pandas(types_mapper=types.get)


def _arrow() -> Any:
    try:
        import_module("pyarrow.compute")
        return import_module("pyarrow")
    except ImportError:
        raise MissingExtra("arrow", "A table") from None


class Columns:
    """Gathers events, and makes a table of them. Raises `MissingExtra`."""

    def __init__(self) -> None:
        self._pa = _arrow()
        self._waiting: list[Event[Any]] = []
        self._pieces: list[Any] = []
        self.count = 0

    def append(self, event: Event[Any]) -> None:
        """Take in one event."""
        self._waiting.append(event)
        if len(self._waiting) >= PIECE:
            self._finish_piece()

    def add(self, events: Iterable[Event[Any]]) -> None:
        """Take in some."""
        for event in events:
            self.append(event)

    def table(self) -> Any:
        """All that was taken in."""
        if self._waiting or not self._pieces:
            self._finish_piece()
        table = self._pa.concat_tables(self._pieces, promote_options="default")
        last = ("log_id", "received_at", "origin", "id", "rest")
        return table.select([name for name in table.column_names if name not in last] + list(last))

    def _finish_piece(self) -> None:
        events, self._waiting = self._waiting, []
        self.count += len(events)
        self._pieces.append(_piece(self._pa, events))


def _piece(pa: Any, events: Sequence[Event[Any]]) -> Any:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        places[event.event].append(place)
    parts = [_part(pa, name, [events[place] for place in found], found) for name, found in places.items()]
    table = _envelope(pa, events)
    if not parts:
        return table.append_column("rest", pa.array([], pa.string()))
    payloads = pa.concat_tables(parts, promote_options="default")
    payloads = payloads.take(pa.compute.sort_indices(payloads[_PLACE])).drop_columns([_PLACE])
    for name in payloads.column_names:
        column = payloads[name]
        if name in table.column_names:  # team_id, team_name: of the log, else of the payload
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.compute.coalesce(table[name], column))
        else:
            table = table.append_column(name, column)
    return table


def _envelope(pa: Any, events: Sequence[Event[Any]]) -> Any:
    def times(seconds: list[float]) -> Any:
        compute = pa.compute
        micros = compute.round(compute.multiply(pa.array(seconds, pa.float64()), 1e6))
        return compute.cast(compute.cast(micros, pa.int64()), pa.timestamp("us", "UTC"))

    return pa.table(
        {
            "at": times([it.received if it.logged is None else it.logged for it in events]),
            "event": _column(pa, [it.event for it in events], pa.string()),
            "team_id": _column(pa, [it.team_id for it in events], pa.string()),
            "team_name": _column(pa, [it.team_name for it in events], pa.string()),
            "log_id": _column(pa, [it.log_id for it in events], pa.int64()),
            "received_at": times([it.received for it in events]),
            "origin": _column(pa, [it.recorded or it.origin for it in events], pa.string()),
            "id": _column(pa, [it.id for it in events], pa.string()),
        }
    )


def _part(pa: Any, name: str, events: Sequence[Event[Any]], places: list[int]) -> Any:
    """The payloads of the events of one name."""
    twin = _twin(PAYLOADS.get(name, Payload))
    decode = msgspec.json.Decoder(twin.type).decode
    rows: list[Any] = []
    rests: dict[int, str] = {}
    for number, event in enumerate(events):
        try:
            rows.append(decode(event.text))
        except _UNDECODABLE:
            row, rest = _by_hand(twin, event.data)
            rows.append(row)
            rests[number] = rest
    table = {_PLACE: pa.array(places, pa.int32())}
    values = list(zip(*map(msgspec.structs.astuple, rows), strict=True))
    for field, column in zip(twin.fields, values, strict=True):
        for name_in_table, flat, type_ in _flattened(field, column):
            table[name_in_table] = _column(pa, flat, _arrow_type(pa, type_))
    table["rest"] = pa.array([rests.get(number) for number in range(len(events))], pa.string())
    return pa.table(table)


class _Field(NamedTuple):
    name: str
    type: Any  # without None


class _Twin(NamedTuple):
    """A class with the fields of a payload class, that refuses what these do not hold."""

    type: type[msgspec.Struct]
    fields: tuple[_Field, ...]


@cache
def _twin(declared: type[msgspec.Struct]) -> _Twin:
    fields = tuple(_Field(each.name, _without_none(each.type)) for each in msgspec.structs.fields(declared))
    twin = msgspec.defstruct(
        declared.__name__,
        [(name, _strict(type_) | None, None) for name, type_ in fields],
        forbid_unknown_fields=True,
        frozen=True,
        gc=False,  # they hold no circles, and are many
    )
    return _Twin(twin, fields)


def _without_none(type_: Any) -> Any:
    [kind] = [each for each in typing.get_args(type_) if each is not NoneType]
    return kind


def _strict(type_: Any) -> Any:
    if _is_struct(type_):
        return _twin(type_).type
    if typing.get_origin(type_) is dict:
        return dict[str, Any]  # kept as JSON
    return _Int64 if type_ is int else type_


def _is_struct(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _by_hand(twin: _Twin, data: Any) -> tuple[msgspec.Struct, str]:
    """What of `data` has columns, and the rest as JSON."""
    if not isinstance(data, Mapping):
        return twin.type(), json.dumps(data)
    rest = dict(cast("Mapping[str, Any]", data))
    typed: dict[str, Any] = {}
    for name, type_ in twin.fields:
        value = rest.pop(name, None)
        if value is None:
            continue
        try:
            typed[name] = msgspec.convert(value, _strict(type_))
        except _UNDECODABLE:
            rest[name] = value
    return twin.type(**typed), json.dumps(rest)


def _flattened(field: _Field, values: Sequence[Any]) -> Iterator[tuple[str, Sequence[Any], Any]]:
    """The columns of `field`: one, or where its values have fields themselves, one for each of these."""
    name, type_ = field
    if _is_struct(type_):
        for inner in _twin(type_).fields:
            column = [None if value is None else getattr(value, inner.name) for value in values]
            yield f"{name}_{inner.name}", column, inner.type
    elif typing.get_origin(type_) is dict:
        yield (
            name,
            [None if value is None else json.dumps(value, ensure_ascii=False) for value in values],
            str,
        )
    else:
        yield name, values, type_


def _arrow_type(pa: Any, type_: Any) -> Any:
    types: dict[Any, Callable[[], Any]] = {
        str: pa.string,
        int: pa.int64,
        float: pa.float64,
        bool: pa.bool_,
        list[str]: lambda: pa.list_(pa.string()),
    }
    return types[type_]()


def _column(pa: Any, values: Sequence[Any], type_: Any) -> Any:
    try:
        return pa.array(values, type_)
    except UnicodeEncodeError:  # lone surrogates, which Arrow's UTF-8 cannot say
        return pa.array([_replaced(value) for value in values], type_)


def _replaced(value: Any) -> Any:
    if isinstance(value, list):
        return [_replaced(each) for each in cast("list[object]", value)]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
