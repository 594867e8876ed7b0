"""Where an error comes from: the line that the user wrote, not ours."""

from __future__ import annotations

from ctfy_rx.delivery.culprit import raised_at
from ctfy_rx.text.printable import short

__all__ = ["blamed"]

_LONGEST = 300


def blamed(error: BaseException) -> str:
    """What `error` is, and the last line of the user's own code that it came through.

    >>> blamed(ValueError("no such team"))
    'ValueError: no such team'
    """
    told = short(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, _LONGEST)
    place = raised_at(error)
    return f"{told} — {place}" if place is not None else told
