"""The event rate: how many came in each of the last seconds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from typing_extensions import override

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.notebook.view import Grid, View
from ctfy_rx.text.html import Html, element

__all__ = ["EventRate"]

_WIDTH, _HEIGHT = 560.0, 120.0


class EventRate(View):
    """A bar for each of the last `seconds`, by when the items arrived; `clock` counts seconds.

    >>> now = [100.2]
    >>> view = EventRate(clock=lambda: now[0])
    >>> view.add("a"); view.add("b"); now[0] = 101.5
    >>> print(view.grid())
    now  last second  peak  mean
    0    2            2     2
    """

    ticking: ClassVar[bool] = True

    def __init__(self, *, seconds: int = 60, clock: Callable[[], float] = time.monotonic) -> None:
        if seconds < 1:
            raise ConfigurationError(f"a rate needs 1 second or more, not {seconds}")
        self._clock = clock
        self._span = seconds
        self._counts: deque[int] = deque([0], maxlen=seconds)  # the last is the second that runs
        self._second: int | None = None

    @override
    def add(self, item: Any) -> None:
        self._go_on()
        self._counts[-1] += 1

    @override
    def grid(self) -> Grid:
        self._go_on()
        return Grid(["now", "last second", "peak", "mean"], [list(self._numbers())])

    @override
    def html(self) -> Html:
        self._go_on()
        _, last, peak, mean = self._numbers()
        told = f"{last} in the last second · peak {peak} · mean {mean} · {len(self._counts)} s"
        return element("div", self._bars(), element("div", told, class_="dim"))

    def _numbers(self) -> tuple[str, str, str, str]:
        done = list(self._counts)[:-1]
        mean = sum(done) / len(done) if done else 0.0
        return str(self._counts[-1]), str(done[-1] if done else 0), str(max(self._counts)), f"{mean:.3g}"

    def _go_on(self) -> None:
        now = int(self._clock())
        if self._second is None:
            self._second = now
        for _ in range(min(now - self._second, self._span)):
            self._counts.append(0)
        self._second = max(now, self._second)

    def _bars(self) -> Html:
        top, width = max(*self._counts, 1), _WIDTH / self._span
        begin = self._span - len(self._counts)
        bars = [
            element(
                "rect",
                x=f"{(begin + place) * width:.1f}",
                y=f"{_HEIGHT * (1 - count / top):.1f}",
                width=f"{max(width - 1.5, 0.5):.1f}",
                height=f"{_HEIGHT * count / top:.1f}",
                fill="#4c8dd6",
            )
            for place, count in enumerate(self._counts)
            if count
        ]
        floor = element(
            "line",
            x1="0",
            x2=f"{_WIDTH}",
            y1=f"{_HEIGHT}",
            y2=f"{_HEIGHT}",
            stroke="currentColor",
            stroke_opacity="0.3",
        )
        box = f"0 0 {_WIDTH:.0f} {_HEIGHT + 1:.0f}"
        return element(
            "svg",
            element("title", "items each second"),
            *bars,
            floor,
            viewBox=box,
            width=f"{_WIDTH:.0f}",
            height=f"{_HEIGHT:.0f}",
            role="img",
        )
