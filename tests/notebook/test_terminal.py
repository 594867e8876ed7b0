"""Live views in IPython on a real terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def ipython(tmp_path: Path) -> Iterator[pexpect.spawn]:
    command = ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=nocolor", "--no-confirm-exit"]
    terminal = pexpect.spawn(
        sys.executable, command, encoding="utf-8", timeout=60, dimensions=(40, 120), cwd=str(tmp_path)
    )
    terminal.expect(r"In \[1\]")
    terminal.sendline("from ctfy_rx.testing import *")
    terminal.expect(r"In \[2\]")
    yield terminal
    terminal.close(force=True)


def test_a_live_table_stands_on_the_terminal_until_ctrl_c_and_keeps_its_last_picture(ipython):
    ipython.sendline("stream_of(solve(player='Zoe'), ends=False).live()")
    ipython.expect("Zoe solved pwn-1")
    ipython.expect("connected · 1 event")
    ipython.sendintr()
    ipython.expect("stopped after 1 event")
    ipython.expect(r"In \[3\]")
    assert "Traceback" not in ESCAPES.sub("", ipython.before)


def test_a_stream_that_ends_gives_the_prompt_back(ipython):
    ipython.sendline("stream_of(solve(), solve('Blue', player='Bob')).live('race')")
    ipython.expect("Bob")
    ipython.expect("ended after 2 events")
    ipython.expect(r"In \[3\]")
