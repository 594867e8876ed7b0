"""Every notebook runs from top to bottom, and its saved outputs are fit to be read."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from ..support.platforms import RealPlatform, real_platform

BOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
A_DEMO = re.compile(r"^platform = .*\nstream = .*$", re.MULTILINE)

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(180)]


def slow(paths: list[Path]) -> list[Any]:
    return [pytest.param(path, marks=pytest.mark.slow) for path in paths]


def run(book: Any, folder: Path) -> list[Any]:
    """Run it; the outputs of each cell of code."""
    client = NotebookClient(book, timeout=90, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return [cell.outputs for cell in book.cells if cell.cell_type == "code"]


def pictures(outputs: list[Any]) -> list[str]:
    """The last pictures of the live views, as text."""
    shown = [output for cell in outputs for output in cell if output.output_type == "display_data"]
    return [output.data["text/plain"] for output in shown if "ctfy-rx" in output.data.get("text/html", "")]


def test_there_are_seven():
    assert [path.stem[:2] for path in BOOKS] == [f"0{number}" for number in range(1, 8)]


@pytest.mark.parametrize("path", [BOOKS[0], *slow(BOOKS[1:])], ids=lambda path: path.stem)
def test_a_notebook_runs_on_the_demo_and_its_views_have_ended(path, tmp_path):
    views = pictures(run(nbformat.read(path, as_version=4), tmp_path))
    assert views
    assert not [view for view in views if not re.search(r"(ended|stopped|failed) after [\d,]+ \w+", view)]
    assert not [view for view in views if re.search("(ended|stopped) after 0 ", view)]


@pytest.mark.parametrize("path", slow(BOOKS[:2]), ids=lambda path: path.stem)
def test_the_first_two_run_on_the_real_platform(path, tmp_path):
    with real_platform(teams=4, challenges=4) as platform, answering(platform):
        book = nbformat.read(path, as_version=4)
        first = next(cell for cell in book.cells if cell.cell_type == "code")
        mine = f'stream = ctfy_rx.events("{platform.url}", token="{platform.admin_token}")'
        first.source, replaced = A_DEMO.subn(mine, first.source)
        assert replaced == 1
        views = pictures(run(book, tmp_path))
    assert views
    assert all("after 0 events" not in view for view in views)


@contextmanager
def answering(platform: RealPlatform) -> Iterator[None]:
    """Somebody gives right and wrong answers, all the time."""
    ended = threading.Event()

    def play() -> None:
        turn = 0
        while not ended.wait(0.3):
            act = platform.wrong if turn % 3 == 2 else platform.solve
            act(turn % 4, turn // 4 % 4)
            turn += 1

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_a_saved_notebook_shows_its_outputs_and_nothing_of_the_machine(path):
    text = path.read_text()
    book = json.loads(text)
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    assert any(cell["outputs"] for cell in code)
    assert path.stat().st_size < 250_000
    for own in ("pt_demo", "/tmp/", "/home/", "/root/", "ipykernel_", "Traceback"):
        assert own not in text, own
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", text)) <= {"8100"}  # that of the README


def test_each_begins_on_the_demo_and_says_how_to_point_it_at_a_real_contest():
    for path in BOOKS:
        first = next(cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code")
        source = "".join(first["source"])
        assert "demo.platform(contest=True" in source
        assert 'ctfy_rx.events("https://ctf.example.org", token="pt_…")' in source
