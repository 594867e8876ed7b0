"""Reading a stream of JetStream through one connection after another: where it begins, what consumer does it,
and where it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

import msgspec

from ctfy_rx.catalogue import Payload
from ctfy_rx.errors import ConfigurationError, ConnectionFailed
from ctfy_rx.event import Event
from ctfy_rx.relay.broker import Connection
from ctfy_rx.relay.in_flight import InFlight
from ctfy_rx.relay.journal import Journal
from ctfy_rx.relay.messages import decode, subjects
from ctfy_rx.status import Gap, Open, Status

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.js.api import ConsumerConfig

__all__ = ["Deliver", "Pace", "Reading", "Start", "Wish"]

Pace = Literal["at_once", "original"]
Start = Literal["start"] | datetime | int | None
"""A beginning: of the stream, a time, a sequence; None is now."""

Deliver = Callable[[int, Event[Payload]], None]

_MOST_IN_FLIGHT = 1024  # messages
_PARTING = 5.0  # seconds that subscribers have to be done with what they have
_FORGOTTEN_AFTER = 60.0  # seconds without a reader, after which the broker drops a consumer without a name
_SEVERAL_SUBJECTS = (2, 10)  # the version of the broker that filters by more than one


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of the stream `stream`; see `from_nats`."""

    stream: str
    names: tuple[str, ...]
    competition: str | None
    matches: Callable[[str], bool] | None
    start: Start
    durable: str | None
    pace: Pace
    ack_wait: float
    domain: str | None


class Reading:
    """What one subscription reads; `deliver` is given each event with its sequence."""

    def __init__(self, wish: Wish, tell: Callable[[Status], None], deliver: Deliver) -> None:
        self.in_flight = InFlight(
            _MOST_IN_FLIGHT, acknowledges=wish.durable is not None, ack_wait=wish.ack_wait
        )
        self._wish = wish
        self._tell = tell
        self._deliver = deliver
        self._start = wish.start
        self._lost_at: float | None = None

    async def session(self, connection: Connection) -> None:
        """Read through `connection`, until it is lost or we are cancelled."""
        journal = Journal(connection, self._wish.stream, self._wish.domain)
        consumer = await (self._shared(journal) if self._wish.durable else self._own(journal))
        self._tell(Open(who=f"a consumer of {journal.name} at {connection.address}"))
        pull = journal.pull(consumer, self.in_flight.room)
        self.in_flight.look = pull.look
        answers = asyncio.ensure_future(self.in_flight.answer(connection))
        expected = 1
        try:
            async for message in pull.messages():
                place = message.metadata.sequence
                if self._wish.durable is None and place.consumer != expected:
                    raise ConnectionFailed("messages were lost on their way: they are asked for again")
                expected += 1
                self._read(place.stream, message)
                connection.delivered = True
        except asyncio.CancelledError:
            if not connection.is_lost:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PARTING):
                        await self.in_flight.emptied()
            raise
        finally:
            answers.cancel()
            self.in_flight.look = lambda: None
            if self._wish.durable is None and not connection.is_lost:
                await _drop(connection, journal.name, consumer)

    def _read(self, sequence: int, message: Msg) -> None:
        if self._wish.durable is None:
            self._start = sequence + 1
        if not self.in_flight.take(sequence, message):
            return
        event = _event(sequence, message)
        if self._wish.matches is None or self._wish.matches(event.event):
            self._deliver(sequence, event)
        else:
            self.in_flight.settle(sequence, well=True)

    async def _own(self, journal: Journal) -> str:
        """A consumer of our own, which begins after what was read last."""
        from nats.js.api import AckPolicy  # noqa: PLC0415 - needs the extra

        state = (await _known(journal)).state
        if self._start is None:  # not "new", which would be another now at the next attempt
            self._start = state.last_seq + 1
        elif isinstance(self._start, int) and self._start > state.last_seq + 1:
            raise ConnectionFailed(
                f"{journal.name} ends at {state.last_seq}, before {self._start}: it is another stream, or it "
                "has lost its end"
            )
        elif isinstance(self._start, int) and self._start < state.first_seq and state.messages:
            self._tell(Gap(0.0))
        config = self._config(journal)
        config.ack_policy, config.mem_storage, config.num_replicas = AckPolicy.NONE, True, 1
        config.inactive_threshold = _FORGOTTEN_AFTER
        return (await journal.add(config)).name

    async def _shared(self, journal: Journal) -> str:
        """The consumer that the broker remembers; created if it is not there."""
        from nats.js.api import AckPolicy  # noqa: PLC0415 - needs the extra
        from nats.js.errors import APIError, NotFoundError  # noqa: PLC0415

        name = str(self._wish.durable)
        await _known(journal)
        config = self._config(journal)
        config.durable_name, config.ack_policy = name, AckPolicy.EXPLICIT
        config.ack_wait, config.max_ack_pending = self._wish.ack_wait, 4 * _MOST_IN_FLIGHT
        try:
            found = await journal.consumer(name)
        except NotFoundError:
            try:
                found = await journal.add(config)
            except APIError:  # another worker has just created it
                found = await journal.consumer(name)
        if _filter(found.config) != _filter(config):
            others = ", ".join(_filter(found.config))
            raise ConfigurationError(
                f"the consumer {name} is there already, for other events ({others}): choose another durable="
            )
        return name

    def _config(self, journal: Journal) -> ConsumerConfig:
        from nats.js.api import ConsumerConfig, DeliverPolicy, ReplayPolicy  # noqa: PLC0415 - needs the extra

        config = ConsumerConfig(
            replay_policy=ReplayPolicy.ORIGINAL if self._wish.pace == "original" else ReplayPolicy.INSTANT
        )
        match self._start:
            case None:
                config.deliver_policy = DeliverPolicy.NEW
            case int():
                config.deliver_policy, config.opt_start_seq = (
                    DeliverPolicy.BY_START_SEQUENCE,
                    max(self._start, 1),
                )
            case datetime():
                config.deliver_policy, config.opt_start_time = DeliverPolicy.BY_START_TIME, self._start
            case _:
                config.deliver_policy = DeliverPolicy.ALL
        wanted = subjects(self._wish.names, self._wish.competition)
        if len(wanted) > 1 and journal.version >= _SEVERAL_SUBJECTS:
            config.filter_subjects = wanted
        elif len(wanted) > 1:
            (config.filter_subject,) = subjects((), self._wish.competition)
        else:
            (config.filter_subject,) = wanted
        return config


async def _known(journal: Journal) -> Any:
    from nats.js.errors import NotFoundError  # noqa: PLC0415 - needs the extra

    try:
        return await journal.info()
    except NotFoundError:
        raise ConnectionFailed(
            f"there is no stream {journal.name} yet: start `ctfy-rx relay --to {journal.address}`"
        ) from None


def _filter(config: ConsumerConfig) -> list[str]:
    return sorted(config.filter_subjects or [config.filter_subject or ""])


async def _drop(connection: Connection, stream: str, consumer: str) -> None:
    with suppress(Exception):  # the broker does it by itself, later
        async with asyncio.timeout(1.0):
            await connection.js.delete_consumer(stream, consumer)


def _event(sequence: int, message: Msg) -> Event[Payload]:
    try:
        event = decode(message.data)
    except ValueError:  # published by somebody else: a value, not the end of the stream
        name = unquote(message.subject.split(".")[2])
        event = Event(name, message.data.decode("utf-8", "replace"))
    return msgspec.structs.replace(event, id=str(sequence), received=time.time())
