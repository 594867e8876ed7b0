"""Who is connected, and what each of them may hear: one bounded queue for each live stream."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["EVERYBODY", "Audience", "Hub", "Listener", "encode"]

QUEUE_FRAMES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Whom a frame is for: everybody, one team and the admins, or the admins alone."""

    team_id: str = ""
    admin_only: bool = False


EVERYBODY: Final = Audience()


@dataclass(eq=False, slots=True, kw_only=True)
class Listener:
    """One live stream. Its teams are those of the moment when it was opened."""

    caller: str
    team_ids: frozenset[str] = frozenset()
    is_admin: bool = False
    peer: tuple[str, int] = ("", 0)
    dropped: int = 0
    ended: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: deque[bytes] = field(default_factory=deque[bytes])
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def hears(self, audience: Audience) -> bool:
        """Whether a frame for `audience` is also for this stream.

        >>> Listener(caller="", is_admin=True).hears(Audience(team_id="red"))
        True
        >>> Listener(caller="").hears(Audience(team_id="red"))
        False
        """
        if audience.admin_only and not self.is_admin:
            return False
        if not audience.team_id or audience.team_id in self.team_ids:
            return True
        return self.is_admin and not audience.admin_only

    def put(self, chunk: bytes) -> None:
        """Queue `chunk`; a reader that is 64 chunks behind silently loses the oldest."""
        if len(self._waiting) >= QUEUE_FRAMES:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(chunk)
        self._wake.set()

    def end(self) -> None:
        """Let the response end in good order after what is queued."""
        self.ended = True
        self._wake.set()

    async def next_chunk(self, keepalive: float) -> bytes:
        """The next chunk, a keepalive comment after `keepalive` seconds without one, nothing at the end."""
        while not self._waiting:
            if self.ended:
                return b""
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), keepalive)
            except TimeoutError:
                return b": keepalive\n\n"
        return self._waiting.popleft()


class Hub:
    """All live streams; `publish` may be called from any thread, the rest on the server's loop."""

    def __init__(self) -> None:
        self.opened = 0
        self.first_opened = asyncio.Event()
        self._dropped = 0
        self._lock = threading.Condition()
        self._listeners: dict[Listener, asyncio.AbstractEventLoop] = {}

    @property
    def listeners(self) -> list[Listener]:
        """The streams that are live now."""
        with self._lock:
            return list(self._listeners)

    @property
    def dropped(self) -> int:
        """How many frames were ever lost because a client read too slowly."""
        with self._lock:
            return self._dropped + sum(listener.dropped for listener in self._listeners)

    def held_by(self, caller: str) -> int:
        """How many live streams one account (or, without one, one address) holds."""
        return sum(listener.caller == caller for listener in self.listeners)

    def open(self, listener: Listener) -> None:
        """Count `listener` in: from here on it misses nothing."""
        with self._lock:
            self.opened += 1
            self._listeners[listener] = asyncio.get_running_loop()
            self._lock.notify_all()
        self.first_opened.set()

    def close(self, listener: Listener) -> None:
        """Count `listener` out."""
        with self._lock:
            if self._listeners.pop(listener, None):
                self._dropped += listener.dropped
                self._lock.notify_all()
        listener.gone.set()

    def wait_for(self, count: int, timeout: float) -> bool:
        """Block until exactly `count` streams are live; False if that takes longer than `timeout` seconds."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self._listeners) == count, timeout)

    def publish(self, chunk: bytes, audience: Audience = EVERYBODY) -> int:
        """Queue `chunk` for everybody in `audience`; returns how many streams that are."""
        with self._lock:
            reached = [
                (listener, loop) for listener, loop in self._listeners.items() if listener.hears(audience)
            ]
            for listener, loop in reached:
                loop.call_soon_threadsafe(listener.put, chunk)
        return len(reached)


def encode(
    event: str, data: Mapping[str, Any] | str, frame_id: str | None = None, retry: int | None = None
) -> bytes:
    r"""One frame as the platform writes it; `id:` and `retry:` lines only where asked for.

    >>> encode("scoreboard_updated", {})
    b'event: scoreboard_updated\ndata: {}\n\n'
    """
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    lines = [f"event: {event}"] if event else []
    lines += [f"id: {frame_id}"] if frame_id is not None else []
    lines += [f"retry: {retry}"] if retry is not None else []
    lines += [f"data: {line}" for line in text.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()
