"""The frames that are sent: real ones, taken from a recording of the platform's stream."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

__all__ = [
    "NAMES",
    "chunked",
    "coalesced",
    "cut",
    "every_name",
    "of_size",
    "one_in_a_hundred",
    "with_crlf",
    "with_ids",
]

_RECORDING = Path(__file__).parents[1] / "tests" / "data" / "admin.sse"
NAMES = ("flag_wrong", "flag_correct", "flag_wrong", "scoreboard_updated")
"""Three in four have about 330 bytes, one has 36."""


def _recorded() -> dict[str, list[bytes]]:
    by_name: dict[str, list[bytes]] = {}
    for block in _RECORDING.read_bytes().split(b"\n\n"):
        if block.startswith(b"event: "):
            by_name.setdefault(block[7:].partition(b"\n")[0].decode(), []).append(block + b"\n\n")
    return by_name


def every_name(count: int) -> list[bytes]:
    """`count` frames of `NAMES`, one after another."""
    recorded = {name: cycle(frames) for name, frames in _recorded().items()}
    return [next(recorded[name]) for name in islice(cycle(NAMES), count)]


def one_in_a_hundred(count: int) -> list[bytes]:
    """`count` frames, one solve among 99 wrong answers and counters."""
    recorded = {name: cycle(frames) for name, frames in _recorded().items()}
    others = cycle(("flag_wrong", "meta_stats"))
    return [next(recorded["flag_correct" if i % 100 == 0 else next(others)]) for i in range(count)]


def of_size(size: int, count: int) -> list[bytes]:
    """`count` frames of `size` bytes."""
    head, tail = b'event: flag_wrong\ndata: {"challenge_id":"', b'"}\n\n'
    return [head + b"x" * (size - len(head) - len(tail)) + tail] * count


def with_crlf(frames: list[bytes]) -> list[bytes]:
    """`frames` with the line ends of Windows, as sse-starlette and others write them."""
    return [frame.replace(b"\n", b"\r\n") for frame in frames]


def with_ids(frames: list[bytes]) -> list[bytes]:
    """`frames` with an id each, as servers write them that can replay."""
    return [b"id: %d\n%b" % (number, frame) for number, frame in enumerate(frames)]


def cut(frames: list[bytes], size: int = 16 * 1024) -> list[bytes]:
    """The bytes of `frames` in pieces of `size`."""
    whole = b"".join(frames)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def chunked(frames: list[bytes]) -> bytes:
    """One HTTP chunk for each frame, as the platform sends them."""
    return b"".join(b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames)


def coalesced(frames: list[bytes], size: int = 16 * 1024) -> bytes:
    """HTTP chunks of `size` bytes."""
    return chunked(cut(frames, size))
