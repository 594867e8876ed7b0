"""The real platform for tests: a ctfy server in a process of its own, with players who can answer at once."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from .ports import own_port
from .waiting import PATIENCE

RIGHT_ANSWER = "FLAG{loadtest-correct-answer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPlayer:
    """The captain of a team of one; `instances` maps challenge ids to instance ids."""

    user_id: str
    name: str
    team_id: str
    team_name: str
    token: str = field(repr=False)
    instances: dict[str, str]


class RealPlatform:
    """A ctfy server at `url`. Every player runs an instance of every challenge, so that any answer counts."""

    def __init__(self, home: Path, spec: dict[str, Any], environment: dict[str, str]) -> None:
        self.home = home
        self.spec = spec
        self.environment = environment
        self.port = own_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_token = ""
        self.competition_id = ""
        self.challenge_ids: list[str] = []
        self.players: list[RealPlayer] = []
        self._fine_grained = ""
        self._http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=3 * PATIENCE)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, on the database of before if there is one; returns when it answers."""
        manifest, config = self.home / "manifest.json", self.home / "config.json"
        manifest.unlink(missing_ok=True)
        settings = {"spec": self.spec, "home": str(self.home), "manifest": str(manifest), "port": self.port}
        config.write_text(json.dumps(settings))
        environment = dict(os.environ)
        environment.pop("COVERAGE_PROCESS_START", None)  # it runs no line of ours, and starts slower with it
        script = Path(__file__).with_name("real_server.py")
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(script), str(config)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment | self.environment,
            )
        self._wait_until_it_answers()
        self._read(json.loads(manifest.read_text()))

    def kill(self) -> None:
        """End the process at once; open streams break off."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def restart(self, down: float = 0.0) -> None:
        """Kill the server and start it again: same port, same database, but new instance ids."""
        self.kill()
        time.sleep(down)
        self.start()

    def solve(self, player: int, challenge: int = 0, *, flag_id: str = "flag") -> dict[str, Any]:
        """A right answer; returns what the platform says."""
        return self._submit(player, challenge, flag_id, RIGHT_ANSWER if flag_id == "flag" else "sqli")

    def wrong(self, player: int, challenge: int = 0) -> dict[str, Any]:
        """A wrong answer; returns what the platform says."""
        return self._submit(player, challenge, "flag", "FLAG{not-this-one}")

    def announce(self, title: str, body: str = "", severity: str = "info") -> dict[str, Any]:
        """An announcement by the admin; returns it."""
        told = {"title": title, "body": body, "severity": severity}
        return self._post("/admin/announcements", told, self.admin_token)

    def emit(
        self, event: str, *, actor_id: str = "platform", admin_only: bool = False, **fields: Any
    ) -> None:
        """Have the platform's own code emit an event, as it does when the thing happens."""
        asked = {"event": event, "fields": fields, "actor_id": actor_id, "admin_only": admin_only}
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()

    def fine_grained_token(self) -> str:
        """A `pf_` token of an account that was registered for it: one, as it takes a while."""
        if self._fine_grained:
            return self._fine_grained
        email = f"player{time.time_ns()}@example.com"
        account = {"email": email, "password": "a-Long-3nough-secret", "display_name": "Robin"}
        session = self._post("/auth/register", account)["token"]
        self._fine_grained = str(self._post("/auth/tokens", {"label": "test"}, session)["token"])
        return self._fine_grained

    def close(self) -> None:
        """End the server."""
        self.kill()
        self._http.close()

    def _submit(self, player: int, challenge: int, flag_id: str, answer: str) -> dict[str, Any]:
        by = self.players[player]
        body = {
            "instance_id": by.instances[self.challenge_ids[challenge]],
            "question_id": flag_id,
            "answer": answer,
        }
        return self._post("/submissions", body, by.token)

    def _post(self, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = self._http.post(path, json=body, headers=headers)
        assert response.is_success, f"{path} answered {response.status_code}: {response.text}"
        return dict(response.json())

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 3 * PATIENCE
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            with contextlib.suppress(httpx.TransportError):
                if self._http.get("/health").is_success:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the ctfy server did not start: {(self.home / 'server.log').read_text()[-2000:]}")

    def _read(self, manifest: dict[str, Any]) -> None:
        self.admin_token = manifest["admin_token"]
        self.competition_id = manifest["competition_id"]
        self.challenge_ids = manifest["challenge_ids"]
        self.players = [self._player(place, raw) for place, raw in enumerate(manifest["players"])]

    def _player(self, place: int, raw: dict[str, Any]) -> RealPlayer:
        count = len(self.challenge_ids)
        ids = {self.challenge_ids[(place + slot) % count]: it for slot, it in enumerate(raw["instance_ids"])}
        return RealPlayer(
            user_id=raw["user_id"],
            name=f"Player {place:04d}-0",
            team_id=raw["team_id"],
            team_name=raw["team_name"],
            token=raw["token"],
            instances=ids,
        )


@contextlib.contextmanager
def real_platform(
    *,
    teams: int = 12,
    challenges: int = 10,
    solves_per_team: int = 0,
    environment: dict[str, str] | None = None,
) -> Iterator[RealPlatform]:
    """A running ctfy server, ready in a few seconds; each team has solved `solves_per_team` challenges."""
    spec = {
        "teams": teams,
        "challenges": challenges,
        "solves_per_team": solves_per_team,
        "wrong_per_solve": 0,
        "instances_per_team": challenges,
    }
    with tempfile.TemporaryDirectory(prefix="ctfy-", ignore_cleanup_errors=True) as home:
        platform = RealPlatform(Path(home), spec, environment or {})
        try:
            platform.start()
            yield platform
        finally:
            platform.close()
