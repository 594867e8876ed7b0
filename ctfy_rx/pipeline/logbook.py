"""What a stream writes into the program's log of what its connection does."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ctfy_rx.program_log import program_log as _log
from ctfy_rx.status import Closed, Connecting, Gap, Idle, News, Open, Status, SubscriberFailed, Waiting
from ctfy_rx.text.printable import plain

__all__ = ["logbook"]


def logbook(name: str) -> Callable[[Status], None]:
    """What notes each status of the stream `name` under the logger ``ctfy_rx``: at WARNING what an operator
    should know of: lost connections, gaps, drops, lag, a log that cannot be read; at INFO that it is
    connected or closed, and that a server ends its connections in order and can be asked to go on after the
    last event, as many do every 30 s. A record holds the `status` too.

    Where nobody has set up logging nothing is written: Python's last resort would put it on the screen, in
    the middle of a table or of another cell of a notebook.
    """

    def note(status: Status) -> None:
        # Whoever saw a subscriber fail has logged it, with its traceback.
        if _log.hasHandlers() and not isinstance(status, SubscriberFailed):
            _log.log(_level(status), "%s: %s", plain(name), plain(_said(status)), extra={"status": status})

    return note


def _said(status: Status) -> str:
    """Its sentence, after the word that people search a log for, where the sentence lacks it."""
    return f"{status.state}: {status}" if isinstance(status, News) else str(status)


def _level(status: Status) -> int:
    match status:
        case Idle() | Connecting():
            return logging.DEBUG
        case Open(refused=None) | Closed() | Waiting(cause=None, attempt=1) | Gap(resumable=True):
            return logging.INFO
        case _:
            return logging.WARNING
