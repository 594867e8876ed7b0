"""What ``ctfy-rx`` does before it does anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ctfy_rx import __version__

from ..support.command import finished
from ..support.waiting import PATIENCE

WITHOUT = """
import sys
from importlib import util
found = util.find_spec
util.find_spec = lambda name, *rest: None if name == {missing!r} else found(name, *rest)
from ctfy_rx.cli import main
sys.exit(main())
"""

LOADED = """
import atexit, sys
heavy = {"starlette", "uvicorn", "ctfy", "nats", "IPython", "ipykernel", "pyarrow", "pandas"}
atexit.register(lambda: print("loaded", sorted(heavy & sys.modules.keys())))
from ctfy_rx.cli import main
main()
"""


def run(program: str, *words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_it_says_what_to_install(missing: str, bare: dict[str, str]):
    answer = run(WITHOUT.format(missing=missing), "--version", env=bare)
    assert answer.returncode == 1
    assert answer.stderr == 'The command line needs an extra: pip install "ctfy-rx[cli]"\n'


def test_the_demo_without_its_extra_says_what_to_install(bare: dict[str, str]):
    answer = run(WITHOUT.format(missing="uvicorn"), "demo", env=bare)
    assert answer.returncode == 1
    assert answer.stderr == 'The demo platform needs an extra: pip install "ctfy-rx[demo]"\n'


@pytest.mark.parametrize("words", [["--help"], ["watch", "--help"], ["demo", "--help"], ["relay", "--help"]])
def test_help_loads_no_server_platform_broker_notebook_or_table(words: list[str], bare: dict[str, str]):
    answer = run(LOADED, *words, env=bare)
    assert answer.returncode == 0
    assert answer.stdout.endswith("loaded []\n")


def test_the_package_loads_its_relay_and_its_views_when_they_are_asked_for(bare: dict[str, str]):
    program = """
import sys, ctfy_rx
print(sorted({"ctfy_rx.relay", "ctfy_rx.notebook"} & sys.modules.keys()), ctfy_rx.from_nats.__name__)
"""
    assert run(program, env=bare).stdout == "[] from_nats\n"


def test_help_documents_the_exit_codes_and_why_no_option_takes_a_token(bare: dict[str, str]):
    shown = " ".join(finished("watch", "--help", env=bare).stdout.split())
    for code in ("0 ended as asked", "1 the stream failed", "2 wrong usage", "130 Ctrl-C", "143 SIGTERM"):
        assert code in shown
    assert "No option takes the token itself" in shown


def test_the_version_is_printed(bare: dict[str, str]):
    answer = finished("--version", env=bare)
    assert (answer.returncode, answer.stdout) == (0, f"ctfy-rx {__version__}\n")


def test_the_package_runs_as_the_command(bare: dict[str, str]):
    command = [sys.executable, "-m", "ctfy_rx", "--version"]
    answer = subprocess.run(command, env=bare, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (answer.returncode, answer.stdout) == (0, f"ctfy-rx {__version__}\n")


def test_no_arguments_show_the_help(bare: dict[str, str]):
    answer = finished(env=bare)
    assert "watch" in answer.stdout + answer.stderr


def test_an_unknown_command_is_wrong_usage(bare: dict[str, str]):
    assert finished("wach", env=bare).returncode == 2
