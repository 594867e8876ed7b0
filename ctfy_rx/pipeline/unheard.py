"""A warning where somebody waits for events that never come, for want of a token."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from ctfy_rx.catalogue import STORED
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.status import Open, Status
from ctfy_rx.text.printable import plain

__all__ = ["unheard"]

_SHOWN = 3
_STORED = ("flag_correct", *sorted(STORED - {"flag_correct"}))


def unheard(name: str, wants: Callable[[str], bool]) -> Callable[[Status], None]:
    """What looks at each status of the stream `name`. When it is open as nobody, for the first time, the log
    tells whoever `wants` events that a platform sends to those alone whom they concern."""
    told = False

    def look(status: Status) -> None:
        nonlocal told
        if told or not isinstance(status, Open) or not status.nobody or status.refused is not None:
            return
        wanted = list(islice(filter(wants, _STORED), _SHOWN + 1))
        told = bool(wanted)
        if wanted and _log.hasHandlers():
            more = ", …" if len(wanted) > _SHOWN else ""
            _log.warning(
                "%s: without a token a platform sends signals, and no %s%s: write token=, or set CTFY_TOKEN",
                plain(name),
                ", ".join(wanted[:_SHOWN]),
                more,
            )

    return look
