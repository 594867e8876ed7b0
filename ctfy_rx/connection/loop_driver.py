"""Reads a connection in a task, with an asynchronous client."""

# ruff: noqa: BLE001  # whatever ends a connection must reach its subscriber

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from reactivex import abc

from ctfy_rx.connection.answers import BODY_BYTES, answer_behind, is_event_stream
from ctfy_rx.connection.attempt import Attempt
from ctfy_rx.connection.bodies import async_body_of
from ctfy_rx.connection.clients import LoopSockets
from ctfy_rx.connection.driver import Driver
from ctfy_rx.connection.time_limits import HeadLimit
from ctfy_rx.errors import LoopClosed
from ctfy_rx.sse import Frame, FrameDecoder
from ctfy_rx.threads.loops import LoopTask, on_loop

__all__ = ["LoopDriver"]

_REFUSAL_BYTES = 2 * BODY_BYTES  # so that a secret at the end of what is kept is read whole


class LoopDriver(Driver):
    """Reads in a task on an event loop."""

    def __init__(
        self,
        attempt: Attempt,
        decoder: FrameDecoder,
        observer: abc.ObserverBase[list[Frame]],
        loop: asyncio.AbstractEventLoop,
        **timeouts: float,
    ) -> None:
        super().__init__(attempt, decoder, observer, **timeouts)
        self._loop = loop
        self._reading = asyncio.Timeout(None)  # ends at once when it is asked to
        self._head = HeadLimit(attempt.wanted.head_timeout, self._stop_reading, loop.call_later)
        self._sockets = LoopSockets()
        self._task: LoopTask | None = None

    def start(self) -> None:
        """Begin; from any thread."""
        loop = self._loop
        self._session.end = self.end
        self._task = LoopTask(loop, self._run, on_lost=self.finish, left_behind=self._sockets.cut)

    def dispose(self) -> None:
        """End it; from any thread."""
        super().dispose()
        if self._task is not None:
            self._task.dispose()

    def end(self) -> None:
        """End as if the server had; from any thread."""
        super().end()
        with suppress(RuntimeError):  # the loop is closed
            on_loop(self._loop, self._stop_reading)

    def _stop_reading(self) -> None:
        with suppress(RuntimeError, AssertionError):  # it has not begun, or it is over
            self._reading.reschedule(self._loop.time())

    async def _run(self) -> None:
        end: Exception | None = None
        try:
            async with aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    self.deliver(chunk)
                    if self._disposed or self._ended:
                        break
                    await asyncio.sleep(0)  # who awaits an event has it before the next read is prepared
        except Exception as error:  # of the connection, or raised by a subscriber
            end = error
        except (KeyboardInterrupt, SystemExit) as error:  # they stop the loop
            self.finish(LoopClosed(f"{type(error).__name__} stopped the event loop that drove the stream"))
            raise
        self.finish(end)

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        failure: Exception | None = None
        try:
            async with aclosing(self._client), self._reading:
                self.go_on()
                answer = self._session.before_open(self._attempt)
                if inspect.isawaitable(answer):
                    await answer
                response = await self._open()
                self.opened(response)
                async with aclosing(async_body_of(response, self._attempt.request.idle_timeout)) as chunks:
                    async for chunk in chunks:
                        yield chunk
        except Exception as error:
            failure = self.failure(error)
        if failure is not None:
            raise failure  # out of the handler: httpx's error, which holds the request, is not chained

    async def _open(self) -> Any:
        async def check(response: Any) -> None:
            self.refuse_bad_location(response)

        async def trace(name: str, info: dict[str, Any]) -> None:
            await hold(name, info)
            self.traced(name, info)

        steps = self.exchange()
        self._client.event_hooks["response"].append(check)
        request, options = next(steps)
        while True:
            self.go_on()
            self.sends(request)
            hold = self._sockets.trace()
            request.extensions["trace"] = trace
            try:
                response = await self._client.send(request, stream=True, follow_redirects=False, **options)
            except Exception as error:
                response = answer_behind(error)
            try:
                request, options = steps.send(response)
            except StopIteration:
                break
            await response.aclose()
        if is_event_stream(response):
            return response
        raise self.refusal(response, await self._beginning(response))

    async def _beginning(self, response: Any) -> bytes:
        body, is_page = b"", response.is_success
        timeout = asyncio.timeout(self._page_timeout if is_page else self._refusal_timeout)
        with suppress(Exception):  # the status says what matters
            async with timeout, aclosing(async_body_of(response)) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if is_page or len(body) >= _REFUSAL_BYTES:
                        break
        return body[:_REFUSAL_BYTES]
