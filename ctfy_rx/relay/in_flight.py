"""What is in flight to a consumer's subscribers: messages of NATS that came and are not yet done with."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from ctfy_rx.relay.broker import Connection

if TYPE_CHECKING:
    from nats.aio.msg import Msg

__all__ = ["InFlight"]

_ACK, _NAK, _WORKING = b"+ACK", b"-NAK", b"+WPI"
_REMEMBERED = 4096  # messages that were done with, whose acknowledgement may have been lost
_LONGEST_DELAY = 30.0  # seconds, before a message comes again on which a subscriber raised


class InFlight:
    """At most `size` messages. With `acknowledges` each is acknowledged when it is done with, and comes again
    when it failed; those that take their time are kept alive for `ack_wait` seconds and more.

    All but `settled` belongs to the event loop that reads.
    """

    def __init__(self, size: int, *, acknowledges: bool, ack_wait: float) -> None:
        self.look: Callable[[], None] = lambda: None  # there may be more room
        self._size = size
        self._acknowledges = acknowledges
        self._ack_wait = ack_wait
        self._held: dict[int, Msg] = {}
        self._alive: dict[int, float] = {}  # when the broker gave each, or was told that it is in hand
        self._done: dict[int, None] = {}  # the oldest first
        self._outbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._sent = asyncio.Event()

    def room(self) -> int:
        """How many more messages it can hold."""
        return self._size - len(self._held)

    def take(self, sequence: int, message: Msg) -> bool:
        """Whether `message` is to be delivered: it is not in hand, and was not done with."""
        if sequence in self._done:
            self._answer(message, _ACK)
            return False
        known = sequence in self._held
        self._held[sequence] = message
        self._alive[sequence] = time.monotonic()
        return not known

    def settle(self, sequence: int, well: bool) -> None:
        """The message of that `sequence` is done with, or somebody failed."""
        message = self._held.pop(sequence, None)
        if message is None:
            return
        del self._alive[sequence]
        if self._acknowledges and well:
            self._done[sequence] = None
            if len(self._done) > _REMEMBERED:
                del self._done[next(iter(self._done))]
            self._answer(message, _ACK)
        elif self._acknowledges:
            delay = min(2.0 ** (message.metadata.num_delivered - 1), _LONGEST_DELAY)
            self._answer(message, _NAK + b" " + json.dumps({"delay": int(delay * 1e9)}).encode())
        if len(self._held) <= self._size // 2:
            self.look()

    async def answer(self, connection: Connection) -> None:
        """Send the answers, until cancelled."""
        keeping = asyncio.ensure_future(self._keep_alive())
        try:
            while True:
                reply, payload = await self._outbox.get()
                await connection.client.publish(reply, payload)
                if self._outbox.empty():
                    self._sent.set()
        finally:
            keeping.cancel()

    async def emptied(self) -> None:
        """Wait until all is done with, and the answers are sent."""
        while self._held or not self._outbox.empty():
            self._sent.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await self._sent.wait()

    async def _keep_alive(self) -> None:
        """On a clock of its own: what waits may expire however much is acknowledged meanwhile."""
        while self._acknowledges:
            await asyncio.sleep(self._ack_wait / 6)
            now = time.monotonic()
            for sequence, message in self._held.items():
                if now - self._alive[sequence] >= self._ack_wait / 3:
                    self._alive[sequence] = now
                    self._answer(message, _WORKING)

    def _answer(self, message: Msg, payload: bytes) -> None:
        if message.reply:
            self._outbox.put_nowait((message.reply, payload))
