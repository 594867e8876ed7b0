"""The last frames that were served, for any number of listeners: each has a place in it, and none holds up
another."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

from ctfy_rx.event import Event
from ctfy_rx.relay.public import Pseudonyms, public

__all__ = ["Ring", "Served", "frame"]


@dataclass(frozen=True, slots=True)
class Served:
    """One event as bytes: for those who hold the token, and for everybody (None where it is not)."""

    id: str
    private: bytes
    public: bytes | None

    @classmethod
    def of(cls, event: Event[Any], names: Pseudonyms | None) -> Served:
        """`event`, with `names` for everybody; None where there is no public."""
        shown = None if names is None else public(event, names)
        return cls(
            event.id,
            frame(event.id, event.event, event.text),
            None if shown is None else frame(event.id, event.event, shown),
        )


def frame(id: str, name: str, text: str) -> bytes:  # noqa: A002 - as the standard calls it
    r"""One event of an event stream.

    >>> frame("7", "note", "two\nlines")
    b'id: 7\nevent: note\ndata: two\ndata: lines\n\n'
    """
    lines = [f"id: {id}"] if id else []
    lines.append(f"event: {' '.join(name.split())}")
    lines += [f"data: {line}" for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


class Ring:
    """The last `size` frames, each at a place that grows by one; belongs to one event loop."""

    def __init__(self, size: int) -> None:
        self._frames: deque[Served] = deque()
        self._size = size
        self._places: dict[str, int] = {}
        self._more = asyncio.Event()
        self.end = 0

    def put(self, served: Served) -> None:
        """One more; the oldest leaves."""
        self._frames.append(served)
        if served.id:
            self._places[served.id] = self.end
        self.end += 1
        if len(self._frames) > self._size:
            self._places.pop(self._frames.popleft().id, None)
        self.wake()

    def wake(self) -> None:
        """End all waits for more."""
        more, self._more = self._more, asyncio.Event()
        more.set()

    def place_after(self, id: str) -> int | None:  # noqa: A002 - as the standard calls it
        """The place after the event `id`, None where it is not here."""
        place = self._places.get(id)
        return None if place is None else place + 1

    def since(self, place: int) -> list[Served] | None:
        """All from `place` on; None where some of it is not here any more."""
        skipped = place - (self.end - len(self._frames))
        if skipped < 0:
            return None
        return [self._frames[position] for position in range(skipped, len(self._frames))]

    async def more(self, seconds: float) -> bool:
        """Wait until there is more, `seconds` at most."""
        more = self._more
        try:
            async with asyncio.timeout(seconds):
                await more.wait()
        except TimeoutError:
            return False
        return True
