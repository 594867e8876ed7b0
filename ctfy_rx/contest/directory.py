"""What ids mean: the names of challenges, teams and people of some contests. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from ctfy_rx.connection.steps import Steps
from ctfy_rx.contest.questions import item, items
from ctfy_rx.errors import HttpError, TokenRefused
from ctfy_rx.event import Event
from ctfy_rx.platform.questions import identify
from ctfy_rx.reconnect import is_transient

__all__ = ["Directory", "changes_names", "contest_of", "look_up", "running_contests"]

T = TypeVar("T")

Json = dict[str, Any]

_CHANGING = ("team_", "competition_updated", "competition_deleted")


@dataclass(frozen=True, kw_only=True)
class Directory:
    """Names by id. `members` are the teams of people: (contest, user) -> team; `contests` those looked up.

    >>> directory = Directory(challenges={"pwn-1": "Overflow"})
    >>> event = directory.named(Event("flag_wrong", '{"challenge_id": "pwn-1", "actor_id": "7"}'))
    >>> event.challenge_name, event.actor_name, event.team_name
    ('Overflow', '7', None)
    """

    challenges: Mapping[str, str] = field(default_factory=dict[str, str])
    teams: Mapping[str, str] = field(default_factory=dict[str, str])
    people: Mapping[str, str] = field(default_factory=dict[str, str])
    members: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    contests: frozenset[str] = frozenset()

    def __or__(self, other: Directory) -> Directory:
        return Directory(
            challenges={**self.challenges, **other.challenges},
            teams={**self.teams, **other.teams},
            people={**self.people, **other.people},
            members={
                **{key: team for key, team in self.members.items() if key[0] not in other.contests},
                **other.members,
            },
            contests=self.contests | other.contests,
        )

    def named(self, event: Event[Any]) -> Event[Any]:
        """`event` with its names: the log's, else the frame's, else ours, else the id. None where there is
        no id either."""
        data = _fields(event)
        challenge, actor = _text(data, "challenge_id"), _text(data, "actor_id")
        team, actor_name = event.team_id or self.team_of(event), _text(data, "actor_name")
        if actor_name == actor:  # the platform writes the id where a team is the actor
            actor_name = None
        return event.having(
            team_id=team,
            team_name=event.team_name or self._name(self.teams, team),
            challenge_name=event.challenge_name or self._name(self.challenges, challenge),
            actor_name=event.actor_name
            or actor_name
            or self.people.get(actor or "")
            or self._name(self.teams, actor),
        )

    def team_of(self, event: Event[Any]) -> str | None:
        """Whose event it is: the actor's team in that contest, or the actor itself, where that is a team."""
        data = _fields(event)
        actor, contest = _text(data, "actor_id"), _text(data, "competition_id")
        if actor is None or actor in self.teams:
            return actor
        return self.members.get((contest or "", actor))

    def unknown(self, event: Event[Any]) -> Iterator[str]:
        """The ids in `event` that could be looked up."""
        data = _fields(event)
        challenge, contest = _text(data, "challenge_id"), _text(data, "competition_id")
        if contest and contest not in self.contests:
            yield contest
        if challenge and challenge not in self.challenges:
            yield challenge
        if event.team_id and not event.team_name and event.team_id not in self.teams:
            yield event.team_id

    @staticmethod
    def _name(names: Mapping[str, str], wanted: str | None) -> str | None:
        return None if wanted is None else names.get(wanted, wanted)


def changes_names(event: Event[Any]) -> bool:
    """Whether names may be others after `event`."""
    return event.event.startswith(_CHANGING)


def contest_of(event: Event[Any]) -> str | None:
    """The id of the contest that `event` belongs to, None where it belongs to none."""
    return _text(_fields(event), "competition_id")


def running_contests() -> Steps[frozenset[str]]:
    """The ids of the contests that are on now."""
    there = yield from items("/competitions")
    return frozenset(str(item["id"]) for item in there if item.get("phase") == "running" and "id" in item)


def look_up(contests: Iterable[str]) -> Steps[Directory]:
    """The names of `contests`, or of those that are on now where none is given. What this caller may not know
    is left out.

    An admin gets all teams in one question a contest, a player the own ones, nobody none.
    """
    wanted = frozenset(contests) or (yield from running_contests())
    try:
        identity = yield from identify()
    except TokenRefused:
        identity = None
    challenges: dict[str, str] = {}
    rosters: list[Json] = []
    for contest in sorted(wanted):
        for each in (yield from _unless_refused(items(f"/competitions/{contest}/challenges"))) or ():
            challenges[str(each.get("id"))] = str(each.get("name") or each.get("id"))
        if identity is not None and identity.is_admin:
            rosters += (yield from _unless_refused(items(f"/admin/competitions/{contest}/teams"))) or ()
    if identity is not None and not identity.is_admin:
        for team in sorted(identity.teams):
            rosters.append((yield from _unless_refused(item(f"/teams/{team}"))) or {})
    return Directory(
        challenges=challenges,
        teams={str(team["id"]): str(team["name"]) for team in rosters if team.get("id") and team.get("name")},
        people={str(user): str(name) for _, user, name, _ in _members(rosters) if name},
        members={(contest, user): team for contest, user, _, team in _members(rosters)},
        contests=wanted,
    )


def _members(rosters: list[Json]) -> Iterator[tuple[str, str, str, str]]:
    """Contest, user, the user's name, team."""
    for team in rosters:
        members = team.get("members")
        for member in cast("Sequence[Any]", members) if isinstance(members, list) else ():
            if isinstance(member, dict):
                user = cast("Json", member)
                yield (
                    str(team.get("competition_id") or ""),
                    str(user.get("user_id")),
                    str(user.get("display_name") or ""),
                    str(team.get("id")),
                )


def _unless_refused(asked: Steps[T]) -> Steps[T | None]:
    """What is answered; None where it is refused for good, as for a contest that is gone, or not ours."""
    try:
        return (yield from asked)
    except HttpError as error:
        if is_transient(error):
            raise
        return None


def _fields(event: Event[Any]) -> Json:
    data: Any = event.data
    return cast("Json", data) if isinstance(data, dict) else {}


def _text(data: Json, name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and value else None
