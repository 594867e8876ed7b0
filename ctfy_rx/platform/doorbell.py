"""When the activity log is read: the frame is the doorbell, the log is the truth.

A frame of an event that the log holds is not delivered, it rings; what rang, reads the log, and what the log
holds is delivered, once and in order (`ctfy_rx.ledger`). Rings during a read cause one more. A first ring is
answered at once, for a frame rings only at admins and at whoever caused it; chance spreads what follows, and
what the opening rings.

Everything here is decided without I/O and without a clock of its own: `read` is a generator of what is to be
done next, and the workers of `ctfy_rx.pipeline.workers` do it, on threads or on an event loop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from typing import Any, Literal

import msgspec

from ctfy_rx.catalogue import Payload
from ctfy_rx.connection.steps import Steps
from ctfy_rx.errors import LogUnavailable, TokenRefused
from ctfy_rx.event import Event
from ctfy_rx.ledger import Ledger
from ctfy_rx.platform.effects import Ask, Effect, Give, Wait
from ctfy_rx.platform.questions import Identity, Log, identify
from ctfy_rx.platform.since import Place, beginning
from ctfy_rx.reconnect import Backoff, asked_by, chance, is_transient
from ctfy_rx.stats import Counters
from ctfy_rx.status import Gap, Late, Open, Status

__all__ = ["Doorbell", "LogOption"]

LogOption = Literal["auto"] | bool

FLOOR = 0.1
"""The least time between two reads of the log, in seconds."""

TICK = 30.0
"""How often the log is read though nothing rang, in seconds: some rows have no frame."""

_SPREAD = 0.05  # seconds: after a restart of the platform many clients open at once
_ASK_AGAIN = 2.0  # seconds: a team that is put together changes several times
_REFUSED_WITHOUT = (
    "to read the activity log, which since= and log=True need, events() needs a platform and a token"
)


class Doorbell:
    """Who we are, which frames ring, and what is read when. `tell` hears of trouble with the log,
    `reopen` ends the connection in order, so that it is opened anew; `clock` counts seconds."""

    def __init__(
        self,
        *,
        log: LogOption = "auto",
        since: Place = None,
        anonymous_ok: bool = False,
        tell: Callable[[Status], None],
        reopen: Callable[[], None],
        counters: Counters,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = chance,
    ) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._option = log
        self._since = since
        self._anonymous_ok = anonymous_ok
        self._tell = tell
        self.reopen = reopen
        self._counters = counters
        self._clock = clock
        self._random = random
        self._backoff = backoff or Backoff(random=random)
        self._identity: Identity | None = None
        self._sure_of: str | None = None  # the token of which all is known that an opening needs
        self._asks_beside = False
        self._refused: TokenRefused | None = None
        self.is_anonymous = False  # a platform was shown no good token
        self._log: Log | None = None
        self._ledger: Ledger | None = None
        self.start: str | None = None  # as `since`: where the log begins for us
        self.giving: list[Event[Payload]] = []  # those that are being delivered
        self._rung = False
        self._ended = False
        self._failures = 0
        self._not_before = -math.inf
        self._tick_at = math.inf
        self._ask_at = math.inf

    # Before a connection opens

    def nobody(self, *, anonymous: bool = False) -> None:
        """There is no token to ask with, or no platform to ask: frames are all that there is, and signals all
        that a platform sends to the `anonymous`.

        Raises `LogUnavailable` where the log was asked for.
        """
        if self._needs_log:
            raise LogUnavailable(_REFUSED_WITHOUT, status=0)
        self._identity = self._log = self._refused = self._sure_of = None
        self.is_anonymous = anonymous

    def before_open(self, token: str = "") -> Steps[None]:
        """Who does `token` make us, and where does the log end, so that nothing is missed until the
        connection is open. Once that is known it is asked beside the connection, and holds up nothing.

        Raises `TokenRefused` and `LogUnavailable`; while the platform is in trouble, what it answers, unless
        it has said before who we are.
        """
        self._asks_beside = self._sure_of == token
        if not self._asks_beside:
            yield from self._ask_before_open()
            if self._identity is not None and (self._log is not None or self._option is False):
                self._sure_of = token

    def _ask_before_open(self) -> Steps[None]:
        try:
            identity = yield from identify()
        except TokenRefused as error:
            if not self._anonymous_ok or self._needs_log:
                raise
            self.nobody(anonymous=True)
            self._refused = error
            return
        except Exception:
            if self._identity is None and self._option is not False:
                raise
            return
        identity = identity or self._identity  # who said so before, and now something else, is in trouble
        if identity is None:
            self.nobody()
            return
        self._identity, self._refused, self.is_anonymous = identity, None, False
        if self._option is not False:
            yield from self._begin(Log(identity))

    @property
    def _needs_log(self) -> bool:
        return self._option is True or self._since is not None

    def _begin(self, log: Log) -> Steps[None]:
        try:
            ledger = yield from beginning(self._since, log)
        except LogUnavailable:
            if self._needs_log:
                raise
            self._log = self._ledger = None  # frames pass, so what the log gets meanwhile is not new later
            return
        except Exception:
            if self._ledger is None:
                raise
            ledger = self._ledger  # it has begun before, and goes on when the log answers again
        if self._ledger is None:
            self.start = "start" if ledger.cursor is None else str(ledger.cursor)
        self._log, self._ledger = log, self._ledger or ledger

    @property
    def identity(self) -> Identity | None:
        """Whose the token is, None where nobody has said so."""
        return self._identity

    @property
    def is_platform(self) -> bool:
        """Whether the server has said who we are, as only a platform does."""
        return self._identity is not None

    @property
    def has_read_log(self) -> bool:
        """Whether what the log holds may come, as from the first time on that it was there."""
        return self.start is not None

    # While a connection is open; by whoever reads it

    def live(self, events: list[Event[Payload]]) -> list[Event[Payload]]:
        """Those of `events` that are to be delivered: those that it does not take."""
        return events if self._identity is None else [event for event in events if not self.takes(event)]

    def takes(self, event: Event[Payload]) -> bool:
        """Whether `event` is not to be delivered: the log holds it, so it only rings."""
        if event.event == "team_membership_changed":
            self._ask_soon()
        if self._log is None or self._identity is None or not self._identity.stores(event):
            return False
        self.ring()
        return True

    def completed(self, status: Status) -> Status:
        """`status`, with what only we know of it."""
        match status:
            case Open():
                self._not_before = max(self._not_before, self._clock() + _SPREAD * self._random())
                if self._asks_beside:
                    self._ask_at = self._not_before
                self.ring()
                who = str(self._identity) if self._identity is not None else ""
                return Open(who=who, nobody=self.is_anonymous, refused=self._refused)
            case Gap():
                return msgspec.structs.replace(status, logged=self._log is not None)
            case _:
                return status

    def ring(self) -> None:
        """Have the log read."""
        if not self._rung:
            self._rung = True
            self.wake()

    def finish(self) -> None:
        """Read what rang, and end."""
        self._ended = True
        self.wake()

    def _ask_soon(self) -> None:
        if self._identity is not None and self._ask_at == math.inf:
            self._ask_at = self._clock() + _ASK_AGAIN * (1 + self._random())
            self.wake()

    # Reading

    def read(self) -> Generator[Effect, Any, None]:
        """What is to be done next, until `finish`."""
        self._tick_at = self._clock() + TICK
        while not self._ended:
            now = self._clock()
            due = min(self._read_at(), self._ask_at)
            if due > now:
                yield Wait(due - now)
            elif self._read_at() <= now:
                yield from self._read_rows()
            else:
                yield from self._ask_who()
        if self._rung and self._failures == 0:
            yield from self._read_rows()

    def _read_at(self) -> float:
        return self._not_before if self._rung else max(self._tick_at, self._not_before)

    def _read_rows(self) -> Generator[Effect, Any, None]:
        now = self._clock()
        self._rung = False
        self._not_before = now + FLOOR * (1 + self._random())
        self._tick_at = now + TICK * (1 + self._random() / 4)
        log, ledger = self._log, self._ledger
        if log is None or ledger is None:
            return
        try:
            rows = yield Ask(log.catch_up(ledger))
        except Exception as error:  # noqa: BLE001 - whatever it is, the log is read again
            self._failed(error)
            return
        after = self._clock()
        self._not_before = max(self._not_before, after + (after - now))  # no more than half of the time
        self._failures = 0
        self._counters.log_reads += 1
        if rows:
            self.giving = rows
            yield Give(rows)
            self.giving = []

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._rung = True
        delay = self._backoff.delay(self._failures, retry_after=asked_by(error))
        self._not_before = max(self._not_before, self._clock() + delay)
        if self._ended:
            return
        self._tell(Late(delay, error))
        if not is_transient(error):
            self._doubt()  # the token is refused, perhaps

    def _ask_who(self) -> Generator[Effect, Any, None]:
        self._ask_at = math.inf
        try:
            identity = yield Ask(identify())
        except Exception as error:  # noqa: BLE001 - whatever it is, what is asked before the opening decides
            if is_transient(error):
                self._ask_soon()
            else:
                self._doubt()
            return
        if identity not in (None, self._identity):
            self._doubt()  # "the set of teams is fixed when the stream opens"

    def _doubt(self) -> None:
        """Open the connection anew, and ask before that."""
        self._sure_of = None
        self.reopen()
