"""The demo platform with a contest on it, to look at or to serve."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ctfy_rx import demo
from ctfy_rx.cli.retelling import Retelling
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.settings import Target
from ctfy_rx.cli.watching import View, watch
from ctfy_rx.demo.contest import THREE_HOURS
from ctfy_rx.demo.pace import BREAK
from ctfy_rx.errors import ConnectionFailed
from ctfy_rx.threads.waiting import Alarm
from ctfy_rx.wording import duration

if TYPE_CHECKING:
    from ctfy_rx.demo.running import Platform

__all__ = ["SERVED_AT", "Showcase"]

SERVED_AT = 8100


@dataclass(frozen=True, slots=True)
class Showcase:
    """Contests at `speed`, the first played by `seed`, at `port`, for `seconds` (None: until somebody ends
    it)."""

    screen: Screen
    speed: float
    seed: int
    port: int | None
    seconds: float | None

    def watch(self, view: View) -> None:
        """Show the contest as its admin sees it."""
        with self._playing(self.port or 0) as platform:
            self._tell_the_time()
            retelling = Retelling(from_the_start=not view.selection)
            view = replace(view, names_first=True, retelling=retelling)
            watch(Target(platform.url, platform.admin_token), view, self.screen)

    def serve(self) -> None:
        """Serve the contest, and say how to watch it."""
        with self._playing(self.port or SERVED_AT) as platform:
            self.screen.show(_introduction(platform))
            self._tell_the_time()
            Alarm().wait(self.seconds)

    @contextmanager
    def _playing(self, port: int) -> Generator[Platform]:
        platform = demo.platform(
            contest=True,
            seed=self.seed,
            speed=self.speed,
            port=port,
            endless=True,
            on_over=self._tell_the_end,
        )
        with ExitStack() as stack:
            try:
                stack.enter_context(platform)
            except OSError as error:
                raise ConnectionFailed(
                    f"the demo cannot listen at port {port}: {error.strerror}; choose another --port"
                ) from None
            yield platform

    def _tell_the_time(self) -> None:
        seconds = duration(THREE_HOURS / self.speed)
        self.screen.say(f"three hours of a contest in {seconds}: time runs {self.speed:g} times as fast")

    def _tell_the_end(self) -> None:
        seconds = duration(BREAK / self.speed) or "a moment"
        self.screen.say(f"the contest is over: the next one begins in {seconds}, Ctrl-C ends the demo")


def _introduction(platform: Platform) -> str:
    return f"""\
a demo contest is on at {platform.url}, until Ctrl-C

  export CTFY_PLATFORM_URL={platform.url} CTFY_TOKEN={platform.admin_token}
  ctfy-rx watch --filter solves

CTFY_TOKEN is the admin's token, made up for the demo: it hears everything.
As a player (of {platform.teams[0].name}): CTFY_TOKEN={platform.players[0].token}"""
