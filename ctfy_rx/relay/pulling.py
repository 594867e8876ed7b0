"""The messages of a consumer of JetStream, asked for ahead: what comes is there before it is wanted, and no
more of it than there is room for.

nats-py's own `fetch` returns when a whole batch has come, or its time is over: good for work in bulk, but an
event would wait for those after it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

from ctfy_rx.errors import ConnectionFailed
from ctfy_rx.relay.broker import Connection

if TYPE_CHECKING:
    from nats.aio.msg import Msg

__all__ = ["Pull"]

_EXPIRES = 30.0  # seconds after which a request is over
_HEARTBEAT = 2.0  # seconds: how often the server says that it has not forgotten us
_SILENCE = 2.5 * _HEARTBEAT
_BILLION = 1_000_000_000
_OVER = {"404", "408"}  # nothing there, expired


class Pull:
    """The messages of `consumer`; `room` says how many may come now, and is asked again after `look`.

    The requests have numbers, and what the server says of one it says at an address of its own.
    """

    def __init__(
        self, connection: Connection, stream: str, consumer: str, room: Callable[[], int], *, prefix: str
    ) -> None:
        self._client = connection.client
        self._next = f"{prefix}.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._consumer = consumer
        self._room = room
        self._inbox = self._client.new_inbox()
        self._came: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._asked: deque[list[int]] = deque()  # the number of each request, and how many it still brings
        self._number = 0
        self._heard = asyncio.Event()

    def look(self) -> None:
        """There may be more room than before."""
        self._came.put_nowait(None)

    async def messages(self) -> AsyncGenerator[Msg]:
        """The messages as they come. Raises `ConnectionFailed` when the server has forgotten the consumer."""
        subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._on_message)
        try:
            await self._ask()
            while True:
                message = await self._next_message()
                if message is None:
                    await self._ask()
                elif not self._is_said(message):
                    self._count()
                    yield message
                    if self._came.empty() or not self._asked:
                        await self._ask()
        finally:
            if not self._client.is_closed:
                await subscription.unsubscribe()

    async def _on_message(self, message: Msg) -> None:
        self._came.put_nowait(message)

    async def _next_message(self) -> Msg | None:
        if not self._came.empty():
            return self._came.get_nowait()
        try:
            async with asyncio.timeout(_SILENCE if self._asked else None):
                return await self._came.get()
        except TimeoutError:
            raise ConnectionFailed(f"the broker has fallen silent on the consumer {self._consumer}") from None

    async def _ask(self) -> None:
        room, coming = self._room(), sum(rest for _, rest in self._asked)
        if room <= 0 or coming > room // 2:
            return
        self._number += 1
        batch = room - coming
        self._asked.append([self._number, batch])
        request = {
            "batch": batch,
            "expires": int(_EXPIRES * _BILLION),
            "idle_heartbeat": int(_HEARTBEAT * _BILLION),
        }
        await self._client.publish(self._next, json.dumps(request).encode(), f"{self._inbox}.{self._number}")

    def _count(self) -> None:
        if self._asked:
            self._asked[0][1] -= 1
            if self._asked[0][1] <= 0:
                self._asked.popleft()

    def _is_said(self, message: Msg) -> bool:
        """Whether this is no message of the stream but what the server says of a request."""
        status = (message.headers or {}).get("Status")
        if status is None or not message.subject.startswith(self._inbox):
            return False
        if status == "100":
            return True
        if status not in _OVER:
            said = (message.headers or {}).get("Description", "")
            raise ConnectionFailed(f"the broker has ended the consumer {self._consumer}: {said or status}")
        over = int(message.subject.rpartition(".")[2])
        self._asked = deque(each for each in self._asked if each[0] != over)
        self.look()
        return True
