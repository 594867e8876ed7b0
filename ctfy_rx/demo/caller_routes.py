"""The routes of one caller: the stream, the log, the inbox, instances and answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ctfy_rx.demo import access, views
from ctfy_rx.demo.access import ApiError, page
from ctfy_rx.demo.happenings import RIGHT_ANSWER, Stage
from ctfy_rx.demo.listeners import Hub, Listener
from ctfy_rx.demo.state import Instance, Row, State
from ctfy_rx.demo.teams import Challenge, Player

__all__ = ["CallerRoutes"]

_STREAM_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", "Connection": "keep-alive"}
_SEVERITIES: Final = ("info", "warning", "critical")


class _LiveStream(StreamingResponse):
    """What one listener hears; it is counted out whenever the response ends, even before it began."""

    def __init__(self, hub: Hub, listener: Listener, *, keepalive: float) -> None:
        super().__init__(
            self._chunks(listener, keepalive), media_type="text/event-stream", headers=_STREAM_HEADERS
        )
        self._listening = hub, listener
        hub.open(listener)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hub, listener = self._listening
        try:
            await super().__call__(scope, receive, send)
        finally:
            hub.close(listener)

    @staticmethod
    async def _chunks(listener: Listener, keepalive: float) -> AsyncIterator[bytes]:
        yield b": connected\n\n"
        while chunk := await listener.next_chunk(keepalive):
            yield chunk


class CallerRoutes:
    """One method a route; everything is in memory, so that each answers without waiting."""

    def __init__(self, stage: Stage, *, keepalive: float, streams_per_caller: int) -> None:
        self.stage = stage
        self.state: State = stage.state
        self.hub: Hub = stage.hub
        self.keepalive = keepalive
        self.streams_per_caller = streams_per_caller

    def table(self) -> list[Route]:
        """Where each one is."""
        return [
            Route("/events", self.events),
            Route("/me", self.me),
            Route("/me/inbox", self.inbox),
            Route("/activities", self.activities),
            Route("/admin/activities", self.admin_activities),
            Route("/admin/announcements", self.announcements, methods=["GET"]),
            Route("/admin/announcements", self.announce, methods=["POST"]),
            Route("/instances/{instance_id}", self.instance),
            Route("/admin/instance-records/{instance_id}/submissions", self.submissions),
            Route("/submissions", self.submit, methods=["POST"]),
        ]

    async def events(self, request: Request) -> Response:
        """The stream. A token that it does not like is not refused: the stream opens as an anonymous one."""
        token = self.state.tokens.get(request.query_params.get("token", ""))
        player = token.player if token and token.kind == "user" else None
        host, port = request.client or ("", 0)
        caller = f"user:{player.user_id}" if player else f"ip:{host}"
        cap = self.streams_per_caller
        if cap and self.hub.held_by(caller) >= cap:
            raise ApiError(429, "too_many_streams", f"this caller already holds {cap} live event streams")
        listener = Listener(
            caller=caller,
            team_ids=frozenset({player.team_id} - {""}) if player else frozenset(),
            is_admin=player is self.state.cast.admin,
            peer=(host, port),
        )
        return _LiveStream(self.hub, listener, keepalive=self.keepalive)

    async def me(self, request: Request) -> Response:
        """Who am I."""
        token = access.caller(self.state, request)
        return JSONResponse(views.me(self.state, token.player, token.kind))

    async def activities(self, request: Request) -> Response:
        """The caller's own actions, newest first."""
        own = access.session(self.state, request).player.user_id
        competition = request.query_params.get("competition_id", "")
        rows = [row for row in self._rows(request) if row.actor_id == own]
        credited = competition == self.state.cast.competition_id
        return self._log(request, [row for row in rows if not competition or (credited and row.team_id)])

    async def admin_activities(self, request: Request) -> Response:
        """Everybody's actions, newest first."""
        access.admin(self.state, request)
        actor_id, team_id = (request.query_params.get(name, "") for name in ("actor_id", "team_id"))
        rows = [row for row in self._rows(request) if actor_id in {"", row.actor_id}]
        return self._log(request, [row for row in rows if team_id in {"", row.team_id}])

    def _rows(self, request: Request) -> list[Row]:
        since, until = access.moment(request, "since"), access.moment(request, "until")
        event, challenge_id = (request.query_params.get(name, "") for name in ("event", "challenge_id"))
        with self.state.lock:
            newest_first = self.state.rows[::-1]
        return [
            row
            for row in newest_first
            if (since is None or row.timestamp >= since)
            and (until is None or row.timestamp <= until)
            and (not event or row.event == event)
            and (not challenge_id or row.challenge_id == challenge_id)
        ]

    @staticmethod
    def _log(request: Request, rows: list[Row]) -> Response:
        found = page(request, rows, limit=100)
        return JSONResponse({**found, "items": [views.activity(row) for row in found["items"]]})

    async def inbox(self, request: Request) -> Response:
        """The caller's inbox: the announcements, all unread."""
        access.caller(self.state, request)
        with self.state.lock:
            told = [{**views.announcement(item), "is_read": False} for item in self.state.announcements]
        boxes = ("incoming_invites", "outgoing_requests", "captain_requests", "competition_invites")
        empty: dict[str, list[object]] = {name: [] for name in boxes}
        return JSONResponse({**empty, "announcements": told, "unread_announcement_count": len(told)})

    async def announcements(self, request: Request) -> Response:
        """All announcements, for the organisers."""
        access.admin(self.state, request)
        with self.state.lock:
            told = [views.announcement(item) for item in self.state.announcements]
        return JSONResponse(page(request, told))

    async def announce(self, request: Request) -> Response:
        """The organisers write an announcement."""
        access.admin(self.state, request)
        body = await _body(request, "title")
        severity = body.get("severity", "info")
        if severity not in _SEVERITIES:
            raise access.invalid("severity", "Input should be 'info', 'warning' or 'critical'")
        told = self.stage.announce(str(body["title"]), str(body.get("body", "")), str(severity))
        return JSONResponse(views.announcement(told), 201)

    async def instance(self, request: Request) -> Response:
        """An instance of the caller's team, with its address."""
        player = access.caller(self.state, request).player
        found = self._instance(request.path_params["instance_id"], player)
        return JSONResponse(views.instance(self.state, found))

    async def submissions(self, request: Request) -> Response:
        """The answers that were given to an instance, word for word, for the organisers."""
        access.admin(self.state, request)
        found = self.state.instances.get(request.path_params["instance_id"])
        with self.state.lock:
            given = [views.submission(item) for item in found.submissions] if found else []
        return JSONResponse(page(request, given))

    def _instance(self, instance_id: str, player: Player) -> Instance:
        found = self.state.instances.get(instance_id)
        if found is None:
            raise ApiError(404, "instance_not_found", f"Instance {instance_id} not found")
        if found.team.id != player.team_id:  # the admin's business neither
            raise ApiError(403, "forbidden", "Not your instance")
        return found

    async def submit(self, request: Request) -> Response:
        """A player answers; a right answer that was given before is announced again, and ranks 0."""
        player = access.caller(self.state, request).player
        body = await _body(request, "instance_id", "answer")
        found = self.state.instances.get(str(body["instance_id"]))
        if found is None:
            raise ApiError(404, "instance_not_found", f"Instance {body['instance_id']} not found")
        if found.team.id != player.team_id:
            message = "This instance does not belong to your team"
            raise ApiError(403, "wrong_team_for_instance", {"message": message, "instance_id": found.id})
        question = str(body.get("question_id", "flag"))
        _known_question(found.challenge, question)
        claimed = str(body["answer"])
        answer = self.stage.answer(player, found, question, right=claimed == RIGHT_ANSWER, claimed=claimed)
        return JSONResponse(
            {
                "id": f"submission-{answer.row.id}",
                "correct": answer.right,
                "solve_time_s": answer.solve_time_s,
                "solve_rank": answer.rank,
                "question_id": question if answer.right else None,
                "challenge_fully_solved": answer.fully_solved,
                "attempts_remaining": None,
                "ranked": answer.right,
                "unranked_reason": "",
            }
        )


def _known_question(challenge: Challenge, question: str) -> None:
    if question not in challenge.flags:
        detail = {"question_id": question, "known": list(challenge.flags)}
        raise ApiError(422, "unknown_question_id", detail)


async def _body(request: Request, *required: str) -> dict[str, Any]:
    try:
        body: dict[str, Any] = await request.json()
    except json.JSONDecodeError:
        raise access.invalid("body", "JSON decode error") from None
    for name in required:
        if name not in body:
            raise access.invalid(name, "Field required")
    return body
