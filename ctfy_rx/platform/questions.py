"""The platform's routes that a stream needs: who am I, and the activity log. What is asked and what the
answers mean, without I/O.

``GET /me`` and ``GET /activities`` or ``/admin/activities``, see `ctfy_rx.connection.rest` for who asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from ctfy_rx.catalogue import PAYLOADS, STORED, Payload
from ctfy_rx.connection.answers import AN_ANSWER
from ctfy_rx.connection.http_values import unix_time
from ctfy_rx.connection.steps import Answer, Get, Steps
from ctfy_rx.errors import ConnectionFailed, HttpError, LogUnavailable, TokenRefused
from ctfy_rx.event import Event
from ctfy_rx.ledger import Cursor, Ledger, PageRequest, catch_up
from ctfy_rx.reconnect import is_transient

__all__ = ["Identity", "Log", "identify", "server_time", "told_version", "version"]

_HEARING = frozenset({"user", "agent"})
_REFUSED = frozenset({401, 403, 407})
_ME = AN_ANSWER._replace(forbidden="the token is refused, or one is needed")
_MISSING = frozenset({404, 405, 410})
_PAGE = 1000
_LONGEST = 60  # characters of a version
_NEWEST = 50  # rows of which one may have a later time than the newest


class Identity(msgspec.Struct, frozen=True):
    """Whose the token is. `teams` are the ids of the teams whose events it hears, `contests` those that they
    play in.

    >>> print(Identity("7", "root", is_admin=True))
    root (admin)
    """

    id: str
    name: str
    is_admin: bool = False
    teams: frozenset[str] = frozenset()
    contests: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.name} (admin)" if self.is_admin else self.name

    def stores(self, event: Event[Payload]) -> bool:
        """Whether the log that this caller may read holds `event`: an admin's log holds every stored event, a
        player's only the own ones."""
        if event.event in STORED:
            return self.is_admin or _field(event, "actor_id") == self.id
        if event.event in PAYLOADS:
            return False  # a signal
        # Of a later ctfy than the catalogue: frames of stored events name a challenge and an actor, be they
        # null; signals do not.
        actor = _field(event, "actor_id", missing=...)
        is_stored = actor is not ... and _field(event, "challenge_id", missing=...) is not ...
        return is_stored and (self.is_admin or actor == self.id)


def _field(event: Event[Payload], name: str, missing: Any = None) -> Any:
    data = event.data
    return cast("dict[str, Any]", data).get(name, missing) if isinstance(data, dict) else missing


def identify() -> Steps[Identity | None]:
    """Who the token makes us; None where the server is no platform, or does not tell.

    Raises `TokenRefused` for a token that hears nothing, the answer's `HttpError` where the platform is in
    trouble.
    """
    answer = yield Get("/me")
    if answer.status_code in {401, 403}:
        raise answer.refusal(time.time(), _ME)
    if not answer.is_success:
        error = answer.refusal(time.time())
        if is_transient(error):
            raise error
        return None
    me = answer.json()
    if me is None and "json" in answer.headers.get("content-type", ""):
        raise ConnectionFailed(f"{answer.address} answered with JSON that was cut off")
    me = cast("dict[str, Any]", me) if isinstance(me, dict) else {}
    return _identity(me, answer) if isinstance(me.get("id"), (str, int)) else None


def version() -> Steps[str | None]:
    """The version of the platform, None where it does not tell."""
    answer = yield Get("/health")
    told = told_version(answer)
    return None if told is None else told[:_LONGEST]


def told_version(answer: Answer) -> str | None:
    """The version that a platform's health tells, as long as it likes; None of anything else."""
    health = answer.json() if answer.is_success else None
    told = cast("dict[str, Any]", health).get("version") if isinstance(health, dict) else None
    return told if isinstance(told, str) else None


def _identity(me: dict[str, Any], answer: Answer) -> Identity:
    kind = me.get("token_kind")
    if isinstance(kind, str) and kind not in _HEARING:
        raise TokenRefused(
            "API tokens cannot hear events; use the session token of `ctfy login`",
            status=answer.status_code,
            headers={"content-type": answer.headers.get("content-type", "")},
            body=f'{{"token_kind": "{kind[:40]}"}}',
        )
    memberships = me.get("competition_teams")
    entries = cast("Sequence[Any]", memberships) if isinstance(memberships, list) else ()
    name = me.get("display_name")
    return Identity(
        str(me["id"]),
        name if isinstance(name, str) else str(me["id"]),
        is_admin=me.get("is_admin") is True,
        teams=_texts(entries, "team_id"),
        contests=_texts(entries, "competition_id"),
    )


def _texts(entries: Sequence[Any], name: str) -> frozenset[str]:
    found = (cast("dict[str, Any]", entry).get(name) for entry in entries if isinstance(entry, dict))
    return frozenset(each for each in found if isinstance(each, str))


class Log:
    """The activity log that `identity` may read; `clock` stamps the events (unix time, seconds)."""

    def __init__(self, identity: Identity, *, clock: Callable[[], float] = time.time) -> None:
        self._path = "/admin/activities" if identity.is_admin else "/activities"
        self._clock = clock

    def newest(self) -> Steps[Cursor]:
        """Where the log ends now: what comes after it is new."""
        answer = yield self._get(PageRequest(since=None, until=None, limit=_NEWEST, offset=0))
        return Cursor.after(self._rows(answer)) or Cursor(at=server_time(answer, self._clock()), id=0)

    def now(self) -> Steps[float]:
        """The server's time (unix time, seconds)."""
        answer = yield self._get(PageRequest(since=None, until=None, limit=1, offset=0))
        self._rows(answer)
        return server_time(answer, self._clock())

    def catch_up(self, ledger: Ledger, *, until: float | None = None) -> Steps[list[Event[Payload]]]:
        """The rows that `ledger` has not seen, oldest first. See `ctfy_rx.ledger`."""
        pages = catch_up(ledger, until=until, page=_PAGE)
        request = next(pages)
        while True:
            answer = yield self._get(request)
            try:
                request = pages.send(self._rows(answer))
            except StopIteration as done:
                return cast("list[Event[Payload]]", done.value)

    def _get(self, page: PageRequest) -> Get:
        params = [("limit", str(page.limit)), ("offset", str(page.offset))]
        params += [
            (name, datetime.fromtimestamp(moment, UTC).isoformat())
            for name, moment in (("since", page.since), ("until", page.until))
            if moment is not None
        ]
        return Get(self._path, tuple(params))

    def _rows(self, answer: Answer) -> Sequence[Event[Payload]]:
        if not answer.is_success:
            raise self._unreadable(answer)
        page = answer.json()
        items = cast("dict[str, Any]", page).get("items") if isinstance(page, dict) else None
        if not isinstance(items, list):
            raise _not_a_page(answer)
        received = self._clock()
        try:
            return [Event.from_row(item, received=received) for item in cast("Sequence[Any]", items)]
        except ValueError:
            raise _not_a_page(answer) from None

    @staticmethod
    def _unreadable(answer: Answer) -> HttpError:
        error = answer.refusal(time.time())
        if is_transient(error) or _is_proxys(error):
            return error
        is_missing = answer.status_code in _MISSING
        why = "there is no activity log" if is_missing else "this token cannot read the log"
        return LogUnavailable(
            f"{answer.address} answered {answer.status_code}: {why}; "
            "write log=False to hear the events live, each perhaps never",
            status=answer.status_code,
            headers=error.headers,
            body=error.body,
        )


def _is_proxys(error: HttpError) -> bool:
    return error.status in _REFUSED and not isinstance(error, TokenRefused)


def _not_a_page(answer: Answer) -> ConnectionFailed:
    # Cut off, or a proxy's own: worth another attempt.
    return ConnectionFailed(f"{answer.address} answered with something else than a page of the activity log")


def server_time(answer: Answer, otherwise: float) -> float:
    """When the server answered (unix time, whole seconds), by its ``Date``; `otherwise` where it has none."""
    told = unix_time(answer.headers.get("date", ""))
    return otherwise if told is None else told
