"""`LiveView`: an Observable on the screen, painted again when something has changed."""

from __future__ import annotations

import threading
from typing import Any, Protocol, runtime_checkable

from reactivex import Observable
from reactivex.disposable import CompositeDisposable, Disposable, SingleAssignmentDisposable

from ctfy_rx.errors import CtfyRxError
from ctfy_rx.notebook.blame import blamed
from ctfy_rx.notebook.picture import Picture, Place
from ctfy_rx.notebook.view import Grid, View
from ctfy_rx.stats import Stats
from ctfy_rx.status import Connecting, Open, Status
from ctfy_rx.text.html import Html
from ctfy_rx.threads.consumers import Consumer
from ctfy_rx.threads.waiting import Alarm, wait_for

__all__ = ["LiveView", "Watched"]

PAUSE = 0.2
"""Seconds between two pictures: five a second are smooth to look at, and cost a browser little."""

_TICK = 1.0
_PATIENCE = 2.0  # seconds for the last picture to be painted
_GREEN, _YELLOW, _GREY, _RED = "#2e9e55", "#b8860b", "#8d8d8d", "#d9534f"


@runtime_checkable
class Watched(Protocol):
    """What a stream tells of its connection."""

    @property
    def status(self) -> Observable[Status]:
        """What the connection does."""
        ...

    @property
    def stats(self) -> Stats:
        """What it has done."""
        ...


class LiveView:
    """A view of `source` that is painted when something has changed, at most five times a second.

    It shows itself where it is made, goes on while other cells run, and keeps its last picture. It ends with
    its source, by `stop`, when its cell runs again or is interrupted, and with the kernel.
    """

    def __init__(self, source: Observable[Any], view: View, place: Place) -> None:
        self._view = view
        self._place = place
        self._watched = source if isinstance(source, Watched) else None
        self._items = 0
        self._status: Status = Open() if self._watched is None else Connecting()
        self._end = ""  # how it ended
        self._error: Exception | None = None
        self._state = threading.RLock()  # reentrant, as the other: an interrupt may come in the middle of it
        self._painting = threading.RLock()
        self._changed = Alarm()
        self._ended = threading.Event()
        self._consumer = Consumer()
        self._subscription = SingleAssignmentDisposable()
        self._painter = threading.Thread(target=self._paint_on, name="ctfy_rx live view", daemon=True)
        self._painted = self._picture()
        self._start(source)

    def __repr__(self) -> str:
        return f"<LiveView: {self._line()}>"

    def _ipython_display_(self) -> None:
        # As the last line of the cell that made it, it is shown already; elsewhere it is shown once more, and
        # both are updated.
        if not self._place.is_running():
            self._place.display(self._picture())

    @property
    def running(self) -> bool:
        """Whether it is still updated."""
        return not self._end

    def stop(self) -> None:
        """End it; the last picture stays. Returns when its thread has ended."""
        self._finish("stopped")
        self._paint_last()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it has ended (True) or `timeout` seconds have passed (False), while it goes on.

        For notebooks that run from top to bottom, and for scripts. An interrupt stops it. Raises
        `ConfigurationError` on the event loop that would have to bring what it shows.
        """
        if not self._ended.is_set():
            self._consumer.refuse_to_block()
        try:
            ended = wait_for(self._ended, timeout)
        except KeyboardInterrupt:
            self.stop()
            raise
        if ended:
            self._paint_last()
        else:
            self._paint(again=True)
        return ended

    # What comes

    def _start(self, source: Observable[Any]) -> None:
        self._place.display(self._painted)
        self._place.keep(self)
        self._painter.start()
        status = self._watched.status.subscribe(self._note) if self._watched else Disposable()
        try:
            with self._consumer.subscribing(source):
                items = source.subscribe(self._add, self._fail, lambda: self._finish("ended"))
        except BaseException:
            status.dispose()
            self.stop()
            raise
        self._subscription.disposable = CompositeDisposable(items, status)

    def _note(self, status: Status) -> None:
        self._status = status
        self._changed.set()

    def _add(self, item: Any) -> None:
        try:
            with self._state:
                self._items += 1
                self._view.add(item)
        except Exception as error:  # noqa: BLE001 - of whoever wrote the view, and shown to them
            self._fail(error)
        self._changed.set()

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._finish("failed")

    def _finish(self, how: str) -> None:
        with self._state:
            self._end = self._end or how
        self._subscription.dispose()
        self._place.forget(self)
        self._changed.set()
        self._ended.set()

    # What is shown

    def _paint_on(self) -> None:
        while not self._end:
            self._changed.wait(_TICK if self._view.ticking else None)
            self._paint()
            self._ended.wait(PAUSE)
        self._paint()
        self._place.close()

    def _paint_last(self) -> None:
        if self._painter.is_alive() and threading.current_thread() is not self._painter:
            self._painter.join(timeout=_PATIENCE)
        self._paint(again=True)  # in the caller's name: that of a thread does not reach every front end

    def _paint(self, *, again: bool = False) -> None:
        with self._painting:
            picture = self._picture()
            if picture != self._painted or again:
                self._painted = picture
                self._place.update(picture)

    def _picture(self) -> Picture:
        with self._state:
            try:
                html, grid = self._view.html(), self._view.grid()
            except Exception as error:  # noqa: BLE001 - as in `_add`
                html, grid = Html(), Grid([], [])
                self._fail(error)
            return Picture(html, grid, self._line(), self._colour())

    def _line(self) -> str:
        """The line under the view: what the connection does, and the counts."""
        count = _counted(self._items, self._view.things or ("event" if self._watched else "item"))
        if self._error is not None:
            told = str(self._error) if isinstance(self._error, CtfyRxError) else blamed(self._error)
            return f"failed after {count}: {told}"
        if self._end:
            return " · ".join([f"{self._end} after {count}", *self._losses()])
        return " · ".join([str(self._status) if self._watched else "live", count, *self._losses()])

    def _losses(self) -> list[str]:
        stats = self._watched.stats if self._watched else Stats()
        counts = ((stats.reconnects, "reconnect"), (stats.gaps, "gap"), (stats.drops, "drop"))
        return [_counted(number, word) for number, word in counts if number]

    def _colour(self) -> str:
        if self._error is not None:
            return _RED
        if self._end:
            return _GREY
        return _GREEN if isinstance(self._status, Open) else _YELLOW


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
