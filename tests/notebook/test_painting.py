"""When a live view is painted, and what its line says."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
import reactivex
from reactivex.subject import Subject

import ctfy_rx
from ctfy_rx import ConfigurationError, EventStream, Open, Waiting, notebook
from ctfy_rx.notebook import Grid, LastItems, LiveView, View
from ctfy_rx.notebook.picture import Picture
from ctfy_rx.testing import solve, stream_of

from ..support.waiting import PATIENCE


class Wall:
    """A place that keeps every picture, and holds up who shows one while it is `closed_for_now`."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.open = threading.Event()
        self.open.set()
        self.came = threading.Condition()
        self.is_closed = threading.Event()

    def display(self, picture: Picture) -> None:
        self.update(picture)

    def update(self, picture: Picture) -> None:
        with self.came:
            self.pictures.append(picture)
            self.came.notify_all()
        assert self.open.wait(PATIENCE)

    def close(self) -> None:
        self.is_closed.set()

    def is_running(self) -> bool:
        return True

    def keep(self, view: object) -> None:
        pass

    def forget(self, view: object) -> None:
        pass

    def until(self, text: str) -> Picture:
        """Wait for a picture with `text` in it."""
        with self.came:
            assert self.came.wait_for(lambda: text in self.pictures[-1].bundle()["text/plain"], PATIENCE)
            return self.pictures[-1]


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def subject() -> Iterator[Subject]:
    made: Subject = Subject()
    yield made
    made.on_completed()


async def test_the_wait_for_a_view_is_refused_where_it_would_block_the_loop_that_reads(p, wall):
    async with ctfy_rx.events(p.url, client_factory=httpx.AsyncClient) as stream:
        view = LiveView(stream, LastItems(), wall)
        with pytest.raises(ConfigurationError, match="block the event loop"):
            view.wait()
        with pytest.raises(ConfigurationError, match="block the event loop"):
            notebook.live(stream)
        assert view.running
        view.stop()
        assert view.wait()


def test_what_comes_while_a_picture_is_shown_makes_one_more(wall, subject):
    LiveView(subject, LastItems(), wall)
    wall.open.clear()
    subject.on_next("first")
    wall.until("first")
    shown = len(wall.pictures)
    for number in range(1000):
        subject.on_next(number)
    wall.open.set()
    wall.until("1,001 items")
    assert len(wall.pictures) == shown + 1


def test_who_emits_does_not_wait_for_a_picture(wall, subject):
    LiveView(subject, LastItems(), wall)
    wall.open.clear()
    subject.on_next("first")
    wall.until("first")
    subject.on_next("second")  # the wall takes nothing: returns all the same
    wall.open.set()
    wall.until("second")


def test_the_end_of_the_source_is_the_last_picture(wall):
    view = LiveView(reactivex.of("a", "b"), LastItems(), wall)
    assert view.wait(PATIENCE)
    assert wall.pictures[-1].line == "ended after 2 items"
    assert not view.running
    assert repr(view) == "<LiveView: ended after 2 items>"


def test_stop_unsubscribes_and_ends_the_thread(wall, subject):
    view = LiveView(subject, LastItems(), wall)
    view.stop()
    assert subject.observers == []
    assert wall.is_closed.is_set()
    assert wall.pictures[-1].line == "stopped after 0 items"
    assert not view._painter.is_alive()


def test_stopping_twice_or_after_the_end_changes_nothing(wall):
    view = LiveView(reactivex.of("a"), LastItems(), wall)
    assert view.wait(PATIENCE)
    view.stop()
    view.stop()
    assert wall.pictures[-1].line == "ended after 1 item"


def test_wait_tells_that_it_goes_on(wall, subject):
    view = LiveView(subject, LastItems(), wall)
    assert not view.wait(0.01)
    assert view.running
    view.stop()


def test_an_error_of_the_source_is_shown_with_the_users_line(wall):
    view = LiveView(reactivex.of(1).pipe(reactivex.operators.map(lambda n: n / 0)), LastItems(), wall)
    assert view.wait(PATIENCE)
    line = wall.pictures[-1].line
    assert line.startswith("failed after 0 items: ZeroDivisionError: division by zero — test_painting.py:")
    assert "lambda n: n / 0" in line


def test_an_error_of_ours_is_shown_as_a_sentence(wall):
    view = LiveView(reactivex.throw(ConfigurationError("write it so")), LastItems(), wall)
    assert view.wait(PATIENCE)
    assert wall.pictures[-1].line == "failed after 0 items: write it so"


class Broken(View):
    """Fails in `add` at the first item, or in `grid` after it."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.items = 0

    def add(self, item: object) -> None:
        self.items += 1
        if self.where == "add":
            raise RuntimeError("in add")

    def grid(self) -> Grid:
        if self.where == "grid" and self.items:
            raise RuntimeError("in grid")
        return Grid([], [])


@pytest.mark.parametrize("where", ["add", "grid"])
def test_a_view_that_fails_ends_and_says_so(wall, subject, where):
    view = LiveView(subject, Broken(where), wall)
    subject.on_next("item")
    wall.until(f"RuntimeError: in {where}")
    assert view.wait(PATIENCE)


def test_the_line_of_a_stream_tells_its_connection_and_counts_events(wall):
    stream = stream_of(solve(), ends=False)
    view = LiveView(stream, LastItems(), wall)
    wall.until("connected · 1 event")
    stream._pipeline._told.emit(Waiting(4.0, ConnectionError("refused"), 1))
    assert wall.until("reconnecting in 4.0 s: refused").colour == "#b8860b"
    stream._pipeline._told.emit(Open("root"))
    wall.until("connected as root · 1 event")
    stream.close()
    assert view.wait(PATIENCE)


def test_a_stream_shows_itself_on_what_is_no_terminal_at_its_end(capsys):
    view = stream_of(solve()).live("race")
    assert not view.running
    assert "Ada" in capsys.readouterr().out


def test_a_view_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ConfigurationError, match='no view "pie": there are "items", "race", "heat", "rate"'):
        stream_of().live("pie")


def test_streams_events_status_and_stats_show_themselves_in_a_notebook():
    stream: EventStream = stream_of(solve(player="<i>Eve"))
    (event,) = stream
    for shown in (stream, event, stream.status, stream.stats):
        html = shown._repr_html_()
        assert html.startswith('<div class="ctfy-rx">')
        assert "<i>Eve" not in html
    assert "&lt;i&gt;Eve" in event._repr_html_()
    assert ".live()" in stream._repr_html_()


def test_the_names_of_the_views_are_those_that_it_takes():
    for name in notebook.ViewName.__args__:
        assert not stream_of().live(name).running
