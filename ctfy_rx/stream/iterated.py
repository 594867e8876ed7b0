"""Streams as loops: ``for``, ``async for``, one event at a time; and a script's last line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from typing_extensions import TypeVar

from ctfy_rx.catalogue import Payload
from ctfy_rx.delivery.handling import OnHandlerError, check_on_error, handled
from ctfy_rx.delivery.iterators import AsyncItems, Items
from ctfy_rx.delivery.repeats import Repeats
from ctfy_rx.delivery.subscribers import only_waiting
from ctfy_rx.errors import StreamClosed
from ctfy_rx.event import Event
from ctfy_rx.status import Closed
from ctfy_rx.stream.domain import DomainStream
from ctfy_rx.threads.consumers import Consumer
from ctfy_rx.threads.waiting import Alarm

__all__ = ["IteratedStream"]

P = TypeVar("P", bound=Payload, covariant=True, default=Payload)  # noqa: PLC0105 - as in `stream`


class IteratedStream(DomainStream[P]):
    """A stream to iterate over, and to wait for."""

    @property
    def waits(self) -> bool:
        """Whether iterators have it wait where it is faster than they are, as a recording can."""
        return self._pipeline.cold

    def __iter__(self) -> Items[Event[P]]:
        items = Items(self, drops=self._pipeline.drops())
        items.refuse_to_block()
        return items

    def __aiter__(self) -> AsyncItems[Event[P]]:
        return AsyncItems(self, drops=self._pipeline.drops())

    async def next_event(self, timeout: float | None = None) -> Event[P]:  # noqa: ASYNC109 - the one usual wait
        """The next event that comes from now on.

        What comes between two calls is not waited for, and the connection closes between them unless
        something else keeps it open (another subscriber, `connect`, ``events(linger=...)``): for all events,
        write ``async for``.

        Raises TimeoutError after `timeout` seconds, `StreamClosed` if the stream ends before, and what the
        stream fails with.
        """
        limit = asyncio.timeout(timeout)
        try:
            async with limit, AsyncItems(self) as items:
                async for event in items:
                    items.done()
                    return event
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimeoutError(f"no event came within {timeout} s") from None
        raise StreamClosed("the stream ended before an event came")

    async def each(
        self, handler: Callable[[Event[P]], Awaitable[object]], *, on_error: OnHandlerError = "raise"
    ) -> None:
        """Await `handler(event)` for each event, one after another, until the stream ends.

        Events that come meanwhile wait, as they do in ``async for``. What the handler raises ends this, or,
        with ``on_error="log"``, is logged under ``ctfy_rx``, what is raised again shortly and seldom, and the
        next event has its turn: for a bot that must outlive a chat service's bad moment. A cancellation of
        the task ends it in any case.

        Raises `ConfigurationError` for another `on_error`.
        """
        check_on_error(on_error)
        repeats = Repeats("the handler of each()")
        async with aiter(self) as items:
            try:
                async for event in items:
                    if not await handled(handler, event, on_error=on_error, repeats=repeats):
                        items.done(failed=True)
            finally:
                repeats.tell_the_rest()

    def __await__(self) -> NoReturn:
        raise TypeError(
            "a stream cannot be awaited: write `await stream.next_event()`, or `async for event in stream`"
        )

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the stream ends (True) or `timeout` seconds have passed (False); a script's last line.

        Keeps the connection open meanwhile, and raises what the stream fails with, or has failed with, and
        `ConfigurationError` on the event loop that reads it. Where nobody is left subscribed, because an
        operator's function raised and there was no ``on_error`` to hear of it, raises that. Ctrl-C ends the
        wait with `KeyboardInterrupt`, as it ends any other, and leaves the stream as it is.
        """
        self._raise_if_abandoned()
        ended_before = self.status.current
        if isinstance(ended_before, Closed):
            if ended_before.cause is not None:
                raise ended_before.cause
            return True
        ended = Alarm()
        failures: list[Exception] = []

        def on_error(error: Exception) -> None:
            failures.append(error)
            ended.set()

        consumer = Consumer()
        try:
            # Of no name: an event that only this would want need not be made.
            end = self.derived(self.selected(lambda _: False))
            with only_waiting(), consumer.subscribing(end):
                subscription = end.subscribe(on_error=on_error, on_completed=ended.set)
        except StreamClosed:
            return True
        watching = self._pipeline.subscribers.when_abandoned(on_error)
        try:
            consumer.refuse_to_block()
            has_ended = ended.wait(timeout)
        finally:
            watching.dispose()
            subscription.dispose()
        if failures:
            raise failures[0]
        if has_ended:
            self._raise_if_abandoned()
        return has_ended

    def _raise_if_abandoned(self) -> None:
        error = self._pipeline.abandoned
        if error is not None:
            raise error
