"""What a relay has on its way to the broker: some messages at a time, confirmed in their order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from ctfy_rx.catalogue import Payload
from ctfy_rx.event import Event
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.relay.broker import Connection
from ctfy_rx.relay.journal import CURSOR, MESSAGE_ID
from ctfy_rx.relay.messages import encode, message_id, subject

if TYPE_CHECKING:
    from nats.js.api import PubAck

__all__ = ["SIGNAL", "Sending"]

SIGNAL = "Ctfy-Signal"
"""The header that marks what the platform's log does not hold."""

_ON_THE_WAY = 256  # messages that are published and not yet confirmed
_PATIENCE = 5.0  # seconds until one is confirmed
_OF_HEADERS = 1024  # bytes


class Sending:
    """What is on its way to the stream `name`, in order. All before `cursor` is published."""

    def __init__(self, connection: Connection, name: str, cursor: str | None) -> None:
        self._js = connection.client.jetstream(publish_async_max_pending=_ON_THE_WAY)
        self._largest = connection.client.max_payload - _OF_HEADERS
        self._name = name
        self._cursor = cursor
        self._sent: asyncio.Queue[tuple[Event[Payload], asyncio.Future[PubAck]]] = asyncio.Queue()

    async def send(self, event: Event[Payload]) -> None:
        """Publish `event`; waits while too much is on the way."""
        named = message_id(event)
        headers = {SIGNAL: "1"} if named is None else {MESSAGE_ID: named}
        if cursor := (self._cursor if named is None else event.cursor):
            headers[CURSOR] = cursor
        payload = encode(event)
        if len(payload) > self._largest:  # else nothing after it would ever be published
            _log.warning("%.200r is larger than the broker takes: it is published without its data", event)
            payload = encode(msgspec.structs.replace(event, text=""))
        ack = await self._js.publish_async(subject(event), payload, stream=self._name, headers=headers)
        self._sent.put_nowait((event, ack))

    async def confirmed(self) -> AsyncIterator[tuple[Event[Payload], PubAck]]:
        """Each event with its acknowledgement. Raises where one is refused, or takes too long."""
        while True:
            event, ack = await self._sent.get()
            try:
                async with asyncio.timeout(_PATIENCE):
                    acknowledged = await ack
            finally:
                _forget(ack)
            self._cursor = event.cursor or self._cursor
            yield event, acknowledged
            self._sent.task_done()

    async def all_confirmed(self) -> None:
        """Wait for what is on the way."""
        await self._sent.join()

    def close(self) -> None:
        """Wait for nothing more."""
        while not self._sent.empty():
            _forget(self._sent.get_nowait()[1])


def _forget(ack: asyncio.Future[PubAck]) -> None:
    if not ack.done():
        ack.cancel()
    elif not ack.cancelled():
        ack.exception()  # looked at, so that nobody warns of it
