"""What can happen in a contest, as values: who does what, at which second."""

from __future__ import annotations

from dataclasses import dataclass

from ctfy_rx.demo.teams import Challenge, Player

__all__ = [
    "Achieve",
    "Action",
    "Announce",
    "NodeFails",
    "NodeRecovers",
    "Ready",
    "Solve",
    "Start",
    "Stop",
    "Work",
    "Wrong",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that happens `at` seconds after the start."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(Action):
    """Something that `player` does about `challenge`."""

    player: Player
    challenge: Challenge


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Work):
    """A player starts an instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Work):
    """The instance answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Work):
    """The instance is gone: by hand, or because its challenge is solved."""

    solved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong(Work):
    """A wrong answer to a flag."""

    flag_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Solve(Work):
    """A right answer, `took` seconds after the instance was started; perhaps not the team's first one."""

    flag_id: str
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Achieve(Action):
    """A player earns a badge."""

    player: Player
    badge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce(Action):
    """The organisers speak."""

    title: str
    body: str = ""
    severity: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFails(Action):
    """A node stops answering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecovers(Action):
    """It answers again."""

    downtime_s: float
