"""`Relay`: the events of a platform, published to NATS JetStream.

Stored events are published from rows of the platform's log, under the id of the row, so JetStream drops what
another relay has published before: any number of relays run side by side, with no leader and no lease. All
that a relay knows is in the stream itself: it begins, and begins again after each trouble with the broker,
by reading what was published last, and then reads the log from there on. So a row is published late, never
lost, as long as the platform's log holds it. A signal is published if the broker is there, else dropped and
counted.

JetStream forgets ids after the stream's duplicate window. A row that is older than half of it comes only from
a log that was away for that long; then what the other relays have published meanwhile is read anew before.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from ctfy_rx.catalogue import Payload
from ctfy_rx.delivery.status_feed import StatusFeed, StatusSubject
from ctfy_rx.errors import ConfigurationError, CtfyRxError
from ctfy_rx.event import Event
from ctfy_rx.platform.since import Since, checked
from ctfy_rx.reconnect import Backoff
from ctfy_rx.relay.broker import Broker, Connection
from ctfy_rx.relay.intake import Intake
from ctfy_rx.relay.journal import STREAM, Journal, Last, Limits
from ctfy_rx.relay.messages import message_id
from ctfy_rx.relay.sending import Sending
from ctfy_rx.status import Closed, Dropped, Open
from ctfy_rx.stream.events import events
from ctfy_rx.stream.stream import EventStream
from ctfy_rx.threads.loops import together

if TYPE_CHECKING:
    from nats.js.api import PubAck

__all__ = ["Relay", "RelayStats", "SignalsDropped"]


class SignalsDropped(Dropped, frozen=True):
    """Signals could not be published, and nothing holds them; `total` counts from the start.

    >>> print(SignalsDropped(3))
    the broker was away: 3 signals dropped so far, stored events come late
    """

    def __str__(self) -> str:
        return f"the broker was away: {self.total} signals dropped so far, stored events come late"


@dataclass(frozen=True, slots=True)
class RelayStats:
    """What a relay has done so far. `published` stored events were new to the stream, `duplicates` another
    relay (or this one before) had published; `signals` were published, `signals_dropped` were not. `waiting`
    events are to be published. `cursor` is up to where in the platform's log all is published."""

    published: int = 0
    duplicates: int = 0
    signals: int = 0
    signals_dropped: int = 0
    waiting: int = 0
    cursor: str | None = None


class Relay:
    """Publishes the events that `url`, a platform, gives for `token`, to the broker `to`.

    `stream` is the stream of JetStream that holds them, created with `limits` if it is not there. Where it is
    empty, `since` says where in the platform's log to begin. `status` tells of the broker, `upstream` of the
    platform. `initial` and `maximum` bound the delay between two attempts to reach either, in seconds;
    `nats` are options of ``nats.connect`` and the ``domain`` of JetStream, all other options those of
    `ctfy_rx.events`. Raises `ConfigurationError` and `MissingExtra`.

    >>> relay = Relay("http://127.0.0.1:8100", token="pt_secret", to="nats://127.0.0.1:4222")
    >>> relay.status
    <Status: idle: the first subscriber opens the connection>
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        to: str | list[str],
        token: Any = None,
        stream: str = STREAM,
        since: Since = "start",
        limits: Limits | None = None,
        initial: float = 0.5,
        maximum: float = 15.0,
        nats: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        since = checked(since)
        if not isinstance(since, str) and since is not None:
            raise ConfigurationError('since= of a relay is "start", a cursor, or None for now')
        options = {"log": True, "initial": initial, "maximum": maximum} | options

        def upstream(beginning: str | None) -> EventStream:
            return events(url, token=token, since=beginning, **options)

        upstream(since).close()  # what cannot work is refused here
        nats = dict(nats or {})
        self._domain = nats.get("domain")
        self._broker = Broker(to, **nats)
        self._name = stream
        self._since = since
        self._limits = limits or Limits()
        self._backoff = Backoff(initial=initial, maximum=maximum, reset_after=5.0)
        self._intake = Intake(upstream, dropped=self._signal_dropped)
        self._stats: RelayStats = RelayStats()
        self._running: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = StatusSubject()
        self.status: StatusFeed = self._told.feed
        self.upstream: StatusFeed = self._intake.status.feed
        self.address = self._broker.address

    @property
    def stats(self) -> RelayStats:
        """The numbers of this moment."""
        return replace(self._stats, waiting=len(self._intake))

    async def run(self) -> None:
        """Relay until cancelled. Raises what the platform refuses for good, and `ConfigurationError` for a
        stream that cannot hold events."""
        self._loop, self._running = asyncio.get_running_loop(), asyncio.current_task()
        cause: Exception | None = None
        try:
            await self._broker.work(
                self._session, tell=self._told.emit, backoff=self._backoff, gives_up=self._gives_up
            )
        except CtfyRxError as error:
            cause = error
            raise
        finally:
            self._intake.close()
            self._told.end(Closed(cause))

    def close(self) -> None:
        """End it; from any thread, returns when a relay on a thread of its own has ended."""
        if self._loop is not None and self._running is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._running.cancel)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> Self:
        """Relay on a thread of its own, until the end of the ``with``."""
        ready = threading.Event()

        async def run() -> None:
            self._loop, self._running = asyncio.get_running_loop(), asyncio.current_task()
            ready.set()
            with suppress(asyncio.CancelledError, CtfyRxError):  # the status tells
                await self.run()

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), name="ctfy_rx relay", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _gives_up(self, error: CtfyRxError) -> bool:
        return isinstance(error, ConfigurationError) or error is self._intake.failure

    async def _session(self, connection: Connection) -> None:
        journal = Journal(connection, self._name, self._domain)
        try:
            await journal.create_or_check(self._limits)
            while True:
                last = await journal.last()
                self._intake.begin(last.cursor or self._since)
                self._told.emit(Open(who=f"the publisher of {self._name} at {connection.address}"))
                await self._publish(connection, journal, last)
        finally:
            before = self._stats.signals_dropped
            self._intake.pause()
            if self._stats.signals_dropped > before:
                self._told.emit(SignalsDropped(self._stats.signals_dropped))

    async def _publish(self, connection: Connection, journal: Journal, last: Last) -> None:
        """Publish what comes; returns when it is time to look anew at what was published last."""
        sending = Sending(connection, self._name, self._intake.since)
        began = time.time()

        async def send() -> None:
            async for event in self._intake:
                if message_id(event) in last.ids:
                    continue
                if _may_be_forgotten(event, journal.window, began):
                    break
                await sending.send(event)
            await sending.all_confirmed()

        async def confirm() -> None:
            async for event, ack in sending.confirmed():
                self._count(event, ack)
                connection.delivered = True

        try:
            await together(send(), confirm())
        finally:
            sending.close()

    def _count(self, event: Event[Payload], ack: PubAck) -> None:
        stats = self._stats
        if event.log_id is None:
            self._stats = replace(stats, signals=stats.signals + 1)
        elif ack.duplicate:
            self._stats = replace(stats, duplicates=stats.duplicates + 1, cursor=event.cursor)
        else:
            self._stats = replace(stats, published=stats.published + 1, cursor=event.cursor)

    def _signal_dropped(self) -> None:
        dropped = self._stats.signals_dropped + 1
        self._stats = replace(self._stats, signals_dropped=dropped)
        if not dropped & (dropped - 1):  # at powers of two, as all drops are told
            self._told.emit(SignalsDropped(dropped))


def _may_be_forgotten(event: Event[Payload], window: float, began: float) -> bool:
    """Whether JetStream may have forgotten that another relay published `event`, and we do not know."""
    now = time.time()
    return event.logged is not None and now - event.logged > window / 2 and now - began > window / 4
