"""The program with all its commands, in the order in which its help lists them."""

from __future__ import annotations

# isort: off
from ctfy_rx.cli.commands import watch, contest, events, recordings, doctor, relay, demo
from ctfy_rx.cli.program import run
# isort: on

__all__ = ["COMMANDS", "run"]

COMMANDS = (watch, contest, events, recordings, doctor, relay, demo)
