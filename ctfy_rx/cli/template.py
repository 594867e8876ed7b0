"""A command with fields in braces, filled in for each event: arguments, never a line for a shell.

What a stranger wrote stays within the one argument in which its field stands, and becomes no option: names of
teams are hostile.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any, cast

from ctfy_rx import Event
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.operators.slips import known_fields
from ctfy_rx.text.printable import short
from ctfy_rx.text.suggestion import did_you_mean

__all__ = ["Template", "fields_of"]

_FIELD = re.compile(r"\{(\w+)\}")
_LONGEST = 4096  # characters of an argument
_KNOWN = ("event", "at", "team_id", "team_name", "challenge_name", "actor_name")
_ADDED = "title body severity starts_at first_blood counter rise total seconds logged resumable"
"""Fields that announcements, first bloods and alerts are given here."""
_HYPHEN = "\u2010"  # looks like the one that begins an option


class Template:
    """The arguments of a command.

    Raises `ConfigurationError` for a command that cannot be split, or is none.

    >>> command = Template("notify-send {team_name} '{actor_name} on {challenge_name}'")
    >>> command.filled({"team_name": "Red; rm -rf", "actor_name": "Eve", "challenge_name": "pwn"})
    ['notify-send', 'Red; rm -rf', 'Eve on pwn']
    """

    def __init__(self, command: str) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise ConfigurationError(f"--exec cannot be read: {error}") from None
        if not self._words:
            raise ConfigurationError("--exec needs a command: notify-send {team_name} {challenge_name}")
        if _FIELD.search(self._words[0]):
            raise ConfigurationError("--exec runs one program: its name holds no field")

    def refuse_unknown_fields(self) -> None:
        """Raise `ConfigurationError` for a field that no event of a platform has.

        >>> Template("echo {evnt}").refuse_unknown_fields()
        Traceback (most recent call last):
        ctfy_rx.errors.ConfigurationError: --exec: no event has the field "evnt": did you mean 'event'?
        """
        fields = {*_KNOWN, *_ADDED.split(), *known_fields()}
        for name in _FIELD.findall(" ".join(self._words)):
            if name not in fields:
                hint = (
                    did_you_mean(name, sorted(fields))
                    or f"in braces stand {', '.join(_KNOWN)}, fields of data"
                )
                raise ConfigurationError(f'--exec: no event has the field "{name}": {hint}')

    def filled(self, fields: Mapping[str, str]) -> list[str]:
        """The arguments for an event; a field that it does not have is empty."""
        return [self._words[0], *(_filled(word, fields) for word in self._words[1:])]


def _filled(word: str, fields: Mapping[str, str]) -> str:
    text = short(_FIELD.sub(lambda found: fields.get(found[1], ""), word), _LONGEST)
    return _HYPHEN + text[1:] if text.startswith("-") and not word.startswith("-") else text


def fields_of(event: Event[Any]) -> dict[str, str]:
    """What can stand in braces: the fields of the data, and what else is known of the event.

    >>> fields_of(Event("flag_wrong", '{"actor_name": "Eve", "tries": 3}', team_name="Red"))["tries"]
    '3'
    """
    data = event.data
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    known = {name: getattr(event, name) for name in _KNOWN} | {"at": event.at.isoformat(timespec="seconds")}
    found = {**fields, **{name: value for name, value in known.items() if value is not None}}
    return {name: str(value) for name, value in found.items() if value is not None}
