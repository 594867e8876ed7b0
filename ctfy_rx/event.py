"""`Frame` -> `Event`: what a frame means, decoded when somebody asks for it and not before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeGuard, cast

import msgspec
from typing_extensions import TypeVar

from ctfy_rx.catalogue import Payload
from ctfy_rx.decoding import decoded, encoded, payload_of
from ctfy_rx.text.html import Html, element, page, table
from ctfy_rx.text.printable import escaped, short

__all__ = ["Event", "Origin", "is_event"]

Origin = Literal["live", "log", "replay", "local"]
P = TypeVar("P", bound=Payload, covariant=True, default=Payload)  # noqa: PLC0105 - Event[P]

_REPR_LENGTH = 200
_LONGEST_NAME = 40
_MOST_FIELDS = 50
_PRIVATE = {"ip", "email"}  # a notebook is shown to others; `data` has them
_OF_THE_FRAME = ("challenge_id", "actor_id", "actor_name", "actor_type", "actor_avatar_url")
_ITEMS: tuple[Literal["event"], Literal["data"]] = ("event", "data")


if TYPE_CHECKING:
    _lazy = property
else:

    class _lazy:  # noqa: N801 - a decorator
        """An attribute that is made when it is first read.

        From then on the instance's own hides this one, and a read takes 20 ns. `functools.cached_property`
        does the same, but takes a lock on Python 3.11, and a property 130 ns for each read.
        """

        def __init__(self, make):  # noqa: ANN001, ANN204
            self._make = make
            self._name = make.__name__
            self.__doc__ = make.__doc__

        def __get__(self, event, _owner):  # noqa: ANN001, ANN204
            if event is None:
                return self
            value = event.__dict__[self._name] = self._make(event)
            return value


class Event(msgspec.Struct, Generic[P], frozen=True, dict=True):
    """Something that happened in a contest: a name, data, and when.

    `text` is the payload as it came; `data`, `payload`, `at` and `received_at` are made from it when they are
    first read. `received`, when its bytes were read, and `logged` are unix times in seconds. `log_id`,
    `team_id` and `team_name` are known of events that were read from the platform's activity log, and None
    where only a frame was seen.
    `challenge_name` and `actor_name` are filled in by `EventStream.named`, as is a team that the log did not
    tell.
    An event of the origin ``"local"`` came from nowhere: it was made here, as `scoreboard_updated` is after a
    gap, and is not recorded.
    `cursor` is what to give to ``since=`` to go on after this event. `recorded` is the origin with which an
    event of the origin ``"replay"`` was recorded.
    ``msgspec.json.encode(event)`` gives what came and nothing that was made from it.

    It can stand in for the dict that the platform's own SDK gives: ``event["data"]``, ``dict(event)``.

    >>> event = Event("flag_correct", '{"challenge_id": "pwn-1", "solve_time_s": 98.3}', received=0.0)
    >>> event.data["challenge_id"], event.payload.solve_time_s, event.at.isoformat()
    ('pwn-1', 98.3, '1970-01-01T00:00:00+00:00')
    >>> Event("note", "no { json").data
    'no { json'
    >>> Event("flag_wrong", '{"actor_name": "Mallory", "solve_time_s": "soon"}').payload.actor_name
    'Mallory'
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
    cursor: str | None = None
    recorded: Origin | None = None
    challenge_name: str | None = None
    actor_name: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], *, received: float) -> Event[Payload]:
        """The event that a row of the platform's activity log means; `received` is a unix time (seconds).

        Its data are those of the frame. What a row without a usable time means was logged at an unknown time
        (None). Raises ValueError for a row without a usable id or name.

        >>> row = {"id": "7", "timestamp": "1970-01-01T00:00:01Z", "event": "solve", "challenge_id": "pwn"}
        >>> event = Event.from_row({**row, "detail": {"flag_id": "a", "note": None}}, received=2.0)
        >>> event.log_id, event.at.isoformat(), event.data
        (7, '1970-01-01T00:00:01+00:00', {'challenge_id': 'pwn', 'flag_id': 'a'})
        """
        try:
            return Event(
                _required(row["event"]),
                _frame_text(row),
                "",
                received,
                "log",
                _whole_number(row["id"]),
                _unix_time(row.get("timestamp")),
                _text_or_none(row.get("team_id")),
                _text_or_none(row.get("team_name")),
            )
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError):
            raise ValueError("this is no row of the platform's activity log") from None

    @_lazy
    def data(self) -> Any:
        """The decoded JSON, or the text itself where it is none."""
        return decoded(self.text)

    @_lazy
    def payload(self) -> P:
        """The data as the typed payload of the catalogue, a plain `Payload` for an event that the catalogue
        does not know.

        Never raises: a field that is missing, null or of another type than declared is None here, and as it
        came in `data`.
        """
        payload: P = payload_of(self.event, self.text)
        return payload

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

    def having(self, **changes: Any) -> Self:
        """The same event with other values of these attributes.

        >>> Event("flag_wrong", "{}").having(team_name="Red").team_name
        'Red'
        """
        other = msgspec.structs.replace(self, **changes)
        if "text" not in changes and "event" not in changes:
            vars(other).update(vars(self))  # what was decoded already
        return other

    def with_data(self, **fields: Any) -> Self:
        """The same event with these fields in its data; unchanged where its data are no JSON object.

        >>> Event("flag_correct", '{"flag_id": "a"}').with_data(first_blood="flag").text
        '{"flag_id":"a","first_blood":"flag"}'
        """
        data: Any = self.data
        return self.having(text=encoded(data | fields)) if isinstance(data, dict) else self

    def __repr__(self) -> str:
        known = (("by", self.actor_name), ("of", self.team_name), ("on", self.challenge_name))
        names = "".join(f" {role} {escaped(name, _LONGEST_NAME)}" for role, name in known if name)
        about = f"{escaped(self.event, _LONGEST_NAME)} {self.at:%Y-%m-%dT%H:%M:%SZ} {self.origin}{names}"
        return f"<Event {short(f'{about} {_shown(self.text)}', _REPR_LENGTH - len('<Event >'))}>"

    def _repr_html_(self) -> str:
        known = (self.team_name, self.log_id and f"log {self.log_id}", self.origin)
        when = f" · {self.at:%Y-%m-%d %H:%M:%S} UTC · {' · '.join(str(it) for it in known if it)}"
        head = element("div", element("b", self.event), element("span", when, class_="dim"))
        return page(head, *_html_of(self.data))


def is_event(item: object) -> TypeGuard[Event[Any]]:
    """Whether `item` is an event, of whatever payload: what ``isinstance`` does not tell type checkers."""
    return isinstance(item, Event)


def _html_of(data: Any) -> Iterator[Html]:
    if not isinstance(data, dict):
        yield element("div", _shown(str(data)))
        return
    fields = cast("dict[str, Any]", data)
    rows = (
        [element("td", name, class_="dim"), _shown(value if isinstance(value, str) else repr(value))]
        for name, value in list(fields.items())[:_MOST_FIELDS]
        if name not in _PRIVATE
    )
    yield table([], rows, class_="fields")


def _frame_text(row: Mapping[str, Any]) -> str:
    """What the frame of that row held."""
    data = {name: row[name] for name in _OF_THE_FRAME if name in row}
    detail = row.get("detail")
    if isinstance(detail, Mapping):
        fields = cast("Mapping[str, Any]", detail)
        data |= {name: value for name, value in fields.items() if value is not None}
    return encoded(data)


def _unix_time(moment: object) -> float | None:
    try:
        time = datetime.fromisoformat(cast("str", moment))
        return (time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _whole_number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(value)
    return int(value)


def _required(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(value)
    return value


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _shown(text: str) -> str:
    """What a server sends must not write lines of its own into a log, nor fill it."""
    return escaped(text, _REPR_LENGTH)
