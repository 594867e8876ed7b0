"""How much memory live views cost over time: four of them at 20 events a second in a real JupyterLab in a
real Chromium, ten minutes long.

    python benchmarks/notebook_memory.py [MINUTES]

Prints, for each minute, the JavaScript heap after a collection, the DOM nodes of the page, and the resident
memory of the kernel. The platform runs in this process.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from ctfy_rx import demo
from ctfy_rx.demo.running import Platform
from tests.notebook.lab import lab

BEGIN = """
import resource
import ctfy_rx
stream = ctfy_rx.events("{url}", token="{token}")
"""
VIEWS = ["stream.live()", 'stream.live("race")', 'stream.live("heat")', 'stream.live("rate")']
MEASURE = """
with open("/proc/self/statm") as statm:
    pages = int(statm.read().split()[1])
print(f"{pages * resource.getpagesize() / 1e6:.1f} MB, {stream.stats.events} events")
"""


def play(platform: Platform, ended: threading.Event) -> None:
    """Twenty answers a second, until `ended`."""
    for turn in itertools.count():
        act = platform.solve if turn % 3 == 0 else platform.wrong
        act(team=turn % 12, challenge=turn // 12 % 14)
        if ended.wait(0.05):
            return


def main(minutes: float) -> None:
    """Print a line a minute."""
    ended = threading.Event()
    with demo.platform(teams=12) as platform, tempfile.TemporaryDirectory() as home:
        threading.Thread(target=play, args=(platform, ended)).start()
        begin = BEGIN.format(url=platform.url, token=platform.admin_token)
        try:
            watch([begin, *VIEWS, MEASURE], Path(home), minutes)
        finally:
            ended.set()


def watch(cells: list[str], home: Path, minutes: float) -> None:
    """Run the cells, the last one each minute."""
    with lab(home, cells, size=(1100, 2200)) as jupyter:
        for cell in range(len(cells) - 1):
            jupyter.run(cell)
        jupyter.until_output(len(cells) - 2, "in the last second")
        session = jupyter.page.context.new_cdp_session(jupyter.page)
        begun = time.monotonic()
        while (passed := (time.monotonic() - begun) / 60) <= minutes:
            session.send("HeapProfiler.collectGarbage")
            heap = session.send("Runtime.getHeapUsage")["usedSize"]
            nodes = session.send("Memory.getDOMCounters")["nodes"]
            jupyter.run(len(cells) - 1)
            kernel = jupyter.until_output(len(cells) - 1, "events").strip()
            print(
                f"{passed:5.1f} min  {heap / 1e6:6.1f} MB heap  {nodes:6} nodes  kernel {kernel}", flush=True
            )
            jupyter.page.wait_for_timeout(60_000)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
