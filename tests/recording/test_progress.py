"""The bar: shown where somebody looks, when work is long, and gone at its end."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from ctfy_rx.recording.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def worked(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *times: float, **options: Any) -> str:
    """What is shown of work that reports at these times, of ten seconds."""
    monkeypatch.setattr(sys, "stderr", stream)
    now = iter((0.0, *times))
    with Progress("reading events", clock=lambda: next(now), **options) as bar:
        for at in times:
            bar.at(at, 10.0)
    return stream.getvalue()


def test_on_a_terminal_long_work_shows_how_far_it_is_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch):
    shown = worked(Terminal(), monkeypatch, 1.0, 5.0)
    assert "reading events ━━━───────────────────────────  10%, 9 s left" in shown
    assert "50%, 5 s left" in shown
    assert shown.endswith("\r\x1b[K")


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch):
    assert worked(Terminal(), monkeypatch, 0.1, 0.2) == ""


def test_it_is_not_shown_more_often_than_anybody_can_read(monkeypatch: pytest.MonkeyPatch):
    assert worked(Terminal(), monkeypatch, 1.0, 1.05, 1.1, 1.15).count("left") == 1


@pytest.mark.parametrize("options", [{}, {"shown": False}])
def test_in_a_pipe_and_where_nobody_wants_it_nothing_is_shown(monkeypatch: pytest.MonkeyPatch, options: Any):
    stream = Terminal() if options else io.StringIO()
    assert worked(stream, monkeypatch, 1.0, 5.0, **options) == ""


def test_where_standard_error_is_closed_nothing_breaks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", None)
    with Progress("reading events", clock=iter((0.0, 9.0)).__next__) as bar:
        bar.at(1.0, 2.0)


def test_in_a_notebook_it_is_updated_in_its_cell_and_escaped(monkeypatch: pytest.MonkeyPatch):
    shown: list[str] = []
    handle = SimpleNamespace(update=shown.append)
    display = SimpleNamespace(HTML=str, display=lambda html, display_id: shown.append(html) or handle)
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()), display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", display)  # type: ignore[arg-type]
    now = iter((0.0, 1.0, 5.0))
    with Progress("<b>", clock=lambda: next(now)) as bar:
        bar.at(1.0, 10.0)
        bar.at(5.0, 10.0)
    assert shown[0].startswith("&lt;b&gt; <progress value='0.100'>")
    assert "50%, 5 s left" in shown[1]
    assert shown[-1] == ""
