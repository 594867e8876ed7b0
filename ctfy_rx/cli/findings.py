"""What a check finds: values, without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["Check", "Finding", "Result", "clock_offset", "failed", "ok", "skipped", "warning"]

Result = Literal["ok", "warning", "failed", "skipped"]

_DATE_STEP = 1.0  # seconds: a Date header holds no fractions
_DATE_AGE = 1.0  # seconds: servers make it once a second


class Finding(NamedTuple):
    """What a check has found, and what to do about it."""

    status: Result
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A finding under its name, after `seconds`."""

    name: str
    status: Result
    detail: str
    advice: str
    seconds: float


def ok(detail: str) -> Finding:
    """All is well."""
    return Finding("ok", detail)


def warning(detail: str, advice: str) -> Finding:
    """It works, but perhaps not as it is meant to."""
    return Finding("warning", detail, advice)


def failed(detail: str, advice: str) -> Finding:
    """It does not work."""
    return Finding("failed", detail, advice)


def skipped(why: str) -> Finding:
    """It was not looked at."""
    return Finding("skipped", why)


def clock_offset(date: float, *, sent: float, received: float) -> tuple[float, float]:
    """Within what bounds the server's clock is ahead of this computer's (seconds; below 0: behind), if it
    wrote `date`, a whole second, between `sent` and `received` (unix times in seconds).

    >>> clock_offset(100.0, sent=90.5, received=90.75)
    (9.25, 11.5)
    """
    return date - received, date + _DATE_STEP + _DATE_AGE - sent
