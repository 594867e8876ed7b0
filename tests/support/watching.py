"""A subscriber for tests that keeps what it gets, and lets the test wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from reactivex import Observable, abc

from ctfy_rx.sse import Frame

from .waiting import PATIENCE, until


class Watched:
    """The frames of one subscription, and its end."""

    def __init__(self, on_frame: Callable[[Frame], None] | None = None) -> None:
        self.frames: list[Frame] = []
        self.error: Any = None
        self.completed = False
        self.subscription: abc.DisposableBase | None = None
        self._ended = threading.Event()
        self._on_frame = on_frame

    def watch(self, source: Observable[Frame], scheduler: abc.SchedulerBase | None) -> Watched:
        self.subscription = source.subscribe(self._next, self._failed, self._complete, scheduler=scheduler)
        return self

    @property
    def names(self) -> list[str]:
        return [frame.event for frame in self.frames]

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def got(self, count: int) -> Watched:
        until(lambda: len(self.frames) >= count or self.ended)
        assert len(self.frames) >= count, f"it ended before: {self.error!r}"
        return self

    def end(self, patience: float = PATIENCE) -> Watched:
        assert self._ended.wait(patience), "it did not end"
        return self

    def failure(self, patience: float = PATIENCE) -> Any:
        assert self.end(patience).error is not None, "it completed"
        return self.error

    def dispose(self) -> None:
        assert self.subscription is not None
        self.subscription.dispose()

    def _next(self, frame: Frame) -> None:
        self.frames.append(frame)
        if self._on_frame is not None:
            self._on_frame(frame)

    def _failed(self, error: Exception) -> None:
        self.error = error
        self._ended.set()

    def _complete(self) -> None:
        self.completed = True
        self._ended.set()
