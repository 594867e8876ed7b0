"""The running platform: a script with a server under it that can be cut and restarted."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from ctfy_rx.demo.app import make_app
from ctfy_rx.demo.contest import THREE_HOURS, contest
from ctfy_rx.demo.happenings import Stage
from ctfy_rx.demo.listeners import Hub
from ctfy_rx.demo.pace import pause, play
from ctfy_rx.demo.server import Server
from ctfy_rx.demo.state import Row, State
from ctfy_rx.demo.teams import Challenge, Player, Team, make_cast
from ctfy_rx.demo.verbs import Script
from ctfy_rx.threads.waiting import wait_for

__all__ = ["Platform", "Settings"]


_PATIENCE: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `ctfy_rx.demo.platform` was asked for; its documentation says what each one means."""

    seed: int = 7
    contest: bool = False
    speed: float = 60.0
    duration: float = THREE_HOURS
    teams: int = 8
    challenges: int = 14
    keepalive: float = 30.0
    cache: float = 20.0
    streams_per_caller: int = 512
    host: str = "127.0.0.1"
    port: int = 0
    endless: bool = False
    on_over: Callable[[], None] = lambda: None


class Platform(Script):
    """A running platform, made by `ctfy_rx.demo.platform`: what there is, what can happen, what can break."""

    def __init__(self, settings: Settings) -> None:
        cast = make_cast(seed=settings.seed, teams=settings.teams, challenges=settings.challenges)
        super().__init__(Stage(State(cast=cast), Hub(), seed=settings.seed))
        self.settings = settings
        app = make_app(
            self.stage,
            keepalive=settings.keepalive,
            cache=settings.cache,
            streams_per_caller=settings.streams_per_caller,
        )
        self._server = Server(app, host=settings.host, port=settings.port)
        self._playing: Future[None] | None = None
        self._over = threading.Event()
        self._played = 0  # contests, to their end

    def __enter__(self) -> Self:
        self._server.start()
        if self.settings.contest:
            self._playing = self._server.post(self._play())
            self._playing.add_done_callback(lambda _: self._over.set())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interrupted = self._playing is not None and self._playing.cancel()
        self._server.stop()
        if self._playing is not None and not interrupted:
            self._playing.result()  # a contest that broke must not look like one that ended

    def start(self) -> Self:
        """What ``with`` does at its beginning: for a notebook, where a block would end too early. `stop` is
        its end, and so is the end of the program."""
        return self.__enter__()

    def stop(self) -> None:
        """End it, in the middle of the contest if need be."""
        self.__exit__(None, None, None)

    def __repr__(self) -> str:
        return f"<demo platform {self.url}: {len(self.teams)} teams, {self.connections} live streams>"

    @property
    def url(self) -> str:
        """The platform's root, for example ``http://127.0.0.1:40123``; it survives a restart."""
        return f"http://{self._server.host}:{self._server.port}"

    @property
    def admin_token(self) -> str:
        """The token that hears everything."""
        return self.cast.admin.token

    @property
    def competition_id(self) -> str:
        """The competition that is on."""
        return self.cast.competition_id

    @property
    def teams(self) -> tuple[Team, ...]:
        """All teams, each with its `players`."""
        return self.cast.teams

    @property
    def challenges(self) -> tuple[Challenge, ...]:
        """All challenges, the easy ones first."""
        return self.cast.challenges

    @property
    def players(self) -> list[Player]:
        """Everybody who plays: `token`, `user_id`, `name`, `team_id`, `team_name`."""
        return self.state.players

    @property
    def rows(self) -> list[Row]:
        """The activity log, oldest first."""
        with self.state.lock:
            return list(self.state.rows)

    @property
    def connections(self) -> int:
        """How many streams are live now."""
        return len(self.hub.listeners)

    @property
    def opened(self) -> int:
        """How many streams were ever opened."""
        return self.hub.opened

    @property
    def dropped(self) -> int:
        """How many frames were ever lost because a client read too slowly."""
        return self.hub.dropped

    def wait_for_connections(self, count: int, timeout: float = 5.0) -> None:
        """Block until exactly `count` streams are live: then what happens next is heard by all of them.

        Raises TimeoutError after `timeout` seconds.
        """
        if not self.hub.wait_for(count, timeout):
            raise TimeoutError(f"{self.connections} streams are live after {timeout} s, not {count}")

    def restart(self, down: float = 0.0) -> None:
        """Stop listening and cut everything, as a killed process does; listen again `down` seconds later.

        The port, the log and everything else stay; what happens meanwhile is in the log and on no stream.
        Restarts from several threads come one after the other; leaving the block ends one at once.
        """
        self._server.call(self._server.restart(down))

    def drop_connections(self, *, clean: bool = False) -> int:
        """Cut all live streams in mid-air, or end them in good order; returns how many that were.

        A stream that ends in good order first delivers what is queued; a reader that is slow to take it is
        waited for a second at most.
        """
        return self._server.call(self._drop(clean=clean))

    def wait_for_contest(self, timeout: float | None = None) -> bool:
        """Block until the contest is over, of several the first; False if that takes longer than `timeout`
        seconds, or the platform is stopped before.

        It begins with the first stream that is opened.
        """
        return wait_for(self._over, timeout) and self._played > 0

    async def _play(self) -> None:
        asked = self.settings
        await self.hub.first_opened.wait()
        for number in itertools.count() if asked.endless else range(1):
            if number:
                await pause(self.stage, speed=asked.speed)
                self.stage.begin_contest(number + 1)
            story = contest(seed=asked.seed + number, cast=self.cast, duration=asked.duration)
            await play(self.stage, story, speed=asked.speed)
            self._played += 1
            self._over.set()
            asked.on_over()

    async def _drop(self, *, clean: bool) -> int:
        live = self.hub.listeners
        if clean:
            for listener in live:
                listener.end()
        else:
            await self._server.cut({listener.peer for listener in live})
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for listener in live:
                    await listener.gone.wait()
        return len(live)
