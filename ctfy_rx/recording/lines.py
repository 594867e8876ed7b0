r"""A recording as text: a header on the first line, then each event as one JSON object on a line of its own.

Not JSON is what stands in a line and is not JSON itself: an event's data are written as they came, so that a
recording can be read by any program that reads JSON lines, and a replay gives each event as it was. No I/O.

>>> event = Event("flag_wrong", '{"actor_name": "Mia"}', received=1.5, log_id=7, origin="log")
>>> line = to_line(event)
>>> print(line.decode(), end="")
{"event":"flag_wrong","received":1.5,"origin":"log","log_id":7,"data":{"actor_name": "Mia"}}
>>> from_line(line).origin, from_line(line).recorded, to_line(from_line(line)) == line
('replay', 'log', True)
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from ctfy_rx.errors import BadRecording
from ctfy_rx.event import Event, Origin

__all__ = ["FORMAT", "Header", "from_line", "header_in", "no_recording", "to_line"]

FORMAT = 1
"""The version of the format that is written; docs/recording.md describes it."""


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a recording's first line says: the version of the format, what was recorded (an address without
    query or user), the version of the platform where it is known, when the recording began, and the cursor of
    the log after which it began."""

    ctfy_rx_recording: int = msgspec.field(default_factory=lambda: FORMAT)  # written, though it is a default
    source: str = ""
    platform_version: str | None = None
    started: datetime | None = None
    after: str | None = None

    @classmethod
    def now(cls, source: str, *, platform_version: str | None = None, after: str | None = None) -> Header:
        """The header of a recording that begins now."""
        return cls(source=source, platform_version=platform_version, started=datetime.now(UTC), after=after)

    def to_line(self) -> bytes:
        """The first line."""
        return _encode(self) + b"\n"


class _Envelope(msgspec.Struct, omit_defaults=True):
    event: str
    received: float
    origin: Origin
    logged: float | None = None
    log_id: int | None = None
    team_id: str | None = None
    team_name: str | None = None
    cursor: str | None = None
    id: str = ""
    challenge_name: str | None = None
    actor_name: str | None = None


class _Text(_Envelope):
    """A line whose data are no JSON, or not on one line."""

    text: str = ""


class _Line(_Envelope):
    """Any line, read; as it is written it has data."""

    data: msgspec.Raw = msgspec.Raw()
    text: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_header = msgspec.json.Decoder(Header).decode
_UNDECODABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


def to_line(event: Event[Any]) -> bytes:
    """`event` as a line, its end included."""
    envelope = (
        event.event,
        event.received,
        event.recorded or event.origin,
        event.logged,
        event.log_id,
        event.team_id,
        event.team_name,
        event.cursor,
        event.id,
        _unless_it_is_the_id(event.challenge_name, event, "challenge_id"),
        _unless_it_is_the_id(event.actor_name, event, "actor_id"),
    )
    raw = _as_json(event.text)
    line = _Text(*envelope, event.text) if raw is None else _Line(*envelope, raw)
    try:
        return _encode(line) + b"\n"
    except UnicodeEncodeError:  # lone surrogates, which UTF-8 cannot say, but JSON's escapes can
        return _escaped(line) + b"\n"


def _unless_it_is_the_id(name: str | None, event: Event[Any], field: str) -> str | None:
    """`name`; None where it stands there for want of a better one, which whoever replays it may have."""
    data: Any = event.data if name else None
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    return None if fields.get(field) == name else name


def _escaped(line: _Line | _Text) -> bytes:
    fields = {name: value for name, value in msgspec.structs.asdict(line).items() if value is not None}
    data = fields.pop("data", None)
    text = json.dumps(fields, separators=(",", ":")).encode()
    return text if data is None else text[:-1] + b',"data":' + bytes(data) + b"}"


def _as_json(text: str) -> msgspec.Raw | None:
    """`text` where it is JSON that can stand in a line as it is."""
    try:
        raw = _decode_raw(text)
    except _UNDECODABLE:
        return None
    # Blanks around it would be lost, and a line's end in it ends the line.
    return None if text[0].isspace() or text[-1].isspace() or "\n" in text or "\r" in text else raw


def from_line(line: bytes) -> Event:
    """The event that `line` holds. Raises ValueError for a line that holds none."""
    try:
        it = _decode(line)
    except _UNDECODABLE as error:
        it = _by_the_book(line, error)
    text = it.text if it.text is not None else str(it.data, "utf-8")
    return Event(
        it.event,
        text,
        it.id,
        it.received,
        "replay",
        it.log_id,
        it.logged,
        it.team_id,
        it.team_name,
        it.cursor,
        it.origin,
        it.challenge_name,
        it.actor_name,
    )


def _by_the_book(line: bytes, refused: Exception) -> _Line:
    """What `line` holds by Python's own JSON, which takes lone surrogates; it was `refused` for them, or else
    for good."""
    try:
        fields = json.loads(line)
        if isinstance(fields, dict) and "data" in fields:
            fields["data"] = msgspec.Raw(json.dumps(fields["data"], separators=(",", ":")))
        return msgspec.convert(fields, _Line)
    except (ValueError, RecursionError):  # msgspec's ValidationError is one
        raise ValueError(str(refused)) from None


def header_in(line: bytes, name: str) -> Header:
    """The header that `line`, the first one of the file `name`, holds. Raises `BadRecording`."""
    try:
        header = _decode_header(line)
        version = msgspec.json.decode(line)["ctfy_rx_recording"]
    except (*_UNDECODABLE, LookupError):
        raise no_recording(name) from None
    if version > FORMAT:
        raise BadRecording(
            f"{name} was recorded by a newer ctfy_rx (format {version}, this one reads {FORMAT}): update it"
        )
    return header


def no_recording(name: str) -> BadRecording:
    """That the file `name` is something else."""
    return BadRecording(f"{name} is no recording of ctfy_rx: its first line is no header")
