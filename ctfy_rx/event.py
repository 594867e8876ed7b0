"""`Frame` -> `Event`: what a frame means, decoded when somebody asks for it and not before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, Literal, cast

import msgspec
from typing_extensions import TypeVar

from ctfy_rx.catalogue import PAYLOADS, Payload
from ctfy_rx.sse import Frame

__all__ = ["Event", "Origin"]

Origin = Literal["live", "log", "replay"]
P = TypeVar("P", bound=Payload, covariant=True, default=Payload)  # noqa: PLC0105 - Event[P]

_REPR_LENGTH = 200
_ITEMS: tuple[Literal["event"], Literal["data"]] = ("event", "data")


class Event(msgspec.Struct, Generic[P], frozen=True, eq=False, dict=True):
    """Something that happened in a contest: a name, data, and when.

    `text` is the payload as it came; `data`, `payload`, `at` and `received_at` are made from it when they are
    first read. `received` and `logged` are unix times in seconds. `log_id`, `team_id` and `team_name` are
    known of events that were read from the platform's activity log, and None where only a frame was seen.
    ``msgspec.json.encode(event)`` gives what came and nothing that was made from it.

    It can stand in for the dict that the platform's own SDK gives: ``event["data"]``, ``dict(event)``.

    >>> event = Event("flag_correct", '{"challenge_id": "pwn-1", "solve_time_s": 98.3}', received=0.0)
    >>> event.data["challenge_id"], event.payload.solve_time_s, event.at.isoformat()
    ('pwn-1', 98.3, '1970-01-01T00:00:00+00:00')
    """

    event: str
    text: str
    id: str = ""
    received: float = 0.0
    origin: Origin = "live"
    log_id: int | None = None
    logged: float | None = None
    team_id: str | None = None
    team_name: str | None = None

    @classmethod
    def from_frame(cls, frame: Frame, *, received: float) -> Event[Payload]:
        """The event that `frame` means, received at the unix time `received` (seconds)."""
        return Event(frame.event, frame.data, frame.id, received)

    # functools.cached_property would do, but takes a lock on Python 3.11, and three times as long.

    @property
    def data(self) -> Any:
        """The decoded JSON, or the text itself where it is none.

        >>> Event("note", "no { json").data
        'no { json'
        """
        made = vars(self)
        if "data" not in made:
            made["data"] = _decoded(self.text)
        return made["data"]

    @property
    def payload(self) -> P:
        """The data as the typed payload of the catalogue, a plain `Payload` for an event that the catalogue
        does not know.

        Never raises: a field that is missing, null or of another type than declared is None here, and as it
        came in `data`.

        >>> Event("flag_wrong", '{"actor_name": "Mallory", "solve_time_s": "soon"}').payload.actor_name
        'Mallory'
        """
        made = vars(self)
        if "payload" not in made:
            made["payload"] = self._decoded_payload()
        return cast("P", made["payload"])

    def _decoded_payload(self) -> Payload:
        declared = PAYLOADS.get(self.event, Payload)
        try:
            return _decoder(declared).decode(self.text)
        except _UNDECODABLE:
            return _lenient(declared, self.data)

    @property
    def at(self) -> datetime:
        """When it happened, aware UTC: the log's time, else when it was received."""
        return datetime.fromtimestamp(self.received if self.logged is None else self.logged, UTC)

    @property
    def received_at(self) -> datetime:
        """When it was received, aware UTC."""
        return datetime.fromtimestamp(self.received, UTC)

    def __getitem__(self, key: Literal["event", "data"]) -> Any:
        """``event["event"]`` and ``event["data"]``, as the platform's own SDK gives them."""
        if key == "event":
            return self.event
        if key == "data":
            return self.data
        raise KeyError(key)

    def __iter__(self) -> Iterator[Literal["event", "data"]]:
        return iter(_ITEMS)

    def __contains__(self, key: object) -> bool:
        return key in _ITEMS

    def keys(self) -> tuple[Literal["event"], Literal["data"]]:
        """``"event"`` and ``"data"``: ``dict(event)`` is what the platform's own SDK gives."""
        return _ITEMS

    def get(self, key: str, default: Any = None) -> Any:
        """``event[key]``, or `default` for any other key."""
        return self[key] if key in _ITEMS else default

    def _identity(self) -> tuple[object, ...]:
        return (
            self.event,
            self.text,
            self.id,
            self.received,
            self.origin,
            self.log_id,
            self.logged,
            self.team_id,
        )

    def __eq__(self, other: object) -> bool:
        return self._identity() == other._identity() if isinstance(other, Event) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"<Event {_shown(self.event)} {self.at:%Y-%m-%dT%H:%M:%SZ} {self.origin} {_shown(self.text)}>"


def _shown(text: str) -> str:
    """`text` on one line of bounded length: what a server sends must not write lines of its own into a
    log."""
    shown = "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text[:_REPR_LENGTH]
    )
    return shown if len(text) <= _REPR_LENGTH else shown + "…"


_decode_json = msgspec.json.Decoder().decode
_UNDECODABLE = (msgspec.DecodeError, UnicodeEncodeError, RecursionError)  # the second for lone surrogates


def _decoded(text: str) -> Any:
    try:
        return _decode_json(text)
    except _UNDECODABLE:
        pass
    try:
        return json.loads(text)  # what msgspec refuses and the platform's SDK takes: NaN, lone surrogates
    except (ValueError, RecursionError):
        return text


@cache
def _decoder(payload: type[Payload]) -> msgspec.json.Decoder[Payload]:
    return msgspec.json.Decoder(payload)


def _lenient(declared: type[Payload], data: Any) -> Payload:
    if not isinstance(data, Mapping):
        return declared()
    came = cast("Mapping[str, Any]", data)
    fields = msgspec.structs.fields(declared)
    return declared(**{field.name: _converted(came.get(field.name), field.type) for field in fields})


def _converted(value: Any, type_: Any) -> Any:
    try:
        return msgspec.convert(value, type_)
    except _UNDECODABLE:
        return None
