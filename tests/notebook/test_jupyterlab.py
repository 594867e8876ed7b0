"""Live views as a person sees them: a real JupyterLab in a real Chromium."""

from __future__ import annotations

import pytest

from .lab import lab

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default"), pytest.mark.timeout(180)]

BEGIN = """
import time
import ctfy_rx
from ctfy_rx import demo
platform = demo.platform().__enter__()
stream = ctfy_rx.events(platform.url, token=platform.admin_token)
"""
BUSY = """
for challenge in range(2):
    platform.solve(team=0, challenge=challenge)
    time.sleep(1)
print("awake")
"""


def test_a_live_table_is_updated_in_its_own_cell_while_another_sleeps_and_a_rerun_leaves_one(tmp_path):
    with lab(tmp_path, [BEGIN, "stream.live()", BUSY, "print(platform.connections)"]) as jupyter:
        for cell in range(2):
            jupyter.run(cell)
        jupyter.until_output(1, "connected as Demo Admin (admin)")
        jupyter.run(2)
        jupyter.until_output(1, "solved Cookie Monster")
        assert "awake" not in jupyter.output(2)
        jupyter.until_output(2, "awake")
        assert jupyter.output(2).strip() == "awake"

        jupyter.run(1)
        jupyter.until_output(1, "nothing came yet")
        assert jupyter.views(1) == 1
        jupyter.run(2)
        jupyter.until_output(1, "solved")
        jupyter.run(3)
        jupyter.until_output(3, "1")
        assert jupyter.views(1) == 1
