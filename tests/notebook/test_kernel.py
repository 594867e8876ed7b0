"""Live views in a real Jupyter kernel, with a front end that looks at every message."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.waiting import PATIENCE
from .kernel import Front, front

pytestmark = pytest.mark.filterwarnings("default")  # of jupyter_client and zmq

BEGIN = """
import threading, time, reactivex
from reactivex.subject import Subject
from ctfy_rx import notebook
subject = Subject()
"""
VIEW = "view = notebook.live(subject)"
LIVE_THREADS = "print(sum('live view' in thread.name for thread in threading.enumerate()))"


@pytest.fixture(scope="module")
def kernel() -> Iterator[Front]:
    with front() as end:
        yield end


@pytest.fixture
def notebook(kernel: Front) -> Iterator[Front]:
    kernel.run(BEGIN, "begin")
    yield kernel
    kernel.run("from ctfy_rx import notebook; notebook.stop_all()", "end")
    kernel.shown.clear()
    kernel.places.clear()


def test_a_view_is_updated_in_its_own_cell_while_another_one_runs(notebook):
    notebook.run(VIEW, "view")
    notebook.start("subject.on_next('hello'); time.sleep(1.5)", "sleeper")
    notebook.until(lambda: "hello" in notebook.text("view"))
    assert "sleeper" not in notebook.places
    assert notebook.printed["sleeper"] == ""


def test_a_view_goes_on_between_the_cells(notebook):
    notebook.run(VIEW, "view")
    notebook.run("threading.Timer(0.5, subject.on_next, ['later']).start()", "other")
    notebook.until(lambda: "later" in notebook.text("view"))
    assert notebook.printed["other"] == ""


def test_a_view_that_is_the_last_line_of_its_cell_is_shown_once(notebook):
    notebook.run("notebook.live(subject)", "view")
    assert len(notebook.places["view"]) == 1
    assert notebook.printed["view"] == ""


def test_a_view_that_is_looked_at_in_another_cell_is_updated_in_both(notebook):
    notebook.run(VIEW, "view")
    notebook.run("view", "again")
    assert notebook.places["again"] == notebook.places["view"]


@pytest.mark.parametrize("tells_cell", [True, False], ids=["cell id", "code only"])
def test_a_cell_that_runs_again_leaves_one_view(notebook, tells_cell):
    for _ in range(3):
        notebook.run("notebook.live(subject)", "view", tells_cell=tells_cell)
    notebook.run("subject.on_next('once')", "other")
    notebook.until(lambda: "once" in notebook.text("view"))
    notebook.run(LIVE_THREADS, "count")
    assert notebook.printed["count"].strip() == "1"
    notebook.run("print(len(subject.observers))", "count")
    assert notebook.printed["count"].strip() == "1"


def test_a_cell_that_is_run_again_with_other_code_ends_its_view(notebook):
    notebook.run(VIEW, "view")
    notebook.run("print(view.running)", "view")
    assert notebook.printed["view"].strip() == "False"


def test_two_views_of_one_cell_live_side_by_side(notebook):
    notebook.run("a = notebook.live(subject); b = notebook.live(subject)", "both")
    notebook.run("print(a.running, b.running)", "count")
    assert notebook.printed["count"].strip() == "True True"


def test_stop_leaves_the_last_picture_and_no_thread(notebook):
    notebook.run(VIEW, "view")
    notebook.run("subject.on_next('last'); view.stop(); " + LIVE_THREADS, "stop")
    assert notebook.printed["stop"].strip() == "0"
    assert "last" in notebook.text("view")
    assert "stopped after 1 item" in notebook.text("view")


def test_an_interrupt_between_the_cells_stops_the_views(notebook):
    notebook.run(VIEW, "view")
    notebook.manager.interrupt_kernel()
    notebook.until(lambda: "stopped" in notebook.text("view"))
    notebook.run(LIVE_THREADS, "count")
    assert notebook.printed["count"].strip() == "0"


def test_an_interrupt_of_its_cell_stops_the_view(notebook):
    notebook.start(VIEW + "; print('on'); time.sleep(60)", "view")
    notebook.until(lambda: "on" in notebook.printed["view"])
    notebook.manager.interrupt_kernel()
    notebook.until(lambda: "stopped" in notebook.text("view"))


def test_an_interrupt_of_another_cell_does_not_stop_it(notebook):
    notebook.run(VIEW, "view")
    sleeper = notebook.start("print('on'); time.sleep(60)", "sleeper")
    notebook.until(lambda: "on" in notebook.printed["sleeper"])
    notebook.manager.interrupt_kernel()
    notebook.finish(sleeper)
    notebook.run("print(view.running)", "count")
    assert notebook.printed["count"].strip() == "True"


def test_an_interrupt_after_the_views_have_ended_does_nothing(notebook):
    notebook.run(VIEW + "; view.stop()", "view")
    notebook.manager.interrupt_kernel()
    notebook.run("print('alive')", "other")
    assert notebook.printed["other"].strip() == "alive"


def test_nothing_is_updated_while_nothing_comes(notebook):
    notebook.run(VIEW, "view")
    before = notebook.updates
    notebook.run("time.sleep(1)", "sleeper")
    assert notebook.updates == before


def test_an_error_shows_the_line_of_the_cell_that_made_it(notebook):
    notebook.run("import reactivex.operators", "import")
    notebook.run("bad = subject.pipe(reactivex.operators.map(\n    lambda item: item.no_such_thing))", "bad")
    notebook.run("notebook.live(bad)", "view")
    notebook.run("subject.on_next(1)", "other")
    notebook.until(lambda: "failed" in notebook.text("view"))
    assert "line 2: lambda item: item.no_such_thing" in notebook.text("view")
    assert notebook.printed["other"] == ""


def test_completion_leads_to_the_operators_of_streams_and_of_what_they_give(notebook):
    notebook.run("import ctfy_rx; stream = ctfy_rx.events('http://localhost:1')", "stream")
    for code, wanted in (("stream.sol", "solves"), ("stream.solves().liv", "live")):
        reply = notebook.client.complete(code, len(code), reply=True, timeout=PATIENCE)
        assert any(match.endswith(wanted) for match in reply["content"]["matches"])


def test_a_kernel_that_restarts_leaves_nothing_of_a_view(notebook):
    notebook.run(VIEW, "view")
    notebook.manager.restart_kernel(now=False)
    notebook.client.wait_for_ready(timeout=PATIENCE)
    notebook.run("import threading; " + LIVE_THREADS, "count")
    assert notebook.printed["count"].strip() == "0"
