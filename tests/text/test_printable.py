"""Texts that strangers wrote, made harmless."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from ctfy_rx.text.printable import json_safe, plain, short

HOSTILE = {
    "escape": "\x1b[2J\x1b]0;owned\x07",
    "one-character escape": "\x9b31m",
    "another line": "Eve\r\nroot solved everything",
    "backspace": "Eve\b\b\bBob",
    "other direction": "\u202egnorw\u2066",
    "line separators": "a\u2028b\u2029c\x85d",
    "invisible": "E\u200bv\ufeffe\u00ad",
    "lone surrogate": "Eve\ud800",
    "delete": "Eve\x7f",
    "tags": "Eve\U000e0041",
    "nul": "Eve\x00",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_a_terminal_obeys_is_left_in_a_text(text: str):
    shown = plain(text)
    assert shown.isprintable()
    shown.encode()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_json_means_the_same_with_everything_escaped_that_a_terminal_obeys(text: str):
    line = json_safe(json.dumps({"name": text}, ensure_ascii=False))
    assert line.isprintable()
    line.encode()
    assert json.loads(line) == {"name": text}


@pytest.mark.parametrize(
    "text",
    [
        "Zoë",
        "接头暗号",
        "Анна",
        "🦊",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "👩\u200d💻",
        "a=[b]{c}",
    ],
)
def test_names_of_all_countries_stay_as_they_are(text: str):
    assert plain(text) == text


def test_a_space_of_another_kind_is_a_space():
    assert plain("a\u00a0b\u3000c") == "a b c"


def test_every_control_character_of_unicode_is_replaced():
    control = [
        c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) in {"Cc", "Zl", "Zp", "Cs"}
    ]
    assert len(control) > 2000
    assert plain("".join(control)).isprintable()


def test_a_long_text_is_cut_with_a_sign_that_it_was():
    assert short("x" * 50, 10) == "x" * 9 + "…"
    assert short("x" * 10, 10) == "x" * 10
