"""The command line's errors name its own options, and none of Python's."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import ctfy_rx
from ctfy_rx.cli.own_words import WORDS, in_own_words
from ctfy_rx.demo.running import Platform

from ..support.command import environment, finished

SOURCES = [path for path in Path(ctfy_rx.__file__).parent.rglob("*.py") if "cli" not in path.parts]


@pytest.fixture(scope="module")
def written() -> str:
    """All texts of the library, one below the other; what is filled in is left out."""
    nodes = (node for path in SOURCES for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return "\n".join(str(node.value) for node in nodes if isinstance(node, ast.Constant))


@pytest.mark.parametrize("words", WORDS)
def test_the_library_writes_what_is_replaced(words: str, written: str):
    assert words.removesuffix(" needs").removeprefix(", or write ") in written


def test_no_own_words_name_an_option_of_python():
    assert not [own for own in WORDS.values() if re.search(r"\w=|\(\)", own)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["watch"], "or check --token-file or CTFY_TOKEN"),
        (["watch", "--since", "1h"], "or check --token-file or CTFY_TOKEN"),
        (["scoreboard", "--competition", "nope"], "there is no contest 'nope': check its id"),
    ],
)
def test_a_refused_token_is_told_with_what_the_command_line_has(
    words: list[str], said: str, platform: Platform, tmp_path: Path
):
    env = environment(tmp_path, CTFY_PLATFORM_URL=platform.url, CTFY_TOKEN="pt_wrong")
    answer = finished(*words, env=env)
    assert answer.returncode == 1
    assert said in answer.stderr
    assert "token=" not in answer.stderr


def test_a_contest_that_there_is_not_is_told_with_the_option_that_names_it():
    assert in_own_words(str(ctfy_rx.NoContest("nope"))).endswith(": --competition takes an id")


def test_who_needs_an_administrators_token_is_told_without_python(platform: Platform, tmp_path: Path):
    player = platform.players[0].token
    env = environment(tmp_path, CTFY_PLATFORM_URL=platform.url, CTFY_TOKEN=player)
    answer = finished("watch", "--filter", "first_bloods", env=env)
    assert "--filter first_bloods needs an administrator's token" in answer.stderr
    assert "poll=True" not in answer.stderr


def test_without_a_token_since_says_how_to_log_in(platform: Platform, tmp_path: Path):
    answer = finished("watch", "--since", "1h", env=environment(tmp_path, CTFY_PLATFORM_URL=platform.url))
    assert "to read the activity log, which --since needs, log in with `ctfy auth login`" in answer.stderr
