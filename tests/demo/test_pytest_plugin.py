"""The fixture that users' own suites get."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import httpx

def test_it(ctfy_platform):
    ctfy_platform.solve(team=0, challenge=0)
    assert httpx.get(ctfy_platform.url + "/api/v1/health").json()["status"] == "ok"
    assert len(ctfy_platform.rows) == 1

def test_the_next_one_starts_afresh(ctfy_platform):
    assert ctfy_platform.rows == []
"""


def test_each_test_gets_a_platform_of_its_own(pytester: pytest.Pytester):
    pytester.makepyfile(SUITE)
    run = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    run.assert_outcomes(passed=2)


def test_a_suite_that_does_not_use_it_does_not_import_the_server():
    program = "import sys, ctfy_rx.pytest_plugin as _; print({'starlette', 'uvicorn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
