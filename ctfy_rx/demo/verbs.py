"""What a test can make happen: the verbs of a contest, with everybody named as is convenient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ctfy_rx.demo.happenings import Answer, Stage
from ctfy_rx.demo.listeners import Audience, Hub, encode
from ctfy_rx.demo.state import Announcement, Instance, Row, State, Token
from ctfy_rx.demo.teams import Cast, Challenge, Player, Team

__all__ = ["Script", "Unknown", "WhichChallenge", "WhichPlayer", "WhichTeam"]

WhichTeam = int | str | Team
WhichChallenge = int | str | Challenge
WhichPlayer = int | str | Player | None


class Unknown(KeyError):  # noqa: N818 - `p.solve(team="Nobody")` raises Unknown: it reads as it is
    """There is no such team, challenge, player or token; the text says what there is."""

    def __str__(self) -> str:
        return str(self.args[0])


class _Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


class Script:
    """The verbs. Each may be called from any thread and returns what it did.

    Teams, challenges and players are named by index, by id or by name, or are given themselves; a player's
    index counts within the team, and where none is named it is the team's first.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.state: State = stage.state
        self.hub: Hub = stage.hub

    @property
    def cast(self) -> Cast:
        """Everybody and everything in the contest that is on."""
        return self.state.cast

    def solve(
        self,
        *,
        team: WhichTeam,
        challenge: WhichChallenge,
        player: WhichPlayer = None,
        flag_id: str | None = None,
    ) -> Answer:
        """A right answer to `flag_id` (the challenge's first flag without it); a second time it ranks 0."""
        return self._answer(team, challenge, player, flag_id, right=True)

    def wrong(
        self,
        *,
        team: WhichTeam,
        challenge: WhichChallenge,
        player: WhichPlayer = None,
        flag_id: str | None = None,
    ) -> Answer:
        """A wrong answer."""
        return self._answer(team, challenge, player, flag_id, right=False)

    def share_answer(
        self, *, team: WhichTeam, challenge: WhichChallenge, made_for: WhichTeam, player: WhichPlayer = None
    ) -> Answer:
        """A wrong answer that was made for another team: an event in the log, which no stream hears."""
        by, other = self._player(self._team(team), player), self._team(made_for)
        with self.state.lock:
            running = self.instance(team=team, challenge=challenge)
            claimed = f"FLAG{{made-for-{other.id}}}"
            flag = self._challenge(challenge).flags[0]
            return self.stage.answer(by, running, flag, right=False, claimed=claimed, made_for=other)

    def _answer(
        self,
        team: WhichTeam,
        challenge: WhichChallenge,
        player: WhichPlayer,
        flag_id: str | None,
        *,
        right: bool,
    ) -> Answer:
        by = self._player(self._team(team), player)
        flags = self._challenge(challenge).flags
        if flag_id is not None and flag_id not in flags:
            raise Unknown(f"this challenge has no flag {flag_id!r}: choose one of {', '.join(flags)}")
        with self.state.lock:
            running = self.instance(team=team, challenge=challenge)
            return self.stage.answer(by, running, flag_id or flags[0], right=right)

    def achievement(
        self, *, team: WhichTeam, player: WhichPlayer = None, badge: str = "lucky_guesser"
    ) -> Row:
        """A badge for the team; `secret_handshake` is one that carries its names in other languages."""
        return self.stage.achievement(self._player(self._team(team), player), badge)

    def instance(self, *, team: WhichTeam, challenge: WhichChallenge) -> Instance:
        """The team's instance of the challenge: the one that runs, or a new one that nobody is told about."""
        its_team, its_challenge = self._team(team), self._challenge(challenge)
        with self.state.lock:
            running = self.state.instance_of(its_team, its_challenge)
            return running or self.stage.open_instance(its_team, its_challenge)

    def instance_started(
        self, *, team: WhichTeam, challenge: WhichChallenge, player: WhichPlayer = None
    ) -> Row:
        """A player starts a new instance; it has no address until `instance_ready`."""
        its_team, its_challenge = self._team(team), self._challenge(challenge)
        by = self._player(its_team, player)
        with self.state.lock:
            starting = self.stage.open_instance(its_team, its_challenge, status="starting")
            return self.stage.instance_started(by, starting)

    def instance_ready(self, *, team: WhichTeam, challenge: WhichChallenge) -> Row:
        """The team's instance answers, and `/instances/{id}` has its address."""
        return self.stage.instance_ready(self.instance(team=team, challenge=challenge))

    def instance_stopped(
        self, *, team: WhichTeam, challenge: WhichChallenge, player: WhichPlayer = None
    ) -> Row:
        """The team's instance stops: by `player`'s hand, or without one by the platform."""
        running = self.instance(team=team, challenge=challenge)
        by = None if player is None else self._player(running.team, player)
        return self.stage.instance_stopped(running, player=by)

    def fail_instance(self, *, team: WhichTeam, challenge: WhichChallenge, error: str = "it broke") -> Row:
        """The team's instance fails, for good."""
        return self.stage.instance_error(self.instance(team=team, challenge=challenge), error)

    def fail_task(self, kind: str = "build", error: str = "it broke") -> Row:
        """A background task of the platform fails; its counters say so too."""
        return self.stage.task_failed(kind, error)

    def fail_mail(self) -> None:
        """A mail cannot be sent: no event tells it, the counters do."""
        self.stage.outbox_failed()

    def announce(self, title: str, body: str = "", severity: str = "info") -> Announcement:
        """The organisers tell everybody; the text is in `/me/inbox`, the frame holds only its id."""
        return self.stage.announce(title, body, severity)

    def break_node(self) -> Row:
        """A node stops answering."""
        return self.stage.node_unhealthy()

    def recover_node(self) -> Row:
        """The node answers again."""
        return self.stage.node_recovered()

    def send(
        self,
        event: str,
        data: Mapping[str, Any] | str = "",
        *,
        team: WhichTeam | None = None,
        admin_only: bool = False,
        id: str | None = None,  # noqa: A002 - the field's name on the wire
        retry: int | None = None,
    ) -> int:
        """Send a frame that is in no log to whom it may concern; returns to how many streams.

        A `data` that is a str goes as it is, anything else as JSON.
        """
        audience = Audience(team_id="" if team is None else self._team(team).id, admin_only=admin_only)
        return self.hub.publish(encode(event, data, id, retry), audience)

    def send_bytes(self, chunk: bytes) -> int:
        """Write `chunk` as it is to all live streams; returns how many those are."""
        return self.hub.publish(chunk)

    def expire_token(self, token: str) -> Player:
        """From now on `token` is a bad one, except for streams that it opened; returns whose it was."""
        with self.state.lock:
            if token not in self.state.tokens:
                raise Unknown(
                    "no account has this token: pass p.admin_token or the token of one of p.players"
                )
            return self.state.tokens.pop(token).player

    def fine_grained_token(self, *, team: WhichTeam = 0, player: WhichPlayer = None) -> str:
        """A new `pf_` token of a player: `/me` knows it, the log refuses it, to the stream it is nobody's."""
        owner = self._player(self._team(team), player)
        with self.state.lock:
            token = f"pf_demo_{len(self.state.tokens):032d}"
            self.state.tokens[token] = Token(player=owner, kind="fine_grained")
            return token

    def delete_newest_rows(self, n: int) -> list[Row]:
        """Take the newest `n` rows out of the log, newest first; their ids come again."""
        with self.state.lock:
            return [self.state.rows.pop() for _ in range(min(n, len(self.state.rows)))]

    def _team(self, which: WhichTeam) -> Team:
        return which if isinstance(which, Team) else _pick("team", self.cast.teams, which)

    def _challenge(self, which: WhichChallenge) -> Challenge:
        return which if isinstance(which, Challenge) else _pick("challenge", self.cast.challenges, which)

    @staticmethod
    def _player(team: Team, which: WhichPlayer) -> Player:
        return (
            which if isinstance(which, Player) else _pick(f"player of {team.name}", team.players, which or 0)
        )


def _pick(kind: str, there: Sequence[N], which: int | str) -> N:
    if isinstance(which, str):
        for one in there:
            if which in {one.name, one.id}:
                return one
        raise Unknown(f"there is no {kind} {which!r}: choose one of {', '.join(one.name for one in there)}")
    if not -len(there) <= which < len(there):
        raise Unknown(f"there is no {kind} number {which}: count from 0 to {len(there) - 1}")
    return there[which]
