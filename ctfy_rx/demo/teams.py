"""Who plays, and for what: teams of different skill, challenges of different difficulty."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from typing import Final

__all__ = ["DIFFICULTY", "Cast", "Challenge", "Player", "Team", "make_cast"]

DIFFICULTY: Final = {"easy": 0.0, "medium": 1.0, "hard": 2.0}

_TEAMS: Final = (
    "Null Pointers", "Segfault Society", "The Bit Flippers", "Rootkit Rascals", "Hexspeak",
    "Kernel Panic at the Disco", "Stack Smashers", "Cache Me Outside", "Bobby Tables", "Salted Hashes",
    "Ctrl Alt Defeat", "Return Oriented People", "Off by Two", "Sudo Nyms", "Entropy Eaters",
    "Port 31337",
)  # fmt: skip

_PLAYERS: Final = (
    "Ada", "Boris", "Chidi", "Dana", "Emre", "Fatima", "Goran", "Hana", "Ines", "Jun", "Kofi", "Lena",
    "Mateo", "Nadia", "Oskar", "Priya", "Quinn", "Rosa", "Sven", "Tariq", "Uma", "Viktor", "Wen",
    "Ximena", "Yusuf", "Zoe", "Arjun", "Bea", "Cormac", "Dilara", "Esteban", "Freya", "Gwen", "Hugo",
    "Ilse", "Jamal", "Kaya", "Liam", "Mina", "Noor",
)  # fmt: skip

_CHALLENGES: Final = (
    ("Cookie Monster", "web", "easy", ("flag",)),
    ("Baby's First Overflow", "pwn", "easy", ("flag",)),
    ("Caesar's Salad", "crypto", "easy", ("flag",)),
    ("Strings Attached", "reverse", "easy", ("flag",)),
    ("Deleted Scenes", "forensics", "easy", ("flag",)),
    ("Nobody Inspects JWTs", "web", "medium", ("flag",)),
    ("Nonce Sense", "crypto", "medium", ("flag",)),
    ("Off by None", "pwn", "medium", ("flag", "root")),
    ("Packet Hunt", "forensics", "medium", ("flag",)),
    ("Template of Doom", "web", "medium", ("flag", "root")),
    ("Elliptic Curveball", "crypto", "hard", ("flag",)),
    ("A Heap of Trouble", "pwn", "hard", ("flag",)),
    ("Machine in the Machine", "reverse", "hard", ("flag",)),
    ("Domain of Sorrow", "web", "hard", ("flag", "user", "root")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A task with one flag or more; `level` grows with the difficulty."""

    id: str
    name: str
    category: str
    difficulty: str
    flags: tuple[str, ...]

    @property
    def level(self) -> float:
        """0.0 for an easy one, 2.0 for a hard one."""
        return DIFFICULTY[self.difficulty]


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A person with a token."""

    user_id: str
    name: str
    team_id: str
    team_name: str
    token: str = field(repr=False)

    @property
    def id(self) -> str:
        """The same as `user_id`."""
        return self.user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Two or three players; `skill` is about 0, more is better."""

    id: str
    name: str
    skill: float
    players: tuple[Player, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everybody and everything in one contest."""

    teams: tuple[Team, ...]
    challenges: tuple[Challenge, ...]
    admin: Player
    competition_id: str = "demo"
    competition_title: str = "Demo CTF"


def make_cast(*, seed: int = 7, teams: int = 8, challenges: int = 14) -> Cast:
    """The same teams, players, tokens and challenges for the same arguments.

    >>> cast = make_cast(seed=7, teams=3)
    >>> len(cast.teams), cast.challenges[0].name
    (3, 'Cookie Monster')
    """
    if teams < 1 or challenges < 1:
        raise ValueError("a contest needs at least one team and one challenge: pass 1 or more of each")
    rng = random.Random(f"cast {seed}")  # noqa: S311 - a believable contest, not a secret
    admin = Player(user_id="demo-admin", name="Demo Admin", team_id="", team_name="", token=_token(rng))
    return Cast(
        teams=tuple(_team(rng, index) for index in range(teams)),
        challenges=tuple(_challenge(index) for index in range(challenges)),
        admin=admin,
    )


def _team(rng: random.Random, index: int) -> Team:
    team_id, name = _uuid(rng), _numbered(_TEAMS, index)
    size = rng.choice((2, 3, 3))
    players = tuple(
        Player(
            user_id=_uuid(rng),
            name=_numbered(_PLAYERS, index * 3 + seat),
            team_id=team_id,
            team_name=name,
            token=_token(rng),
        )
        for seat in range(size)
    )
    return Team(id=team_id, name=name, skill=rng.gauss(0.0, 0.7), players=players)


def _challenge(index: int) -> Challenge:
    _, category, difficulty, flags = _CHALLENGES[index % len(_CHALLENGES)]
    name = _numbered([challenge[0] for challenge in _CHALLENGES], index)
    slug = "-".join(name.lower().replace("'", "").split())
    return Challenge(id=slug, name=name, category=category, difficulty=difficulty, flags=flags)


def _numbered(names: tuple[str, ...] | list[str], index: int) -> str:
    lap, place = divmod(index, len(names))
    return names[place] if lap == 0 else f"{names[place]} {lap + 1}"


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _token(rng: random.Random) -> str:
    return f"pt_demo_{rng.getrandbits(160):040x}"
