"""The README's programs with an exception thrown into each of their functions: each either goes on, or ends
aloud. None falls silent."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ctfy_rx import demo

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
ADDRESS, TOKEN = "http://127.0.0.1:8100", "pt_…"
PROGRAMS = [text for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if ADDRESS in text]
CALLED = {"print", "len"}  # functions of Python's that the programs hand to subscribe() and to operators

HARNESS = """
import logging, sys, threading, time

class Told(logging.Handler):
    ended = False
    def emit(self, record):
        self.ended = self.ended or "has ended" in record.getMessage()

told, calls = Told(), []
logging.basicConfig(level="INFO")
logging.getLogger("ctfy_rx").addHandler(told)

def boom(*_, **__):
    calls.append(1)
    raise RuntimeError("thrown in")

def wait(stream):
    until = time.monotonic() + 20
    while not stream.wait(0.02):
        if len(calls) > 1 or told.ended:
            return sys.stderr.write("went on\\n" if len(calls) > 1 else "was told\\n")
        assert time.monotonic() < until, "it fell silent"
"""


class Throwing(ast.NodeTransformer):
    """Throws an exception into the function with that number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.names: list[str] = []

    def takes(self, name: str) -> bool:
        self.names.append(name)
        return len(self.names) - 1 == self.number

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        if self.takes(ast.unparse(node)):
            node.body = ast.parse("boom()", mode="eval").body
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        if self.takes(node.name):
            node.body = [ast.Expr(ast.parse("boom()", mode="eval").body), *node.body]
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.visit_FunctionDef(node)  # type: ignore[arg-type]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        for at, given in enumerate(node.args):
            if isinstance(given, ast.Name) and given.id in CALLED and self.takes(ast.unparse(node)):
                node.args[at] = ast.Name("boom", ast.Load())
        return node


def thrown_into(program: str, number: int) -> str:
    return ast.unparse(ast.fix_missing_locations(Throwing(number).visit(ast.parse(program))))


def functions() -> list[tuple[str, int, str]]:
    found = []
    for program in PROGRAMS:
        looking = Throwing(-1)
        looking.visit(ast.parse(program))
        found += [(program, number, name) for number, name in enumerate(looking.names)]
    return found


FUNCTIONS = functions()


def test_these_are_many():
    assert len(FUNCTIONS) > 15


@pytest.mark.parametrize(
    ("program", "number"), [each[:2] for each in FUNCTIONS], ids=[each[2][:60] for each in FUNCTIONS]
)
def test_a_program_with_an_exception_in_a_function_goes_on_or_ends_aloud(program, number, tmp_path):
    with demo.platform(
        contest=True, endless=True, speed=3600, cache=0.1
    ) as platform:  # so that boards follow one another
        told = thrown_into(program, number)
        for written, meant in (
            (ADDRESS, platform.url),
            (TOKEN, platform.admin_token),
            ("stream.wait()", "wait(stream)"),
            ("9100", "0"),
            (".named().each(", ".named().take(3).each("),
        ):
            told = told.replace(written, meant)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", HARNESS + told],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            check=False,
        )
    assert "RuntimeError: thrown in" in done.stderr
    assert "it fell silent" not in done.stderr
    assert platform.admin_token not in done.stderr
    if done.returncode == 0:  # it went on, and the log has it
        assert "ERROR:ctfy_rx:" in done.stderr
        said = {"went on", "was told", "it goes on with the next"}
        assert [each for each in said if each in done.stderr]
    else:
        assert "Traceback" in done.stderr
