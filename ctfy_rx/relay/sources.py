"""Where served events come from: the broker, or the platform itself. Each has ids of its own kind, the same
for all relays, so that a client may go on at another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from reactivex import operators as ops

from ctfy_rx.errors import CtfyRxError
from ctfy_rx.event import Event
from ctfy_rx.ledger import Cursor
from ctfy_rx.relay.broker import Broker
from ctfy_rx.relay.consuming import from_nats
from ctfy_rx.relay.journal import STREAM, Journal
from ctfy_rx.stream.events import events
from ctfy_rx.stream.history import history
from ctfy_rx.stream.stream import EventStream

if TYPE_CHECKING:
    from nats.js.api import StreamState

__all__ = ["NatsSource", "PlatformSource", "Source"]

_PRELOADED = 5000  # events: those who come back after a restart of the relay find theirs in memory
_DIGITS = 20  # of the largest sequence


class Source(Protocol):
    """Events with ids."""

    async def live(self) -> EventStream:
        """What comes from now on, and a little before."""
        ...

    async def after(self, last_id: str) -> EventStream | None:
        """What came after the event `last_id`; None where that is no id, or none that there can be."""
        ...

    async def holds(self, last_id: str) -> bool:
        """Whether that is all that came."""
        ...


class NatsSource:
    """The stream of JetStream; an id is a sequence. `options` are those of `from_nats`."""

    def __init__(self, url: str | list[str], *, stream: str = STREAM, **options: Any) -> None:
        self._url = url
        self._options: dict[str, Any] = options
        self._broker = Broker(url, **options)
        self._stream = stream
        self._domain = options.get("domain")

    async def live(self) -> EventStream:
        """As of `Source`."""
        return self._read(await self._beginning())

    async def after(self, last_id: str) -> EventStream | None:
        """As of `Source`."""
        if not _is_sequence(last_id):
            return None
        state = await self._state()
        if state is not None and (int(last_id) > state.last_seq or not state.messages):
            return None  # of a stream that was there before this one, or of nothing
        return self._read(int(last_id) + 1)

    async def holds(self, last_id: str) -> bool:
        """As of `Source`."""
        state = await self._state() if _is_sequence(last_id) else None
        return state is not None and state.first_seq - 1 <= int(last_id) <= state.last_seq

    def _read(self, sequence: int) -> EventStream:
        return from_nats(self._url, stream=self._stream, sequence=sequence, **self._options)

    async def _beginning(self) -> int:
        state = await self._state()
        return 1 if state is None else max(1, state.last_seq - _PRELOADED + 1)

    async def _state(self) -> StreamState | None:
        try:
            async with self._broker.connection() as connection:
                return (await Journal(connection, self._stream, self._domain).info()).state
        except Exception:  # noqa: BLE001 - the stream tells of it, and waits for the broker
            return None


class PlatformSource:
    """The platform itself; an id is a cursor of its log, and signals have none. `options` are those of
    `ctfy_rx.events`."""

    def __init__(self, url: str | None, *, token: Any = None, **options: Any) -> None:
        self._url = url
        self._token = token
        self._options: dict[str, Any] = {"log": True} | options

    async def live(self) -> EventStream:
        """As of `Source`."""
        return _numbered(events(self._url, token=self._token, **self._options))

    async def after(self, last_id: str) -> EventStream | None:
        """As of `Source`."""
        try:
            Cursor.parse(last_id)
        except CtfyRxError:
            return None
        return _numbered(history(self._url, token=self._token, since=last_id))

    async def holds(self, last_id: str) -> bool:  # noqa: ARG002 - whichever it is
        """As of `Source`: no log holds signals."""
        return False


def _is_sequence(last_id: str) -> bool:
    return last_id.isdecimal() and last_id.isascii() and len(last_id) <= _DIGITS


def _numbered(stream: EventStream) -> EventStream:
    """Each event of the log with its cursor as its id."""

    def numbered(event: Event[Any]) -> Event[Any]:
        return msgspec.structs.replace(event, id=event.cursor or "")

    return stream.derived(ops.map(numbered)(stream))
