"""`from_nats`: the events that relays have published, as a stream like that of `ctfy_rx.events`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from reactivex import Observable, abc

from ctfy_rx.catalogue import Payload
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators.of_event import named
from ctfy_rx.platform.since import Since, checked
from ctfy_rx.reconnect import Backoff
from ctfy_rx.relay.broker import DEFAULT_URL, Broker
from ctfy_rx.relay.journal import STREAM
from ctfy_rx.relay.reading import Pace, Start, Wish
from ctfy_rx.relay.threads import Observer, OnLoop, OnThreads, Work
from ctfy_rx.stream.stream import EventStream
from ctfy_rx.threads.loops import loop_of

__all__ = ["from_nats"]

Names = str | type[Payload] | Iterable[str | type[Payload]]


def from_nats(
    url: str | list[str] = DEFAULT_URL,
    *,
    events: Names = (),
    competition: str | None = None,
    since: Since = None,
    sequence: int | None = None,
    durable: str | None = None,
    stream: str = STREAM,
    pace: Pace = "at_once",
    autoconnect: bool = True,
    linger: float = 0.0,
    initial: float = 0.25,
    maximum: float = 10.0,
    factor: float = 2.0,
    jitter: float = 0.5,
    max_attempts: int | None = None,
    ack_wait: float = 30.0,
    domain: str | None = None,
    **options: Any,
) -> EventStream:
    """The events that relays have published to NATS (``ctfy-rx relay``). Nothing is opened until somebody
    subscribes.

    ::

        stream of JetStream   a--b--c--d (now) e--f--
        since="start"                          abcdef--
        sequence=3                             cdef--
        since=None                             -e--f--

    `url` names the brokers: one address, several with commas, or a list. `events` are names, patterns or
    payload classes, `competition` the id of a contest: the broker sends no others, but for patterns, and for
    several names where it is older than 2.10; of those the rest is left out here. `since` is ``"start"``, a
    datetime, or how long ago, a timedelta or seconds: when it was published; `sequence` is that of the first
    message. Without both it begins now. `pace` is ``"at_once"``, or ``"original"``: with the pauses with
    which it was published.

    An event's `id` is its sequence in the stream, its `log_id` that of its row in the platform's log, None of
    a signal. After a loss of the connection it goes on after the last event; `status` tells.

    `durable` names a consumer that the broker remembers: it goes on where it stopped, `since` says only where
    the first one begins, and several workers with one name share the events. An event is acknowledged when
    all subscribers have returned; a loop is done with it when it asks for the next one, but a loop over what
    ``pipe`` made is not waited for. What was not, because one raised or the process died, comes again, after
    `ack_wait` seconds at the latest: at least once. With `log_id` and `at` as the key of a row, a database
    makes it exactly once.

    `initial` to `max_attempts` are those of `events`; `domain` is JetStream's, behind a leaf node; `options`
    are those of ``nats.connect`` (``user``, ``password``, ``user_credentials``, ``tls`` …).

    Raises `ConfigurationError` for what cannot work, `MissingExtra` without nats-py.

    >>> stream = from_nats("nats://127.0.0.1:4222", events="flag_correct", since="start")
    >>> stream.status
    <Status: idle: the first subscriber opens the connection>
    """
    broker = Broker(url, domain=domain, **options)
    names = _names(events)
    start = _start(since, sequence)
    if pace not in get_args(Pace):
        raise ConfigurationError(f"pace must be one of {', '.join(get_args(Pace))}")
    if ack_wait <= 0:
        raise ConfigurationError(f"ack_wait is seconds, more than 0, not {ack_wait}")
    _check_names(stream=stream, durable=durable)
    wish = Wish(
        stream=stream,
        names=names,
        competition=competition,
        matches=named(*names) if names else None,
        start=start,
        durable=durable,
        pace=pace,
        ack_wait=ack_wait,
        domain=domain,
    )
    backoff = Backoff(
        initial=initial,
        maximum=maximum,
        factor=factor,
        jitter=jitter,
        max_attempts=max_attempts,
        reset_after=5.0,
    )
    receipts = Receipts()
    return EventStream.over(
        lambda tell: _opened(Work(broker, backoff, wish, tell), receipts),
        name=f"{stream} at {broker.address}",
        autoconnect=autoconnect,
        linger=linger,
        receipts=receipts,
    )


def _opened(work: Work, receipts: Receipts) -> Observable[Event]:
    def subscribe(observer: Observer, scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        loop = loop_of(scheduler)
        if loop is None:
            return OnThreads(work, observer, receipts).start()
        return OnLoop(work, observer, receipts).start(loop)

    return Observable(subscribe)


def _check_names(**names: str | None) -> None:
    """Raise `ConfigurationError` for what JetStream takes for no name."""
    for option, name in names.items():
        if name is not None and (not name or set(name) & set(" .*>/\\\t\r\n")):
            raise ConfigurationError(f"{option}= is a name without spaces, dots, slashes and wildcards")


def _names(events: Names) -> tuple[str, ...]:
    several = (events,) if isinstance(events, (str, type)) else tuple(events)
    names = [each if isinstance(each, str) else getattr(each, "event_name", "") for each in several]
    if not all(names):
        raise ConfigurationError('events= takes names, patterns or payload classes: events="flag_correct"')
    return tuple(names)


def _start(since: Since, sequence: int | None) -> Start:
    if sequence is not None:
        if since is not None or sequence < 1:
            raise ConfigurationError(
                "sequence= is that of the first message, 1 or more, and goes without since="
            )
        return sequence
    begins = checked(since)
    match begins:
        case None:
            return None
        case "start":
            return "start"
        case str():
            raise ConfigurationError(
                "since= is a time here: to go on after an event, write sequence=int(event.id) + 1, or "
                "durable="
            )
        case datetime():
            return begins.astimezone(UTC)
        case timedelta():
            return datetime.now(UTC) - begins
        case _:
            return datetime.now(UTC) - timedelta(seconds=begins)
