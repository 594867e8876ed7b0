"""Texts that strangers wrote, made harmless: no character in them moves a cursor or changes a colour.

Harmless is what `str.isprintable` lets pass, which leaves out control characters (the C1 range with its
one-character escapes too), format characters (the bidirectional overrides too), line separators and lone
surrogates.
"""

from __future__ import annotations

import json
import unicodedata

__all__ = ["escaped", "json_safe", "plain", "short"]

_JOINERS = "\u200c\u200d"  # Persian words and families of emoji are made with them
_CONTROL_PICTURES = 0x2400
_SPACE, _DELETE, _FIRST_ASTRAL = 0x20, 0x7F, 0x10000


def plain(text: str) -> str:
    r"""`text` on one line, with a symbol in the place of each character that a terminal could obey.

    >>> plain("Eve\x1b[2J\r\n\u202e")
    'Eve␛[2J␍␊�'
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    if code < _SPACE:
        return chr(_CONTROL_PICTURES + code)
    return "␡" if code == _DELETE else "\N{REPLACEMENT CHARACTER}"


def short(text: str, length: int) -> str:
    """`text` made plain, cut to `length` characters."""
    return plain(text if len(text) <= length else text[: length - 1] + "…")


def escaped(text: str, length: int) -> str:
    r"""`text` as Python would write it in quotes, cut to `length` characters of its own.

    >>> print(escaped("Eve\x1b[2J and more", length=7))
    Eve\x1b[2J…
    """
    shown = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text[:length])
    return shown if len(text) <= length else shown + "…"


def json_safe(line: str) -> str:
    r"""The JSON `line` with the same meaning, each character that a terminal could obey escaped.

    >>> json_safe('"Eve\x9b\u202e"')
    '"Eve\\u009b\\u202e"'
    """
    return line if line.isprintable() else "".join(map(_escaped, line))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < _FIRST_ASTRAL else json.dumps(character)[1:-1]
