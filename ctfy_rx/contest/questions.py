"""What is asked of the platform about a contest, and what the answers mean: without I/O.

Pages are read to their end. What a route refuses for good is the error of that route; what is not as it
should be in an answer is left out, never an exception of another kind.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from ctfy_rx.catalogue import FlagCorrect
from ctfy_rx.connection.answers import AN_ANSWER, Sought
from ctfy_rx.connection.steps import Answer, Get, Steps
from ctfy_rx.contest.values import Instance, Scoreboard, Service, Standing
from ctfy_rx.errors import ConfigurationError, ConnectionFailed
from ctfy_rx.event import Event
from ctfy_rx.operators.bloods import Blood, Bloods, Honour, key_of
from ctfy_rx.platform.questions import server_time
from ctfy_rx.text.printable import short

__all__ = [
    "Json",
    "announcement",
    "bloods",
    "breakdown",
    "contests_instead_of",
    "instance",
    "item",
    "items",
    "moment",
    "only_competition",
    "public_teams",
    "standings",
    "text",
]

Json = dict[str, Any]

_NOT_FOUND = 404
_PAGE = 500
_ROWS = 5000  # of the log at once
_STALE = timedelta(seconds=60)  # the breakdown may be 20 s old, and clocks differ


def items(
    path: str, *params: tuple[str, str], page: int = _PAGE, sought: Sought = AN_ANSWER
) -> Steps[list[Json]]:
    """All items of a route that answers in pages, or with one list; `sought` is what an error says of it."""
    found: list[Json] = []
    before: list[Json] = []
    while True:
        answer = yield Get(path, (*params, ("limit", str(page)), ("offset", str(len(found)))))
        body = _body(answer, sought)
        if isinstance(body, list):
            return list(_objects(body))
        new = list(_objects(body.get("items")))
        if not new or new == before:  # a route that knows no offset gives the same for ever
            return found
        found += new
        before, total = new, body.get("total")
        if not isinstance(total, int) or len(found) >= total:
            return found


def item(path: str, *, sought: Sought = AN_ANSWER) -> Steps[Json]:
    """The one thing that a route answers with; `sought` is what an error says of it."""
    body = _body((yield Get(path)), sought)
    return body if isinstance(body, dict) else {}


def only_competition() -> Steps[str]:
    """The id of the one competition that runs, or that there is.

    Raises `ConfigurationError` where that is not one.
    """
    there = yield from items("/competitions")
    running = [item for item in there if item.get("phase") == "running"] or there
    ids = [its_id for item in running if (its_id := text(item.get("id")))]
    if len(ids) == 1:
        return ids[0]
    which = f"one of {', '.join(ids[:20])}" if ids else "an id"
    raise ConfigurationError(f"the platform has {len(ids) or 'no'} contests: name one, competition={which}")


def contests_instead_of(competition: str) -> Steps[tuple[tuple[str, str], ...] | None]:
    """The contests that the caller may see, id and title, where `competition` is none of them; None where it
    is."""
    answer = yield Get(f"/competitions/{competition}")  # the list leaves some out that are there
    if answer.is_success:
        return None
    if answer.status_code != _NOT_FOUND:
        raise answer.refusal(time.time())
    there = yield from items("/competitions")
    return tuple((text(item["id"]), text(item.get("title"))) for item in there if "id" in item)


def standings(competition: str) -> Steps[Scoreboard]:
    """The whole board of a contest."""
    rows = yield from items(f"/competitions/{competition}/scoreboard", sought=_contest(competition))
    teams = {text(row.get("team_id")) or number: row for number, row in enumerate(rows)}  # pages may shift
    return Scoreboard(competition, tuple(_standing(row) for row in teams.values()), datetime.now(UTC))


def _standing(row: Json) -> Standing:
    return Standing(
        rank=_number(row.get("rank")),
        team_id=text(row.get("team_id")),
        team_name=text(row.get("team_name")),
        score=_number(row.get("score")),
        solved=_number(row.get("solved")),
        flags_solved=_number(row.get("flags_solved")),
        last_solve_at=moment(row.get("last_solve_at")),
        anonymous=row.get("anonymous") is True,
    )


def public_teams() -> Steps[frozenset[str]]:
    """The ids of the teams whom the caller may know by name."""
    teams = yield from items("/teams")
    return frozenset(text(team.get("id")) for team in teams if team.get("anonymous") is not True)


def breakdown(competition: str) -> Steps[list[Json]]:
    """How each challenge of a contest fares; who drew first blood."""
    answer = yield Get(f"/competitions/{competition}/challenge-breakdown")
    body = _body(answer, _contest(competition))
    return list(_objects(body.get("challenges") if isinstance(body, dict) else body))


def bloods(competition: str, by: Honour) -> Steps[Bloods]:
    """Who has drawn first blood in a contest so far; only an admin's token may ask.

    For challenges the platform itself knows, but for the last seconds: those come from the log. For flags and
    for whole challenges the log alone knows.
    """
    known: dict[tuple[str, ...], Blood] = {}
    params = [("event", FlagCorrect.event_name)]
    if by == "challenge":
        for fate in (yield from breakdown(competition)):
            if team := text(fate.get("first_blood_team_id")):
                at = moment(fate.get("first_blood_at"))
                known[text(fate.get("challenge_id")),] = Blood(
                    team_id=team, at=None if at is None else at.timestamp()
                )
        now = server_time((yield Get("/admin/activities", (("limit", "1"),))), time.time())
        params.append(("since", (datetime.fromtimestamp(now, UTC) - _STALE).isoformat()))
    rows = yield from items("/admin/activities", *params, page=_ROWS)
    for event in sorted(_events(rows), key=lambda event: event.log_id or 0):
        key = key_of(event, by)
        if key is None or event.payload.competition_id != competition:
            continue
        if key not in known or known[key].is_by(event):
            known[key] = Blood.of(event)
    return known


def _events(rows: list[Json]) -> Iterator[Event[Any]]:
    for row in {str(row.get("id")): row for row in rows}.values():  # a page that shifts repeats some
        try:
            yield Event.from_row(row, received=0.0)
        except ValueError:
            continue


def announcement(announcement_id: str) -> Steps[Json | None]:
    """An announcement with its words, as it lies in the caller's inbox; None where it does not."""
    inbox = yield from item("/me/inbox")
    there = _objects(inbox.get("announcements"))
    return next((each for each in there if each.get("id") == announcement_id), None)


def instance(instance_id: str) -> Steps[Instance]:
    """How an instance is, and where."""
    found = yield from item(f"/instances/{instance_id}", sought=_sought("instance", instance_id))
    services = tuple(
        Service(text(each.get("host")), _number(each.get("port")), text(each.get("service_type")))
        for each in _objects(found.get("services"))
    )
    return Instance(
        id=instance_id,
        status=text(found.get("status")),
        challenge_id=text(found.get("challenge_id")),
        services=services,
    )


def _contest(competition: str) -> Sought:
    return _sought("contest", competition)


def _sought(what: str, its_id: str) -> Sought:
    return AN_ANSWER._replace(missing=f"there is no {what} {short(its_id, 80)!r}: check its id")


def _body(answer: Answer, sought: Sought = AN_ANSWER) -> Json | list[Any]:
    if not answer.is_success:
        raise answer.refusal(time.time(), sought)
    body = answer.json()
    if not isinstance(body, (dict, list)):  # cut off, or a proxy's own: worth another attempt
        raise ConnectionFailed(f"{answer.address} answered with something else than JSON")
    return cast("Json | list[Any]", body)


def _objects(values: object) -> Iterator[Json]:
    for value in cast("Sequence[Any]", values) if isinstance(values, list) else ():
        if isinstance(value, dict):
            yield cast("Json", value)


def text(value: object) -> str:
    """`value` if it is a text, else none."""
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def moment(value: object) -> datetime | None:
    """The time that `value` is as a text, None where it is none."""
    try:
        return datetime.fromisoformat(cast("str", value))
    except (TypeError, ValueError):
        return None
