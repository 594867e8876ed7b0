"""What each thing that happens makes known, as the platform does it: commit the row, send its frame, then the
signals."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from ctfy_rx.demo.listeners import EVERYBODY, Audience, Hub, encode
from ctfy_rx.demo.state import Instance, Row, State

__all__ = ["Telling"]

# These change a number in `meta_stats`, so that the platform sends new counters after them.
_COUNTED: Final = frozenset(
    {"instance_started", "instance_stopped", "instance_error", "flag_correct", "node_unhealthy"}
)


class Telling:
    """Tells listeners, safe from any thread: frames keep the order of rows. `seed` decides the ids."""

    def __init__(self, state: State, hub: Hub, *, seed: int = 7) -> None:
        self.state = state
        self.hub = hub
        self._seed = seed
        self._minted = 0

    def _tell(
        self,
        event: str,
        *,
        actor: tuple[str, str, str],
        detail: Mapping[str, Any],
        team: tuple[str, str] = ("", ""),
        challenge_id: str = "",
        frame_only: Mapping[str, Any] | None = None,
        contest: bool = True,
        admin_only: bool = False,
        nobody: bool = False,
    ) -> Row:
        cast = self.state.cast
        where = (
            {"competition_id": cast.competition_id, "competition_title": cast.competition_title}
            if contest
            else {}
        )
        with self.state.lock:
            row = self.state.append(
                event,
                actor=actor,
                detail={**detail, **where},
                team=team,
                challenge_id=challenge_id,
                frame_only=frame_only,
            )
            if not nobody:
                audience = Audience(team_id=row.team_id, admin_only=admin_only)
                self.hub.publish(encode(event, row.frame), audience)
            if event in _COUNTED:
                self._signal("meta_stats", self.state.counters(), Audience(admin_only=True))
            return row

    def _signal(self, event: str, data: Mapping[str, Any], audience: Audience = EVERYBODY) -> None:
        self.hub.publish(encode(event, data), audience)

    def _node_status(self, node_id: str, *, healthy: bool) -> None:
        sample = {"node_id": node_id, "ts": self.state.now().timestamp(), "is_healthy": healthy}
        load = {"cpu_percent": 12.5, "memory_percent": 40.0, "disk_percent": 31.0, "latency_ms": 0.0}
        self._signal("node_status", {**sample, **load}, Audience(admin_only=True))

    def _age(self, instance: Instance) -> float:
        return round((self.state.now() - instance.started_at).total_seconds(), 1)

    def _mint(self) -> str:
        with self.state.lock:
            self._minted += 1
            return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._seed} {self._minted}"))
