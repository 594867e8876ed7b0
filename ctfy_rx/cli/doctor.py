"""``ctfy-rx doctor``: the checks on the screen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

from rich.text import Text

from ctfy_rx import __version__
from ctfy_rx.cli.checks import Examination, Limits
from ctfy_rx.cli.findings import Check, Result
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.settings import Target
from ctfy_rx.text.printable import json_safe

__all__ = ["as_line", "as_object", "doctor"]

_MARKS: dict[Result, tuple[str, str]] = {
    "ok": ("✔", "bold green"),
    "warning": ("!", "bold yellow"),
    "failed": ("✘", "bold red"),
    "skipped": ("·", "dim"),
}
_WIDTH = len("first comment")


def doctor(target: Target, screen: Screen, *, limits: Limits, as_json: bool) -> bool:
    """Make the checks of `target`, show them, and return whether none has failed.

    Raises `OutputError` where they cannot be shown.
    """
    done: list[Check] = []
    try:
        for check in Examination(target, limits).checks():
            done.append(check)
            if check.name == "first comment" and check.status == "ok" and limits.keepalive:
                screen.say(f"waiting for the keepalive, {limits.keepalive:.0f} s at most; --quick does not")
            if not as_json:
                screen.show(as_line(check))
        if as_json:
            screen.show(as_object(target.address, done))
    except BrokenPipeError:
        pass
    return is_well(done)


def is_well(checks: Iterable[Check]) -> bool:
    """Whether none has failed."""
    return all(check.status != "failed" for check in checks)


def as_line(check: Check) -> Text:
    """`check` as a line for people, and a second one with what to do.

    >>> print(as_line(Check(name="token", status="failed", detail="refused", advice="log in", seconds=0.1)))
    ✘ token          refused
                     log in
    """
    mark, colour = _MARKS[check.status]
    line = Text.assemble((mark, colour), f" {check.name:<{_WIDTH}}  ")
    line.append(check.detail, "dim" if check.status == "skipped" else "")
    if check.advice:
        line.append("\n" + " " * (_WIDTH + 4))
        line.append(check.advice, "yellow")
    return line


def as_object(address: str, checks: list[Check]) -> str:
    """All `checks` of the platform at `address` as one JSON object on one line.

    >>> print(as_object("http://127.0.0.1:8100", [])[:35])
    {"url":"http://127.0.0.1:8100","ok"
    """
    record = {
        "url": address,
        "ok": is_well(checks),
        "ctfy_rx": __version__,
        "checks": [asdict(check) for check in checks],
    }
    return json_safe(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
