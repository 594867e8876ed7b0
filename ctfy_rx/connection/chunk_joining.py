"""The chunks of an event stream joined, below the HTTP parser. No I/O.

The platform sends one chunk a frame, and h11, httpx's parser of HTTP/1.1, takes 8 microseconds for each
chunk, twice as long as all else that happens to an event. So what one read of the socket brought is given to
the parser as one chunk, however many it was sent in, and wherever the read cut them.

How it works. The head of each response is watched as it passes. If it announces an event stream in chunks,
what each read brought of those of the plain shape ``SIZE`` CRLF ``DATA`` CRLF is put into one, whose last
CRLF is owed while the read ended inside of a chunk. From anything that is not of that shape on, be it the
last chunk, an extension or what is no HTTP at all, everything passes as it came: what the parser says of it
is what it would have said anyway. Nothing of the data is ever held back, only a size or a CRLF that was cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

__all__ = ["ChunkJoiner"]

_LONGEST_HEAD = 65_536  # bytes; h11 refuses one of 100 KiB
_HEAD_END = b"\r\n\r\n"
_INTERIM = re.compile(rb"HTTP/1\.[01] 1")  # RFC 9110, 15.2: a final response follows
_STREAM = re.compile(
    rb"HTTP/1\.1 200\b(?=.*\r\ncontent-type:[ \t]*text/event-stream\b)"
    rb"(?=.*\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n)",
    re.IGNORECASE | re.DOTALL,
)
_CRLF = b"\r\n"
_DIGITS = re.compile(rb"[0-9a-fA-F]{1,8}")  # whoever sends a chunk of 4 GiB may wait for the parser
_LONGEST_SIZE_LINE = 10
_CUT_SIZE_LINE = re.compile(rb"[0-9a-fA-F]{0,8}\r?")


class ChunkJoiner:
    r"""What the server sends on one connection, on its way to the HTTP parser.

    >>> joiner = ChunkJoiner()
    >>> head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    >>> joiner.feed(head) == head
    True
    >>> joiner.feed(b"3\r\none\r\n3\r\ntwo\r\n5\r\nth")
    b'8\r\nonetwoth'
    >>> joiner.feed(b"ree\r\n0\r\n\r\n")
    b'\r\n3\r\nree\r\n0\r\n\r\n'
    """

    def __init__(self) -> None:
        self.expect_response()

    def expect_response(self) -> None:
        """A request is sent: the head of a response comes next."""
        self._pass: Callable[[bytes], bytes] = self._head
        self._cut = b""  # the beginning of a head, which has passed, or of a size or a CRLF, which has not
        self._left: int | None = None  # bytes of data still to come of the chunk that has begun
        self._owed = b""  # what ends the chunk that the parser has

    def feed(self, data: bytes) -> bytes:
        """What the parser gets for `data`: nothing for a cut size or CRLF alone, which is no end."""
        return self._pass(data)

    def _head(self, data: bytes) -> bytes:
        head, end, body = (self._cut + data).partition(_HEAD_END)
        self._cut = b""
        if not head.startswith(b"HTTP/1."[: len(head)]) or len(head) > _LONGEST_HEAD:
            self._pass = _as_it_came
            return data
        if not end:
            self._cut = head
            return data
        if not _INTERIM.match(head):
            self._pass = self._chunks if _STREAM.match(head + end) else _as_it_came
        return data[: len(data) - len(body)] + self._pass(body)

    def _chunks(self, data: bytes) -> bytes:
        data, at, left = self._cut + data, 0, self._left
        bodies: list[bytes] = []
        while True:
            if left is None:
                line_end = data.find(_CRLF, at, at + _LONGEST_SIZE_LINE)
                left = _size(data[at:line_end]) if line_end >= 0 else None
                if left is None:
                    break
                at = line_end + 2
            stop = at + left
            bodies.append(data[at:stop])
            if data[stop : stop + 2] != _CRLF:
                left = max(stop - len(data), 0)
                at = stop
                break
            at, left = stop + 2, None
        self._left, self._cut = left, data[at:]
        joined = self._joined(b"".join(bodies), _CRLF if left is None else b"")
        is_cut = _CUT_SIZE_LINE.fullmatch(self._cut) if left is None else self._cut in {b"", b"\r"}
        if is_cut:
            return joined
        self._pass = _as_it_came
        return joined + self._cut

    def _joined(self, body: bytes, end: bytes) -> bytes:
        """`body` as one chunk, after what is owed of the one before."""
        if not body and not end:
            return b""
        before, self._owed = self._owed, b"" if end else _CRLF
        return b"%b%x\r\n%b%b" % (before, len(body), body, end) if body else before


def _as_it_came(data: bytes) -> bytes:
    return data


@lru_cache(maxsize=1024)  # the sizes of a server's frames repeat
def _size(line: bytes) -> int | None:
    size = int(line, 16) if _DIGITS.fullmatch(line) else 0
    return size or None  # None for what is no chunk, or the last one
