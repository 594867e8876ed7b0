"""The demo platform with a contest on it, to look at or to serve."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctfy_rx import demo
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.settings import Target
from ctfy_rx.cli.watching import View, watch
from ctfy_rx.errors import ConnectionFailed
from ctfy_rx.threads.waiting import Alarm

if TYPE_CHECKING:
    from ctfy_rx.demo.running import Platform

__all__ = ["SERVED_AT", "Showcase"]

SERVED_AT = 8100


@dataclass(frozen=True, slots=True)
class Showcase:
    """A contest at `speed`, played by `seed`, at `port`, for `seconds` (None: until somebody ends it)."""

    screen: Screen
    speed: float
    seed: int
    port: int | None
    seconds: float | None

    def watch(self, view: View) -> None:
        """Show the contest as its admin sees it."""
        leaving = threading.Event()
        with self._playing(self.port or 0) as platform:
            self._tell_the_end_of(platform, unless=leaving)
            try:
                watch(Target(platform.url, platform.admin_token), view, self.screen)
            finally:
                leaving.set()

    def serve(self) -> None:
        """Serve the contest, and say how to watch it."""
        with self._playing(self.port or SERVED_AT) as platform:
            self.screen.show(_introduction(platform))
            self._tell_the_end_of(platform, unless=threading.Event())
            Alarm().wait(self.seconds)

    @contextmanager
    def _playing(self, port: int) -> Generator[Platform]:
        platform = demo.platform(contest=True, seed=self.seed, speed=self.speed, port=port)
        with ExitStack() as stack:
            try:
                stack.enter_context(platform)
            except OSError as error:
                raise ConnectionFailed(
                    f"the demo cannot listen at port {port}: {error.strerror}; choose another --port"
                ) from None
            yield platform

    def _tell_the_end_of(self, platform: Platform, *, unless: threading.Event) -> None:
        def wait() -> None:
            if platform.wait_for_contest() and not unless.is_set():
                self.screen.say("the contest is over: Ctrl-C ends the demo")

        threading.Thread(target=wait, name="ctfy-rx-demo-end", daemon=True).start()


def _introduction(platform: Platform) -> str:
    return f"""\
a demo contest is on at {platform.url}, until Ctrl-C

  export CTFY_PLATFORM_URL={platform.url} CTFY_TOKEN={platform.admin_token}
  ctfy-rx watch --filter solves

CTFY_TOKEN is the admin's token, made up for the demo: it hears everything.
As a player (of {platform.teams[0].name}): CTFY_TOKEN={platform.players[0].token}"""
