"""What the texts of options mean. Each refuses a text that means nothing, and says what to write."""

from __future__ import annotations

import math
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import typer

from ctfy_rx.cli.filters import Selection, selection
from ctfy_rx.cli.relaying import Place
from ctfy_rx.cli.template import Template
from ctfy_rx.connection.credentials import cleaned
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.platform.since import Since, checked

__all__ = [
    "Pace",
    "When",
    "as_at",
    "as_duration",
    "as_pace",
    "as_place",
    "as_seconds",
    "as_selection",
    "as_template",
    "as_when",
    "token_in",
]

_PORTS = 65536
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def as_selection(text: str | None, *, of_platform: bool = True) -> Selection:
    """What ``--filter`` chooses, of a platform's events or those of another server."""
    try:
        return selection(text or "", of_platform=of_platform)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None


def as_seconds(text: str) -> float:
    """Seconds above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise typer.BadParameter(f'"{text}" is no time: write seconds, like 30')
    return seconds


class When(NamedTuple):
    """Where to begin; a class of its own, for typer takes no union."""

    since: Since


def as_when(text: str) -> When:
    """Where to begin."""
    number, unit = text[:-1], text[-1:]
    try:
        if unit in _UNITS and number:
            return When(float(number) * _UNITS[unit])
        if text == "start" or "@" in text:
            checked(text)
            return When(text)
        return When(datetime.fromisoformat(text))
    except ValueError:
        raise typer.BadParameter(
            f'"{text}" is no beginning: write 10m, 2h, 3d, 2026-05-01T18:00, start, or the cursor of an event'
        ) from None


def as_template(text: str) -> Template:
    """What is sent to a chat."""
    try:
        return Template(text)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None


class Pace(NamedTuple):
    """How many times as fast as it was, None: as fast as possible; a class of its own, as `When` is."""

    speed: float | None


def as_pace(text: str) -> Pace:
    """How fast to play."""
    if text == "max":
        return Pace(None)
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed < math.inf:
        raise typer.BadParameter(f'"{text}" is no speed: write how many times as fast, like 10, or max')
    return Pace(speed)


def as_at(text: str) -> datetime:
    """A moment."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f'"{text}" is no time: write it like 2026-05-01T18:00') from None


def as_duration(text: str) -> float:
    """Seconds, written with or without a unit."""
    number, unit = text[:-1], text[-1:]
    try:
        seconds = float(number) * _UNITS[unit] if unit in _UNITS else float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise typer.BadParameter(f'"{text}" is no duration: write 30m, 2h, 3d')
    return seconds


def as_place(text: str) -> Place:
    """Where to listen."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) < _PORTS:
        raise typer.BadParameter(f'"{text}" is no place to listen: write 127.0.0.1:9000, or a port')
    return Place(host.strip("[]") or "127.0.0.1", int(port))


def token_in(file: str) -> str:
    """The token that `file` holds, ``-`` for a line of standard input.

    Raises `ConfigurationError` where there is none; its text leaves out the name of the file, which is the
    token itself where somebody took the option for that.
    """
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(f"--token-file cannot be read: {reason}") from None
    if not (token := cleaned(text)):
        raise ConfigurationError("--token-file holds no token: it is empty")
    if len(token.split()) > 1:
        raise ConfigurationError("--token-file holds more than a token: leave only that in it")
    return token
