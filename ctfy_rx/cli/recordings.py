"""A platform's events into a file, and out of it onto the screen."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.text import Text
from typing_extensions import override

from ctfy_rx import EventStream, Open, Recording, Status, events, replay
from ctfy_rx.cli.reached import Reached
from ctfy_rx.cli.render import as_status
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.settings import Target
from ctfy_rx.cli.watching import View, show
from ctfy_rx.platform.doorbell import LogOption
from ctfy_rx.platform.since import Since
from ctfy_rx.text.printable import plain

__all__ = ["Play", "Take", "play", "record"]

_REFRESH = 0.5  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Into which `file` to record, from when on and for how long (`seconds`, None: until the end)."""

    file: Path
    seconds: float | None = None
    since: Since = None
    log: LogOption = "auto"
    fsync: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Which `file` to play, how fast, and which part of it."""

    file: Path
    speed: float | None = 1.0
    since: datetime | None = None
    until: datetime | None = None


def record(target: Target, take: Take, screen: Screen) -> None:
    """Record the events of `target`, with names, until the time is up, or somebody ends it.

    Raises what the stream and the recording fail with.
    """
    stream = events(target.url, token=target.token or "", since=take.since, log=take.log)
    reached = Reached()
    stream.status.subscribe(reached.note)
    with _logging_to(screen), stream:
        recording = stream.named().record(take.file, fsync=take.fsync)
        if recording.events_before:
            screen.say(f"{take.file} goes on after {recording.events_before:,} events")
        stream.status.subscribe(
            lambda status: screen.say(line) if (line := as_status(status, target.address)) else None
        )
        try:
            with recording:
                _wait(recording, take.seconds, screen)
        finally:
            screen.say(f"{recording.events:,} events were recorded into {take.file}")
    reached.check(take.seconds)


def _wait(recording: Recording, seconds: float | None, screen: Screen) -> None:
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        left = _REFRESH if until is None else min(until - time.monotonic(), _REFRESH)
        if left <= 0 or recording.wait(left):
            return
        screen.keep_saying(f"{recording.events:,} events")


def play(what: Play, view: View, screen: Screen) -> None:
    """Show the events of a recording, until `view` has enough of them, or nobody reads them any more.

    Raises `BadRecording`, and `OutputError` where the output cannot be written.
    """

    def say(status: Status) -> Text | None:
        if isinstance(status, Open):
            return Text(f"a replay of {plain(what.file.name)}", "green")
        return as_status(status, what.file.name)

    recorded = replay(what.file, speed=what.speed, since=what.since, until=what.until)
    played_once = EventStream.over(recorded, autoconnect=False)  # whatever parts of it are chosen
    with _logging_to(screen):
        show(played_once, view, screen, say=say, waits=True)


class _Says(logging.Handler):
    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    @override
    def emit(self, record: logging.LogRecord) -> None:
        # Errors end the command, which says them, as it does what the status is.
        if record.levelno < logging.ERROR and not hasattr(record, "status"):
            self._screen.say(record.getMessage())


@contextmanager
def _logging_to(screen: Screen) -> Generator[None]:
    log, handler = logging.getLogger("ctfy_rx"), _Says(screen)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
