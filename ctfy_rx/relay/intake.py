"""What comes from the platform and waits to be published."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from ctfy_rx.catalogue import Payload
from ctfy_rx.delivery.status_feed import StatusSubject
from ctfy_rx.errors import CtfyRxError
from ctfy_rx.event import Event
from ctfy_rx.stream.stream import EventStream
from ctfy_rx.threads.loops import LoopScheduler

__all__ = ["Intake"]

_MOST = 100_000  # events, more than which are left in the log; many more than `Journal.last` goes back


class Intake:
    """The events of `open_stream`, which is given where in the log to begin, one after another.

    It ends when there are too many; then it must begin anew. Paused it takes in nothing: the log holds stored
    events, and `dropped` is called for each signal. All of it belongs to one event loop.
    """

    def __init__(
        self, open_stream: Callable[[str | None], EventStream], *, dropped: Callable[[], None]
    ) -> None:
        self.status = StatusSubject()
        self.failure: CtfyRxError | None = None  # of the platform, for good
        self.since: str | None = None
        self._open_stream = open_stream
        self._dropped = dropped
        self._stream: EventStream | None = None
        self._waiting: deque[Event[Payload]] = deque()
        self._something = asyncio.Event()
        self._paused = True
        self._overrun = False

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, since: str | None) -> None:
        """Take in what comes in the log after `since`, and what comes live."""
        self.pause()
        self._paused = self._overrun = False
        self.since = since
        before, self._stream = self._stream, self._open_stream(since)
        if before is not None:
            before.close()
        self._stream.status.subscribe(self.status.emit)
        loop = asyncio.get_running_loop()
        self._stream.subscribe(self._take, self._fail, scheduler=LoopScheduler(loop))

    def pause(self) -> None:
        """Take in nothing more, and forget what waits."""
        self._paused = True
        while self._waiting:
            self._leave(self._waiting.popleft())

    def close(self) -> None:
        """End the stream."""
        self._paused = True
        self._waiting.clear()
        if self._stream is not None:
            self._stream.close()

    async def __aiter__(self) -> AsyncIterator[Event[Payload]]:
        while not self._overrun or self._waiting:
            while self._waiting:
                yield self._waiting.popleft()
            if self.failure is not None:
                raise self.failure
            if not self._overrun:
                self._something.clear()
                await self._something.wait()

    def _take(self, event: Event[Payload]) -> None:
        if not self._paused and len(self._waiting) >= _MOST:
            self._overrun = True
        if self._paused or self._overrun:
            self._leave(event)
        else:
            self._waiting.append(event)
        self._something.set()

    def _leave(self, event: Event[Payload]) -> None:
        if event.log_id is None:
            self._dropped()

    def _fail(self, error: Exception) -> None:
        self.failure = error if isinstance(error, CtfyRxError) else CtfyRxError(str(error))
        self._something.set()
