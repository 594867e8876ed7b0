"""The stream of JetStream that holds the events: created or checked, and what was published to it last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ctfy_rx.errors import ConfigurationError, ConnectionFailed
from ctfy_rx.relay.broker import Connection
from ctfy_rx.relay.messages import SUBJECTS
from ctfy_rx.relay.pulling import Pull

if TYPE_CHECKING:
    from nats.js.api import ConsumerConfig, ConsumerInfo, StreamInfo

__all__ = ["CURSOR", "MESSAGE_ID", "STREAM", "Journal", "Last", "Limits"]

STREAM = "CTFY"
"""What the stream is called."""

MESSAGE_ID = "Nats-Msg-Id"
CURSOR = "Ctfy-Cursor"
"""The header that says up to where in the platform's log all is published, by who published the message."""

DUPLICATE_WINDOW = 2 * 3600.0
"""For how many seconds JetStream remembers the ids of messages."""

_LOOKS_BACK = 512  # messages: more than a relay has on the way at a time
_BARE_MINIMUM = 3600.0  # seconds, of a duplicate window


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a stream that is created holds; None is the default, and no wish where there is a stream already.

    `max_age` and `duplicate_window` are seconds, `replicas` says on how many brokers of a cluster it is held.
    Without `max_age` and `max_bytes` it holds everything; with them, the oldest goes first.
    """

    replicas: int | None = None
    max_age: float | None = None
    max_bytes: int | None = None
    duplicate_window: float | None = None

    def __post_init__(self) -> None:
        """Refuse what JetStream would refuse less clearly."""
        if self.replicas not in {None, 1, 3, 5}:
            raise ConfigurationError(f"replicas must be 1, 3 or 5, not {self.replicas}")
        for name in ("max_age", "max_bytes", "duplicate_window"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigurationError(f"{name} must be more than 0, not {value}")
        if self.max_age is not None and self.window > self.max_age:
            raise ConfigurationError(f"duplicate_window ({self.window:g} s) must not exceed max_age")

    @property
    def window(self) -> float:
        """The duplicate window of a stream that is created."""
        window = DUPLICATE_WINDOW if self.duplicate_window is None else self.duplicate_window
        return (
            window if self.max_age is None or self.duplicate_window is not None else min(window, self.max_age)
        )


@dataclass(frozen=True, slots=True)
class Last:
    """What was published last: `cursor`, after which to go on, None at the beginning, and the `ids` of what
    was published after it."""

    cursor: str | None
    ids: frozenset[str]


class Journal:
    """The stream `name`, seen through `connection`. Errors are those of nats-py, see `Broker.failure`."""

    def __init__(self, connection: Connection, name: str, domain: str | None = None) -> None:
        self._connection = connection
        self._prefix = f"$JS.{domain}.API" if domain else "$JS.API"
        self.name = name
        self.address = connection.address
        self.window = DUPLICATE_WINDOW

    async def create_or_check(self, limits: Limits) -> None:
        """Create the stream, unless it is there. Raises `ConfigurationError` where it is not fit for events,
        or not what `limits` say."""
        from nats.js.errors import NotFoundError  # noqa: PLC0415 - needs the extra

        try:
            info = await self.info()
        except NotFoundError:
            info = await self._create(limits)
        config = info.config
        self.window = float(config.duplicate_window or 0.0)
        wanted = (
            ("replicas", limits.replicas, config.num_replicas),
            ("max_age", limits.max_age, config.max_age),
            ("max_bytes", limits.max_bytes, config.max_bytes),
            ("duplicate_window", limits.duplicate_window, config.duplicate_window),
        )
        self._refuse(
            *(
                f"its {name} is {found}, not {want}"
                for name, want, found in wanted
                if want not in {None, found}
            ),
            *([] if SUBJECTS in (config.subjects or []) else [f"it does not take in {SUBJECTS}"]),
            *(["it forgets what was read"] if config.retention not in {None, "limits"} else []),
            *(["it is sealed"] if config.sealed else []),
            *(["it acknowledges nothing"] if config.no_ack else []),
            *([f"its duplicate window is {self.window:g} s"] if self._forgets(limits) else []),
        )

    def _forgets(self, limits: Limits) -> bool:
        return self.window < min(_BARE_MINIMUM, limits.window)

    def _refuse(self, *reasons: str) -> None:
        if reasons:
            raise ConfigurationError(
                f"the stream {self.name} is there already, and {reasons[0]}: change it with "
                f"`nats stream edit {self.name}`, or name another"
            )

    async def _create(self, limits: Limits) -> StreamInfo:
        from nats.js.api import RetentionPolicy, StorageType, StreamConfig  # noqa: PLC0415 - needs the extra

        config = StreamConfig(
            name=self.name,
            subjects=[SUBJECTS],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            num_replicas=limits.replicas or 1,
            max_age=limits.max_age or 0.0,
            max_bytes=limits.max_bytes or -1,
            duplicate_window=limits.window,
        )
        info: StreamInfo = await self._connection.js.add_stream(config)
        return info

    async def info(self) -> StreamInfo:
        """What JetStream says of the stream."""
        info: StreamInfo = await self._connection.js.stream_info(self.name)
        return info

    @property
    def version(self) -> tuple[int, int]:
        """Of the broker."""
        version = self._connection.client.connected_server_version
        return version.major, version.minor

    async def consumer(self, name: str) -> ConsumerInfo:
        """What JetStream says of the consumer `name`."""
        info: ConsumerInfo = await self._connection.js.consumer_info(self.name, name)
        return info

    async def add(self, consumer: ConsumerConfig) -> ConsumerInfo:
        """Create `consumer`."""
        info: ConsumerInfo = await self._connection.js.add_consumer(self.name, consumer)
        return info

    def pull(self, consumer: str, room: Any) -> Pull:
        """The messages of `consumer`, as many as there is `room` for."""
        return Pull(self._connection, self.name, consumer, room, prefix=self._prefix)

    async def last(self) -> Last:
        """What was published last, by whichever relay.

        A relay has some messages on the way at a time, and when a broker fails those may be stored of which
        an earlier one is not. So this goes back by more than that, and says which ids are there from then on.
        """
        state = (await self.info()).state
        if not state.messages:
            return Last(None, frozenset())
        ids: set[str] = set()
        first = max(state.first_seq, state.last_seq - _LOOKS_BACK + 1)
        cursor: str | None = None
        name = await self._reader(first)
        rest = state.last_seq - first + 1
        pull = self.pull(name, lambda: rest)
        async for message in pull.messages():
            headers = message.headers or {}
            cursor = cursor or headers.get(CURSOR)
            ids.update(each for each in [headers.get(MESSAGE_ID)] if each)
            if message.metadata.sequence.stream >= state.last_seq or not message.metadata.num_pending:
                break
        if cursor is None and first > state.first_seq:
            raise ConnectionFailed(f"the last messages of {self.name} are none of a relay's")
        return Last(cursor, frozenset(ids))

    async def _reader(self, first: int) -> str:
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy  # noqa: PLC0415 - needs the extra

        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=first,
            ack_policy=AckPolicy.NONE,
            headers_only=True,
            inactive_threshold=10.0,
            mem_storage=True,
            num_replicas=1,
        )
        return (await self.add(config)).name
