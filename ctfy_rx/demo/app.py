"""The platform's routes as a Starlette application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from ctfy_rx.demo import access
from ctfy_rx.demo.caller_routes import CallerRoutes
from ctfy_rx.demo.contest_routes import ContestRoutes
from ctfy_rx.demo.happenings import Stage

__all__ = ["make_app"]


def make_app(stage: Stage, *, keepalive: float, cache: float, streams_per_caller: int) -> Starlette:
    """Everything below /api/v1: for each caller the stream and the log, for everybody the contest."""
    callers = CallerRoutes(stage, keepalive=keepalive, streams_per_caller=streams_per_caller)
    contest = ContestRoutes(stage.state, cache=cache)
    return Starlette(
        routes=[Mount("/api/v1", routes=callers.table() + contest.table())],
        exception_handlers={HTTPException: access.envelope},
    )
