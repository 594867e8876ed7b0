"""The routes about the contest, open to everybody: boards, teams, challenges, health."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ctfy_rx.demo import access, standings, views
from ctfy_rx.demo.access import ApiError, page
from ctfy_rx.demo.state import State
from ctfy_rx.demo.teams import Player, Team

__all__ = ["ContestRoutes"]


class ContestRoutes:
    """One method a route; the boards are computed once in `cache` seconds."""

    def __init__(self, state: State, *, cache: float) -> None:
        self.state = state
        self.board = standings.Cached(standings.scoreboard, state, ttl=cache)
        self.fates = standings.Cached(standings.breakdown, state, ttl=cache)

    def table(self) -> list[Route]:
        """Where each one is."""
        one = "/competitions/{competition_id}"
        return [
            Route("/competitions", self.competitions),
            Route(one, self.competition),
            Route(f"{one}/scoreboard", self.scoreboard),
            Route(f"{one}/challenge-breakdown", self.challenge_breakdown),
            Route(f"{one}/challenges", self.challenges),
            Route(f"/admin{one}/teams", self.admin_teams),
            Route("/challenges", self.challenges),
            Route("/teams", self.teams),
            Route("/teams/{team_id}", self.team),
            Route("/health", self.health),
        ]

    @property
    def _competition_id(self) -> str:
        return self.state.cast.competition_id

    def _viewer(self, request: Request) -> Player | None:
        token = access.bearer(self.state, request)
        return token.player if token else None

    def _the_competition(self, request: Request) -> None:
        asked = request.path_params["competition_id"]
        if asked != self._competition_id:
            raise ApiError(404, "http_404", f"Competition not found: {asked}")

    async def competitions(self, request: Request) -> Response:
        """All competitions: one."""
        return JSONResponse(page(request, [views.competition(self.state, self._viewer(request))]))

    async def competition(self, request: Request) -> Response:
        """The competition with its challenges."""
        self._the_competition(request)
        viewer = self._viewer(request)
        return JSONResponse({**views.competition(self.state, viewer), "challenges": self._challenges(viewer)})

    async def scoreboard(self, request: Request) -> Response:
        """The board, up to `cache` seconds old."""
        self._the_competition(request)
        status = "approved" if self._viewer(request) is self.state.cast.admin else ""
        with self.state.lock:
            board = [{**standing, "review_status": status} for standing in self.board.get()]
        return JSONResponse(page(request, board))

    async def challenge_breakdown(self, request: Request) -> Response:
        """Solves and first blood for each challenge, up to `cache` seconds old."""
        self._the_competition(request)
        with self.state.lock:
            return JSONResponse(self.fates.get())

    async def challenges(self, request: Request) -> Response:
        """All challenges, of the one competition too."""
        if "competition_id" in request.path_params:
            self._the_competition(request)
        return JSONResponse(page(request, self._challenges(self._viewer(request))))

    def _challenges(self, viewer: Player | None) -> list[dict[str, Any]]:
        with self.state.lock:
            return [views.challenge(self.state, item, viewer) for item in self.state.cast.challenges]

    async def teams(self, request: Request) -> Response:
        """All teams."""
        with self.state.lock:
            described = [views.team(self.state, item) for item in self.state.cast.teams]
        return JSONResponse(page(request, described))

    async def team(self, request: Request) -> Response:
        """One team with its members."""
        asked = request.path_params["team_id"]
        found = next((item for item in self.state.cast.teams if item.id == asked), None)
        if found is None:
            raise ApiError(404, "team_not_found", f"Team {asked} not found")
        return JSONResponse(self._with_members(found))

    async def admin_teams(self, request: Request) -> Response:
        """Every team with its members: a plain list, no pages."""
        token = access.session(self.state, request)
        if token.player is not self.state.cast.admin:
            raise ApiError(403, "http_403", "Competition-admin privileges required")
        self._the_competition(request)
        review = {"review_status": "approved", "disqualified": False, "disqualified_at": None}
        reasons = {"disqualified_by_display_name": "", "disqualification_reason": ""}
        hidden = ("captain_avatar_url", "solves", "attempts", "last_active_at", "anonymous", "affiliation")
        rosters = [{**self._with_members(item), **review, **reasons} for item in self.state.cast.teams]
        return JSONResponse([{k: v for k, v in item.items() if k not in hidden} for item in rosters])

    def _with_members(self, item: Team) -> dict[str, Any]:
        with self.state.lock:
            return {**views.team(self.state, item), "members": views.roster(self.state, item)}

    async def health(self, _request: Request) -> Response:
        """The server is up."""
        return JSONResponse(
            {
                "status": "ok",
                "hostname": "demo",
                "running_instances": len(self.state.instances),
                "capacity": 500,
                "version": "0.7.0",
                "environment": "demo",
                "environment_label": "demo",
            }
        )
