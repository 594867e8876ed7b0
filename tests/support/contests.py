"""The same contest on two platforms, the demo and a real ctfy server, driven over HTTP alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from ctfy_rx.demo.running import Platform

from .platforms import RIGHT_ANSWER, RealPlatform
from .waiting import PATIENCE

TEAMS, CHALLENGES, CACHE = 6, 100, 1


@dataclass
class Contest:
    """What the conformance tests need of a platform: who plays, and answers over HTTP."""

    url: str
    admin_token: str = field(repr=False)
    competition_id: str
    challenge_ids: list[str]
    players: list[Any]
    instance_id: Callable[[int, int], str]
    fine_grained_token: Callable[[], str]
    _unsolved: Iterator[int] = field(default_factory=lambda: count(1))

    def get(self, path: str, token: str | None = None, **params: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return httpx.get(f"{self.url}/api/v1{path}", headers=headers, params=params, timeout=PATIENCE)

    def post(self, path: str, body: dict[str, Any], token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return httpx.post(f"{self.url}/api/v1{path}", headers=headers, json=body, timeout=PATIENCE)

    def fresh_challenge(self) -> int:
        """A challenge that no other test has touched, so that tests may run in any order.

        Never the first one: to that anybody may give wrong answers.
        """
        return next(self._unsolved)

    def solve(self, player: int, challenge: int) -> dict[str, Any]:
        return self._submit(player, challenge, RIGHT_ANSWER)

    def wrong(self, player: int, challenge: int) -> dict[str, Any]:
        return self._submit(player, challenge, "FLAG{not-this-one}")

    def announce(self, title: str = "Hello") -> str:
        told = {"title": title, "body": "everybody", "severity": "info"}
        return str(self.post("/admin/announcements", told, self.admin_token).raise_for_status().json()["id"])

    def rows(self, **params: Any) -> list[dict[str, Any]]:
        """The newest rows of the log, newest first."""
        return list(
            self.get("/admin/activities", self.admin_token, **params).raise_for_status().json()["items"]
        )

    def _submit(self, player: int, challenge: int, answer: str) -> dict[str, Any]:
        instance_id = self.instance_id(player, challenge)
        body = {"instance_id": instance_id, "question_id": "flag", "answer": answer}
        response = self.post("/submissions", body, self.players[player].token)
        return dict(response.raise_for_status().json())


def over_the_demo(p: Platform) -> Contest:
    return Contest(
        url=p.url,
        admin_token=p.admin_token,
        competition_id=p.competition_id,
        challenge_ids=[challenge.id for challenge in p.challenges],
        players=[team.players[0] for team in p.teams],
        instance_id=lambda player, challenge: p.instance(team=player, challenge=challenge).id,
        fine_grained_token=p.fine_grained_token,
    )


def over_the_real_one(r: RealPlatform) -> Contest:
    return Contest(
        url=r.url,
        admin_token=r.admin_token,
        competition_id=r.competition_id,
        challenge_ids=r.challenge_ids,
        players=r.players,
        instance_id=lambda player, challenge: r.players[player].instances[r.challenge_ids[challenge]],
        fine_grained_token=r.fine_grained_token,
    )
