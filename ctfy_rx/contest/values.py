"""What the contest's streams give beside events: a board, a box."""

from __future__ import annotations

from datetime import datetime

import msgspec

__all__ = ["Instance", "Scoreboard", "Service", "Standing"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One team on the board. `score`, `solved` (challenges) and `flags_solved` are the platform's own
    figures; an `anonymous` team stands under the name that this caller may know."""

    rank: int
    team_id: str
    team_name: str
    score: int
    solved: int
    flags_solved: int
    last_solve_at: datetime | None = None
    anonymous: bool = False


class Scoreboard(msgspec.Struct, frozen=True):
    """The board of a contest, the best team first, as it was fetched at `fetched_at` (aware UTC); the
    platform itself computes it every 20 s at most.

    >>> from datetime import UTC
    >>> red = Standing(rank=1, team_id="7", team_name="Red", score=3, solved=2, flags_solved=3)
    >>> Scoreboard("final", (red,), datetime(2026, 1, 1, tzinfo=UTC)).of("7").team_name
    'Red'
    """

    competition_id: str
    standings: tuple[Standing, ...]
    fetched_at: datetime

    def of(self, team_id: str) -> Standing | None:
        """Where a team stands, None where it does not."""
        return next((standing for standing in self.standings if standing.team_id == team_id), None)


class Service(msgspec.Struct, frozen=True):
    """Where a service of an instance listens; `kind` is ``tcp``, ``http`` and the like.

    >>> print(Service("10.0.0.7", 31337, "tcp"))
    10.0.0.7:31337
    """

    host: str
    port: int
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A team's own running copy of a challenge (a box); `status` is ``starting``, ``ready``, ``error`` or
    ``stopped``. `host` and `port` are those of its first service, "" and 0 where it has none."""

    id: str
    status: str
    challenge_id: str = ""
    services: tuple[Service, ...] = ()

    @property
    def host(self) -> str:
        """Where it is."""
        return self.services[0].host if self.services else ""

    @property
    def port(self) -> int:
        """At which port it listens."""
        return self.services[0].port if self.services else 0
