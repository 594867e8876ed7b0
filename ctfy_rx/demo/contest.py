"""A contest that could have happened: who starts, tries, fails, solves and boasts at which second.

Pure: the same seed tells the same story.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterable
from typing import Final

from ctfy_rx.demo.actions import (
    Achieve,
    Action,
    Announce,
    NodeFails,
    NodeRecovers,
    Ready,
    Solve,
    Start,
    Stop,
    Wrong,
)
from ctfy_rx.demo.teams import Cast, Challenge, Player, Team, make_cast

__all__ = ["RUSH", "THREE_HOURS", "contest"]

THREE_HOURS: Final = 10_800.0
HOARDING: Final = 0.4  # the share of the contest after which some flags stay in the pocket until the rush
RUSH: Final = 0.88  # the share after which everybody hurries and hands in what they have


def contest(*, seed: int = 7, cast: Cast | None = None, duration: float = THREE_HOURS) -> list[Action]:
    """The whole contest, in the order of time; `duration` in seconds.

    >>> story = contest(seed=7)
    >>> story == contest(seed=7), story == contest(seed=8)
    (True, False)
    >>> story[0].title
    'The contest has begun'
    """
    return _Story(seed, cast or make_cast(seed=seed), duration).tell()


class _Story:
    """Everybody works on one challenge at a time; a queue holds who has time for the next one, and when."""

    def __init__(self, seed: int, cast: Cast, duration: float) -> None:
        self.rng = random.Random(f"contest {seed}")  # noqa: S311 - a believable contest, not a secret
        self.cast = cast
        self.duration = duration
        self.actions: list[Action] = []
        self.taken: set[tuple[str, str]] = set()
        self.found: set[tuple[str, str, str]] = set()

    def tell(self) -> list[Action]:
        free = [(self.rng.uniform(20, 240), seat, player) for seat, player in enumerate(self._everybody())]
        heapq.heapify(free)
        while free:
            at, seat, player = heapq.heappop(free)
            until = self._work(at, player)
            if until < self.duration:
                heapq.heappush(free, (until, seat, player))
        self._boast()
        self._organise()
        within = [action for action in self.actions if action.at <= self.duration]
        return sorted(within, key=lambda action: action.at)

    def _everybody(self) -> list[Player]:
        return [player for team in self.cast.teams for player in team.players]

    def _team(self, player: Player) -> Team:
        return next(team for team in self.cast.teams if team.id == player.team_id)

    def _work(self, at: float, player: Player) -> float:
        """One player on one challenge from `at` on; returns when they are free again."""
        challenge = self._choose(player)
        if challenge is None:
            return math.inf
        self.taken.add((player.team_id, challenge.id))
        self._add(Start(at=at, player=player, challenge=challenge))
        ready = at + self.rng.uniform(6, 45)
        self._add(Ready(at=ready, player=player, challenge=challenge))
        now = last_answer = ready
        for flag in self._left(player, challenge):
            effort = self._effort(now, player, challenge)
            patience = self.rng.uniform(0.2, 0.5) * self.duration
            self._guess(now, now + min(effort, patience), player, challenge, flag)
            now += min(effort, patience)
            if effort > patience:  # gives up; the team may come back to it
                self.taken.discard((player.team_id, challenge.id))
                stop = max(now, last_answer + 60)
                self._add(Stop(at=stop, player=player, challenge=challenge, solved=False))
                return now + self.rng.uniform(30, 300)
            last_answer = max(last_answer, self._hand_in(now, at, player, challenge, flag))
        stop = last_answer + self.rng.uniform(60, 90)
        self._add(Stop(at=stop, player=player, challenge=challenge, solved=True))
        return now + self.rng.uniform(20, 400)

    def _left(self, player: Player, challenge: Challenge) -> list[str]:
        """The flags that the team has not found yet."""
        return [flag for flag in challenge.flags if (player.team_id, challenge.id, flag) not in self.found]

    def _choose(self, player: Player) -> Challenge | None:
        """Easy ones first, but not everybody the same one."""
        left = [c for c in self.cast.challenges if (player.team_id, c.id) not in self.taken]
        weights = [math.exp(-1.4 * challenge.level) for challenge in left]
        return self.rng.choices(left, weights)[0] if left else None

    def _effort(self, now: float, player: Player, challenge: Challenge) -> float:
        """Seconds of work on one flag: more for a hard one, less for a good team, less in the rush."""
        skill = self._team(player).skill
        share = 0.055 * math.exp(1.1 * challenge.level - 0.8 * skill + self.rng.gauss(0.0, 0.5))
        hurry = 0.3 if now > (RUSH - 0.05) * self.duration else 1.0
        return share * hurry * self.duration / math.sqrt(len(challenge.flags))

    def _guess(self, begin: float, end: float, player: Player, challenge: Challenge, flag: str) -> None:
        """Wrong answers come late in the work: weaker teams and harder challenges see more of them."""
        tries = self.rng.expovariate(1 / (0.8 + 0.7 * challenge.level)) - 0.4 * self._team(player).skill
        for _ in range(max(0, min(6, round(tries)))):
            at = end - (end - begin) * 0.45 * self.rng.random() ** 2 - 2.0
            if at > begin:
                self._add(Wrong(at=at, player=player, challenge=challenge, flag_id=flag))

    def _hand_in(
        self, found: float, started: float, player: Player, challenge: Challenge, flag: str
    ) -> float:
        """The right answer, at once or held back for the rush; sometimes sent twice, or by a teammate too."""
        rng = self.rng
        self.found.add((player.team_id, challenge.id, flag))
        late = HOARDING * self.duration < found < RUSH * self.duration
        hoards = late and rng.random() < 0.4  # noqa: PLR2004 - flags in the pocket win nothing, but frighten nobody
        at = rng.uniform(RUSH, 0.995) * self.duration if hoards else found
        self._solve(at, started, player, challenge, flag)
        if rng.random() < 0.12:  # noqa: PLR2004 - one in eight presses the button twice
            self._solve(at + rng.uniform(1, 9), started, player, challenge, flag)
        mates = [mate for mate in self._team(player).players if mate != player]
        if mates and rng.random() < 0.15:  # noqa: PLR2004 - or a teammate does
            self._solve(at + rng.uniform(3, 50), started, rng.choice(mates), challenge, flag)
        return at

    def _solve(self, at: float, started: float, player: Player, challenge: Challenge, flag: str) -> None:
        if at <= self.duration:
            self._add(
                Solve(at=at, player=player, challenge=challenge, flag_id=flag, took=round(at - started, 1))
            )

    def _boast(self) -> None:
        """The badges that follow from the solves: each once a team, right after the solve that earned it."""
        solves = sorted((a for a in self.actions if isinstance(a, Solve)), key=lambda solve: solve.at)
        missed = {(a.player.user_id, a.challenge.id) for a in self.actions if isinstance(a, Wrong)}
        held: dict[str, set[str]] = {team.id: set() for team in self.cast.teams}
        earned: set[tuple[str, str]] = set()
        for solve in _first_answers(solves):
            mine = held[solve.player.team_id]
            deserved = {
                "first_blood_team": not mine,
                "fastest_man": all(solve.challenge.id not in theirs for theirs in held.values()),
                "lucky_guesser": (solve.player.user_id, solve.challenge.id) not in missed,
                "decathlete": len(mine | {solve.challenge.id}) >= 10,  # noqa: PLR2004 - as its name says
            }
            for badge in (name for name, due in deserved.items() if due):
                if (solve.player.team_id, badge) not in earned:
                    earned.add((solve.player.team_id, badge))
                    self._add(Achieve(at=solve.at, player=solve.player, badge=badge))
            mine.add(solve.challenge.id)

    def _organise(self) -> None:
        """What the organisers say, and the node that fails them."""
        span = self.duration
        down = self.rng.uniform(0.3, 0.7) * span
        away = self.rng.uniform(0.01, 0.03) * span
        puzzle = self.rng.choice(
            [c for c in self.cast.challenges if c.level > 0] or list(self.cast.challenges)
        )
        self._add(
            Announce(at=0.0, title="The contest has begun", body=f"{len(self.cast.challenges)} challenges."),
            Announce(
                at=0.45 * span, title=f"A hint for {puzzle.name}", body="Read the description once more."
            ),
            NodeFails(at=down),
            NodeRecovers(at=down + away, downtime_s=round(away, 1)),
            Announce(
                at=RUSH * span, title="The last minutes", body="Hand in what you have.", severity="warning"
            ),
            Announce(
                at=span, title="The contest is over", body="Thank you for playing.", severity="critical"
            ),
        )

    def _add(self, *actions: Action) -> None:
        self.actions += actions


def _first_answers(solves: Iterable[Solve]) -> list[Solve]:
    """Without what a team hands in again."""
    first: dict[tuple[str, str, str], Solve] = {}
    for solve in solves:
        first.setdefault((solve.player.team_id, solve.challenge.id, solve.flag_id), solve)
    return list(first.values())
