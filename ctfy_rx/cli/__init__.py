"""The command line: ``ctfy-rx watch`` shows a platform's events, ``ctfy-rx demo`` those of a simulation.

::

    app.py        all of it                           program.py      what the commands share
    commands/     the commands, a module each         options.py      their options
    retelling.py  what repeats, what was the first    values.py       what the texts of options mean
    reached.py    whether anybody answered
    settings.py   which platform, which token         filters.py      what ``--filter`` means
    watching.py   the stream to the screen            demo_contest.py the demo platform, watched or served
    relaying.py   the stream to NATS, served again    recordings.py   events into a file, and out of it
    render.py     an event as a line                  screen.py       standard output and error, unbuffered
    actions.py    what is done with each event        webhook.py      events for a webhook, each once
    template.py   arguments with fields in braces     public.py       what may be told everywhere
    scoreboards.py  the scoreboard                    instances.py    an instance, until it is ready
    vocabulary.py  the events that there are, with their actors
    own_words.py  errors with the options of the command line
    checks.py     the checks of the doctor            doctor.py       what they find, on the screen

Exit codes:

====  =========================================================================================
0     ended as asked: ``--for``, ``--count``, or the reader of the pipe has gone (``| head -1``)
1     the stream or the output failed, or ``--for`` was over and it was never connected; one sentence on
      standard error says why
2     the command cannot work as it was written
130   Ctrl-C
143   SIGTERM
====  =========================================================================================

Needs the extra ``cli``: ``pip install "ctfy-rx[cli]"``.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from ctfy_rx.errors import MissingExtra

__all__ = ["main"]


def main() -> int:
    """Run ``ctfy-rx`` with this process's arguments; returns its exit code, or raises it as SystemExit."""
    if not all(map(find_spec, ("typer", "rich"))):
        sys.stderr.write(f"{MissingExtra('cli', 'The command line')}\n")
        return 1
    from ctfy_rx.cli.app import run  # noqa: PLC0415 - needs the extra

    return run()
