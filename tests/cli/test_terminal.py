"""``ctfy-rx`` on a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ctfy_rx.demo.running import Platform

from ..support.command import arguments
from ..support.waiting import PATIENCE

TAKE_THE_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A terminal with ``ctfy-rx`` on it."""

    def __init__(self, keyboard: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.screen = b""
        self._keyboard = keyboard

    def wait_for(self, pattern: str, *, within: float = 30.0) -> str:
        """All that was on the screen, once it matches `pattern`; bytes that are no colour are left in."""
        deadline = time.monotonic() + within
        while not re.search(pattern, ESCAPE.sub("", self.screen.decode())):
            left = deadline - time.monotonic()
            assert left > 0, self.screen
            if select.select([self._keyboard], [], [], left)[0]:
                self.screen += os.read(self._keyboard, 65536)
        return self.screen.decode()

    def type(self, keys: bytes) -> None:
        os.write(self._keyboard, keys)


@contextmanager
def terminal(*words: str, env: dict[str, str]) -> Iterator[Terminal]:
    keyboard, line = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_THE_TERMINAL, *arguments(*words)],
        env=env | {"TERM": "xterm-256color"},
        stdin=line,
    )
    os.close(line)
    try:
        yield Terminal(keyboard, process)
    finally:
        process.kill()
        process.wait()
        os.close(keyboard)


def test_a_terminal_gets_words_in_colour_with_the_local_time(platform: Platform, admin: dict[str, str]):
    with terminal("watch", env=admin | {"TZ": "Asia/Kathmandu"}) as screen:
        screen.wait_for("connected to http")
        platform.solve(team=0, challenge=0)
        shown = screen.wait_for("solved .* in 0 s\r\n")
    assert "\x1b[1;32m✔" in shown
    local = datetime.now(ZoneInfo("Asia/Kathmandu"))
    clock = re.search(r"(\d\d):(\d\d):\d\d  ✔", ESCAPE.sub("", shown))
    assert clock
    minutes = int(clock[1]) * 60 + int(clock[2])
    assert (local.hour * 60 + local.minute - minutes) % 1440 <= 1


def test_no_color_is_respected(platform: Platform, admin: dict[str, str]):
    with terminal("watch", env=admin | {"NO_COLOR": "1"}) as screen:
        screen.wait_for("connected to http")
        platform.solve(team=0, challenge=0)
        assert "\x1b[1;32m" not in screen.wait_for("solved .* in 0 s\r\n")


def test_ctrl_c_on_the_keyboard_ends_at_once(admin: dict[str, str]):
    with terminal("watch", env=admin) as screen:
        screen.wait_for("connected to http")
        screen.type(b"\x03")
        assert screen.process.wait(PATIENCE) == 130


@pytest.mark.parametrize("how", ["--json", "--text"])
def test_a_hostile_event_cannot_touch_the_terminal(how: str, platform: Platform, admin: dict[str, str]):
    attack = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m[blink]\r\x08\u202e"
    with terminal("watch", how, env=admin) as screen:
        screen.wait_for("connected to http")
        platform.send("flag_wrong", {"actor_name": attack, "challenge_id": attack})
        platform.send("hologram_opened", {"actor_name": attack, attack: attack})
        platform.send("announcement_created", {"announcement_id": "the-end"})
        shown = screen.wait_for("the-end")
    plain = ESCAPE.sub("", shown).replace("\r\n", "")
    assert plain.isprintable()
    assert "\x1b[31m" not in shown.replace("\x1b[31m✘ \x1b[0m", "")
    assert "[blink]" in plain


def test_a_narrow_terminal_breaks_no_line_itself(platform: Platform, admin: dict[str, str]):
    with terminal("watch", env=admin | {"COLUMNS": "20"}) as screen:
        screen.wait_for("connected to http")
        platform.solve(team=0, challenge=0)
        screen.wait_for(f"{platform.teams[0].name}\\) solved [Cc]ookie.[Mm]onster in 0 s\r\n")
