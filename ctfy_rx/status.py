"""What the connection of a stream is doing: the items of ``stream.status``."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from ctfy_rx.text.printable import short

__all__ = [
    "Closed",
    "Connecting",
    "Dropped",
    "Gap",
    "Idle",
    "Lagging",
    "Late",
    "News",
    "NoContest",
    "Open",
    "Status",
    "SubscriberFailed",
    "Waiting",
]


_LONGEST = 200
_SHOWN = 5


class Status(msgspec.Struct, frozen=True):
    """Base of the states; `state` is its name as a word, ``str(status)`` a sentence for people."""

    state: ClassVar[str] = ""


class News(Status, frozen=True):
    """Base of what is told once, and is no state."""


class Idle(Status, frozen=True):
    """Nobody is subscribed, so nothing is open."""

    state: ClassVar[str] = "idle"

    def __str__(self) -> str:
        return "idle: the first subscriber opens the connection"


class Connecting(Status, frozen=True):
    """A connection is being opened; `attempt` counts those in a row, from 1."""

    attempt: int = 1
    state: ClassVar[str] = "connecting"

    def __str__(self) -> str:
        return "connecting" if self.attempt == 1 else f"connecting (attempt {self.attempt})"


class Open(Status, frozen=True):
    """The server answered with an event stream. `who` is the name of the token's owner, "" where nobody was
    asked. As `nobody` a platform sends signals only; `refused` says why, where a token was given.

    >>> print(Open("root (admin)")); print(Open(nobody=True))
    connected as root (admin)
    connected; nobody: signals only
    >>> Open("root (admin)").to("http://127.0.0.1:8100")
    'connected to http://127.0.0.1:8100 as root (admin)'
    """

    who: str = ""
    nobody: bool = False
    refused: Exception | None = None
    state: ClassVar[str] = "open"

    def __str__(self) -> str:
        return f"connected{self._as_whom}"

    def to(self, address: str) -> str:
        """The sentence, for whoever has connections to several addresses."""
        return f"connected to {address}{self._as_whom}"

    @property
    def _as_whom(self) -> str:
        if self.refused is not None:
            return f"; nobody: signals only ({_reason(self.refused)})"
        if self.nobody:
            return "; nobody: signals only"
        return f" as {self.who}" if self.who else ""


class Waiting(Status, frozen=True):
    """The connection ended; the next attempt comes in `delay` seconds. `cause` is None where the server ended
    it in order.

    >>> print(Waiting(4.0, ConnectionError("connection refused"), attempt=3))
    reconnecting in 4.0 s: connection refused
    """

    delay: float
    cause: Exception | None
    attempt: int
    state: ClassVar[str] = "waiting"

    def __str__(self) -> str:
        return f"reconnecting in {self.delay:.1f} s: {_reason(self.cause)}"


class Gap(News, frozen=True):
    """The connection is open again after `seconds` in which events may have been missed.

    With `logged` only those that the activity log does not hold: the others come from there. `resumable`
    where the server was asked to go on from the last event id, and does not say whether it can. Where it says
    that it does (by the ``Last-Event-ID`` of its answer, as Mercure's hubs and our relay), there is no gap.

    >>> print(Gap(2.5, resumable=True))
    events of the last 2.5 s may be missing, if the server cannot give them again
    """

    seconds: float
    logged: bool = False
    resumable: bool = False
    state: ClassVar[str] = "gap"

    def __str__(self) -> str:
        which = " that the log does not hold" if self.logged else ""
        unless = ", if the server cannot give them again" if self.resumable else ""
        return f"events of the last {self.seconds:.1f} s{which} may be missing{unless}"


class Late(News, frozen=True):
    """The activity log cannot be read now; it is tried again in `delay` seconds. Events come late, none is
    lost.

    >>> print(Late(4.0, ConnectionError("connection refused")))
    events come late, the log is read again in 4.0 s: connection refused
    """

    delay: float
    cause: Exception
    state: ClassVar[str] = "late"

    def __str__(self) -> str:
        return f"events come late, the log is read again in {self.delay:.1f} s: {_reason(self.cause)}"


class Lagging(News, frozen=True):
    """Subscribers are slow: an event waited for `seconds` before it was delivered."""

    seconds: float
    state: ClassVar[str] = "lagging"

    def __str__(self) -> str:
        return f"subscribers are slow: events wait {self.seconds:.1f} s for them"


class Dropped(News, frozen=True):
    """A consumer was too slow: the oldest of what waited for it were dropped.

    `total` counts those of this one consumer, from its start: another slow one on the same stream has a count
    of its own, so the totals of a status may go back and forth. Each is told now and then, and at the
    consumer's end; `Items.dropped` is exact at any moment.
    """

    total: int
    state: ClassVar[str] = "dropped"

    def __str__(self) -> str:
        return f"a consumer is too slow: {self.total} events dropped"


class NoContest(News, frozen=True):
    """The stream is narrowed to the contest `competition`, and there is none that `who` may see ("": that
    everybody may); `others` are those that there are, their ids and titles.

    >>> print(NoContest("Final", "root (admin)", (("7", "Final"),)))  # doctest: +NORMALIZE_WHITESPACE
    there is no contest 'Final' that root (admin) may see, so none of its events come:
    competition= takes an id, one of 7 (Final)
    """

    competition: str
    who: str = ""
    others: tuple[tuple[str, str], ...] = ()
    state: ClassVar[str] = "no_contest"

    def __str__(self) -> str:
        shown = ", ".join(
            f"{its_id} ({title})" if title else its_id for its_id, title in self.others[:_SHOWN]
        )
        which = f", one of {shown}" if self.others else ""
        more = ", …" if len(self.others) > _SHOWN else ""
        return (
            f"there is no contest {short(repr(self.competition), _LONGEST)} that {self.who or 'everybody'} "
            f"may see, so none of its events come: competition= takes an id{short(which, _LONGEST)}{more}"
        )


class SubscriberFailed(News, frozen=True):
    """A subscriber has ended, alone: a function of one of its operators raised `cause` on `item`, and it had
    no ``on_error`` that could be told. `line` is the user's own line where that happened, "" where there is
    none.

    >>> print(SubscriberFailed(TypeError("no number"), line="bot.py:12: stream.filter(is_fast)"))
    a subscriber has ended: TypeError: no number, at bot.py:12: stream.filter(is_fast)
    """

    cause: Exception
    item: Any = None
    line: str = ""
    state: ClassVar[str] = "subscriber_failed"

    def __str__(self) -> str:
        on = "" if self.item is None else f" on {short(repr(self.item), _LONGEST)}"
        at = f", at {self.line}" if self.line else ""
        said = f": {self.cause}" if str(self.cause) else ""
        return f"a subscriber has ended{on}: {type(self.cause).__name__}{said}{at}"


class Closed(Status, frozen=True):
    """The stream ended: for good, by ``close()``, or, where it `reopens` for whoever subscribes next, because
    its source has completed, or failed with `cause`.

    >>> print(Closed(), Closed(ConnectionError("connection refused"), reopens=True), sep="; ")
    closed; closed: connection refused
    """

    cause: Exception | None = None
    reopens: bool = False
    state: ClassVar[str] = "closed"

    def __str__(self) -> str:
        return "closed" if self.cause is None else f"closed: {_reason(self.cause)}"


def _reason(cause: Exception | None) -> str:
    if cause is None:
        return "the server ended the connection"
    return str(cause) or type(cause).__name__
