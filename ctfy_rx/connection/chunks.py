"""The bodies of HTTP/1.1 chunks, cut out of what is read. No I/O."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["ChunkCutter"]

_CRLF = b"\r\n"
_DIGITS = re.compile(rb"[0-9a-fA-F]{1,8}")  # whoever sends a chunk of 4 GiB may wait for the parser
_LONGEST_SIZE_LINE = 10
_BETWEEN_TWO = re.compile(rb"\r\n([0-9a-fA-F]{1,8})\r\n")
_CUT_SIZE_LINE = re.compile(rb"[0-9a-fA-F]{0,8}\r?")
_SMALL = 512
_MANY = 4


class ChunkCutter:
    r"""Takes apart chunks of the plain shape ``SIZE`` CRLF ``DATA`` CRLF, however they are cut, and stops at
    anything else, be it the last chunk, an extension or what is no HTTP at all.

    No byte of data is ever held back.

    >>> cutter = ChunkCutter()
    >>> cutter.feed(b"3\r\none\r\n3\r\ntwo\r\n5\r\nth"), cutter.left
    (b'onetwoth', 3)
    >>> cutter.feed(b"ree\r\n0\r\n\r\n"), cutter.has_stopped, cutter.unread
    (b'ree', True, b'0\r\n\r\n')
    """

    def __init__(self) -> None:
        self.left: int | None = None
        """The bytes that are still to come of the chunk that has begun; 0 where its CRLF is, None between
        two."""
        self.unread = b""
        """What was fed and is of no use yet: the beginning of a size or of a CRLF, or all that follows the
        place where it has stopped."""
        self.has_stopped = False

    def feed(self, data: bytes) -> bytes:
        """The data of the chunks in `data`; not to be called when it has stopped."""
        data, at, left = self.unread + data, 0, self.left
        bodies: list[bytes] = []
        has_looked_ahead = False
        while True:
            if left is None:
                line_end = data.find(_CRLF, at, at + _LONGEST_SIZE_LINE)
                left = _size(data[at:line_end]) if line_end >= 0 else None
                if left is None:
                    break
                if left < _SMALL and left * _MANY < len(data) - at and not has_looked_ahead:
                    has_looked_ahead, left = True, None
                    ahead, at = _look_ahead(data, at)
                    bodies += ahead
                    continue
                at = line_end + 2
            stop = at + left
            bodies.append(data[at:stop])
            if data[stop : stop + 2] != _CRLF:
                left = max(stop - len(data), 0)
                at = stop
                break
            at, left = stop + 2, None
        self.left, self.unread = left, data[at:]
        if self.unread:
            is_cut = _CUT_SIZE_LINE.fullmatch(self.unread) if left is None else self.unread == b"\r"
            self.has_stopped = not is_cut
        return b"".join(bodies)


def _look_ahead(data: bytes, at: int) -> tuple[list[bytes], int]:
    """The bodies of the chunks from `at` on, but for the last one, and where that begins; none where one of
    them is not as it should be.

    One regular expression cuts them all, which for many small ones takes two thirds of the time; but it looks
    at every byte, a nanosecond each. What it takes for a size in the middle of a body does not fit the
    lengths.
    """
    before, *parts = _BETWEEN_TWO.split(_CRLF + data[at:])
    sizes, bodies = parts[:-2:2], parts[1:-2:2]
    if before or not bodies or list(map(_size, sizes)) != list(map(len, bodies)):
        return [], at
    return bodies, len(data) - len(parts[-2]) - len(_CRLF) - len(parts[-1])


@lru_cache(maxsize=1024)  # the sizes of a server's frames repeat
def _size(line: bytes) -> int | None:
    size = int(line, 16) if _DIGITS.fullmatch(line) else 0
    return size or None  # None for what is no chunk, or the last one
