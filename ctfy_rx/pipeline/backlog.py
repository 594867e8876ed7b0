"""What waits between the reader of a socket and the subscribers, so that they never hold it up.

Live events wait in a bounded buffer, and what does not fit is dropped by its policy and counted. What comes
from the log waits by itself: the log can wait to be read, so nothing of it is ever dropped. Live events are
given on in batches, those of the log one by one: the cursor is exact while any of them is delivered, and
stands still until everybody who was given it is done with it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator

from reactivex import abc

from ctfy_rx.catalogue import Payload
from ctfy_rx.delivery.buffer import Buffer
from ctfy_rx.delivery.receipts import Progress
from ctfy_rx.delivery.standstill import Standstill
from ctfy_rx.event import Event
from ctfy_rx.stats import Counters
from ctfy_rx.status import Lagging, Status

__all__ = ["Delivery"]

_BATCH = 64
_LAG_TOLD = 1.0  # seconds
_LAG_TOLD_EVERY = 10.0  # seconds
_UNTIL_IT_RETURNS = (
    "until it does nobody hears anything: give what it waits for a timeout, "
    "or let stream.buffered() give it a thread of its own"
)


class Delivery:
    """Gives events to `observer`, when `drain` is called; `wake` is called when there is something to drain.

    One thread or task drains; any may `put`, `give` and `end`.
    """

    def __init__(
        self,
        observer: abc.ObserverBase[Iterator[Event[Payload]]],
        buffer: Buffer[Event[Payload]],
        counters: Counters,
        tell: Callable[[Status], None],
        progress: Progress,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._progress = progress
        self._observer = observer
        self._live = buffer
        self._logged: deque[Event[Payload]] = deque()
        self._giving: Generator[Event[Payload]] | None = None
        self._given: Callable[[], None] | None = None
        self._end: Callable[[], None] | None = None
        self._stopped = False
        self._counters = counters
        self._tell = tell
        self._clock = clock
        self._lag_told = 0.0
        self._standstill = Standstill(_UNTIL_IT_RETURNS)

    def put(self, events: list[Event[Payload]]) -> None:
        """Deliver live events. Raises `BufferOverflow` where that is the policy of their buffer."""
        self._look_for_a_standstill()
        if not events:
            return
        try:
            self._live.extend(events)
        finally:
            self.wake()

    def give(self, events: list[Event[Payload]], given: Callable[[], None]) -> None:
        """Deliver `events` of the log, and call `given`; to be called again only then."""
        self._given = given
        self._logged.extend(events)
        self.wake()

    def end(self, error: Exception | None) -> None:
        """Complete or fail, after all that waits; the first end counts."""
        if self._end is not None:
            return
        on_error, on_completed = self._observer.on_error, self._observer.on_completed
        self._end = on_completed if error is None else lambda: on_error(error)
        self.wake()

    def fail(self, error: Exception) -> None:
        """Fail now, before all that waits; for who drains."""
        self.stop()
        if self._giving is not None:
            self._giving.close()  # the subscribers' hub keeps what an exception has left of it
        self._observer.on_error(error)

    def stop(self) -> None:
        """Deliver nothing more; what waits is forgotten."""
        self._stopped = True
        self._live.clear()

    def drain(self) -> bool:
        """Deliver some of what waits; whether there may be more."""
        if self._stopped:
            return False
        if self._giving is not None:  # an exception that was meant for the program has left some of them
            self._give(self._giving)
        elif self._logged:
            self._give_logged()
        elif live := self._live.take_several(_BATCH):
            self._give(self._each(live))
        else:
            self._finish()
            return False
        return True

    def _give(self, events: Generator[Event[Payload]]) -> None:
        self._giving = events
        self._standstill.begins()
        try:
            self._observer.on_next(events)
        finally:
            self._standstill.at = None
        self._giving = None

    def _each(self, events: list[Event[Payload]]) -> Generator[Event[Payload]]:
        """`events`, with what is counted of each while they are taken."""
        counters, clock, standstill = self._counters, self._clock, self._standstill
        for event in events:
            standstill.at = event
            now = clock()
            lag = now - event.received
            counters.lag = lag if lag > 0 else 0.0
            if lag > _LAG_TOLD:
                self._tell_lag(lag, now)
            yield event
            counters.events += 1

    def _look_for_a_standstill(self) -> None:
        held_up = self._standstill.look()
        if held_up:
            self._counters.lag = held_up
            self._tell_lag(held_up, self._clock())

    def _tell_lag(self, lag: float, now: float) -> None:
        if now - self._lag_told > _LAG_TOLD_EVERY:
            self._lag_told = now
            self._tell(Lagging(lag))

    def _give_logged(self) -> None:
        event = self._logged.popleft()  # before it is given, so that it never comes again
        try:
            self._progress.deliver(event.cursor or "", lambda: self._give(self._each([event])))
        finally:
            if not self._logged and self._given is not None:
                given, self._given = self._given, None
                given()

    def _finish(self) -> None:
        if self._end is not None:
            end, self._end = self._end, None
            self._stopped = True
            self._live.drops.tell()
            end()
