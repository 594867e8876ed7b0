"""Reading a stream in tests: with httpx and a few lines, so that nothing here depends on what is tested."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx

from ..support.contests import Contest
from ..support.waiting import PATIENCE

Frame = tuple[str, dict[str, Any]]

BADGE = "achievement_unlocked"
"""The real platform gives some as it likes: one for any answer in the five seconds after it started."""


@contextmanager
def stream(url: str, token: str | None = None) -> Iterator[Iterator[bytes]]:
    """The chunks of one stream, after its first comment."""
    params = {} if token is None else {"token": token}
    with httpx.stream("GET", f"{url}/api/v1/events", params=params, timeout=PATIENCE) as response:
        assert response.status_code == 200
        chunks = response.iter_raw()
        assert next(chunks) == b": connected\n\n"
        yield chunks


def frame(chunk: bytes) -> Frame:
    """Name and data of one chunk, which is one whole frame."""
    name, data = chunk.decode().removesuffix("\n\n").split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def heard(contest: Contest, tokens: list[str | None], act: Callable[[], object]) -> list[list[Frame]]:
    """What each of `tokens` hears of `act`: an announcement, which everybody hears, marks the end."""
    with ExitStack() as stack:
        streams = [stack.enter_context(stream(contest.url, token)) for token in tokens]
        act()
        last = contest.announce("the end")
        return [_until(chunks, last) for chunks in streams]


def _until(chunks: Iterator[bytes], announcement_id: str) -> list[Frame]:
    frames: list[Frame] = []
    for chunk in chunks:
        if chunk.startswith(b":"):
            continue
        frames.append(frame(chunk))
        if frames[-1] == ("announcement_created", {"announcement_id": announcement_id}):
            return frames[:-1]
    raise AssertionError("the stream ended early")


def names(frames: list[Frame]) -> list[str]:
    """The names of the frames, badges left out."""
    return [name for name, _ in frames if name != BADGE]
