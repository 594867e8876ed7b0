"""What the README shows is what happens: its programs run, each in a process of its own, on the demo
platform."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ctfy_rx import demo

README = (Path(__file__).parent.parent / "README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
ADDRESS, TOKEN = "http://127.0.0.1:8100", "pt_…"

UNTIL_IT_PRINTS = """
import builtins, time

printed = []

def print(*what, **how):
    printed.append(what)
    builtins.print(*what, **how)

def wait(stream):
    until = time.monotonic() + 20
    while not printed and not stream.wait(0.02):
        assert time.monotonic() < until, "it prints nothing"
    stream.close()
"""


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=60, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stderr == ""
    return done.stdout


def test_the_first_program_prints_what_is_printed_below_it(tmp_path):
    (shown,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    assert run("-c", PROGRAMS[0], cwd=tmp_path) == shown


@pytest.mark.parametrize("program", [program for program in PROGRAMS if ADDRESS in program])
def test_each_program_runs_and_prints(program, tmp_path):
    with demo.platform(contest=True, endless=True, speed=1800) as platform:
        told = program.replace(ADDRESS, platform.url).replace(TOKEN, platform.admin_token)
        told = told.replace("stream.wait()", "wait(stream)").replace("9100", "0")
        told = told.replace(".named().each(", ".named().take(3).each(")  # a bot that ends
        assert run("-W", "error", "-c", UNTIL_IT_PRINTS + told, cwd=tmp_path).strip()


def test_the_program_with_a_platform_of_its_own_goes_on_after_the_cursor(tmp_path):
    (program,) = [program for program in PROGRAMS if "demo.platform()" in program]
    first, second = run("-W", "error", "-c", program, cwd=tmp_path).splitlines()
    assert first == "flag_correct 1"
    assert second


def test_the_example_test_passes(tmp_path):
    (example,) = [
        program for program in PROGRAMS if program.startswith("def test_") or "\ndef test_" in program
    ]
    (tmp_path / "test_example.py").write_text(example)
    printed = run(
        "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider", "test_example.py", cwd=tmp_path
    )
    assert "1 passed" in printed


def test_every_operator_is_listed():
    from ctfy_rx import operators

    assert [name for name in operators.__all__ if f"`{name}(" not in README] == []


def test_the_command_that_ci_runs_is_the_one_that_is_shown():
    (command,) = re.findall(r"^bash .ci/packages && python3 -m venv .*pytest.*$", README, re.MULTILINE)
    assert "pip install -q -e '.[test]'" in command
