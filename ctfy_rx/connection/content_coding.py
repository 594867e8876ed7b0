"""Content codings taken off in bounded pieces, so that a small chunk that holds gigabytes costs no memory.

httpx decompresses all of a chunk at once: 64 KiB of a gzip bomb make 64 MiB, and with a coding within a
coding as much again for each byte. No I/O here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import httpx

__all__ = ["ACCEPTED", "Content", "unknown_coding"]

ACCEPTED = "gzip, deflate"
"""What is asked for: the codings of Python's own zlib."""

_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})
_DEEPEST = 2  # nobody in order sends a coding within a coding within a coding
_PIECE = 256 * 1024  # bytes
_ZLIB_HEADER = 2  # bytes


def _codings(headers: Any) -> list[str]:
    named = headers.get("content-encoding", "").lower().split(",")
    return [coding for coding in map(str.strip, named) if coding not in {"", "identity"}]


def unknown_coding(headers: Any) -> str | None:
    """The content coding in `headers` (httpx's) that cannot be undone, None if all can.

    >>> unknown_coding({"content-encoding": "br"}), unknown_coding({"content-encoding": "gzip"})
    ('br', None)
    """
    codings = _codings(headers)
    if len(codings) > _DEEPEST:
        return f"{len(codings)} codings, one within another"
    return next((coding[:50] for coding in codings if coding not in _KNOWN), None)


class Content:
    """The body of one response with `headers` (httpx's), without its content codings.

    >>> body = Content({"content-encoding": "deflate"})
    >>> b"".join(body.pieces(zlib.compress(b"data: 1")))
    b'data: 1'
    >>> body.finish()
    """

    def __init__(self, headers: Any) -> None:
        # RFC 9110, 8.4: the codings are listed "in the order in which they were applied".
        self._stages = [_Deflate() if coding == "deflate" else _Gzip() for coding in _codings(headers)[::-1]]

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to undo."""
        return not self._stages

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What `chunk` gives, in pieces of 256 KiB at most. Raises `httpx.DecodingError`."""
        return _through(self._stages, chunk)

    def finish(self) -> None:
        """Raise `httpx.DecodingError` if the body ended in the middle."""
        if any(stage.is_unfinished for stage in self._stages):
            raise httpx.DecodingError("it ends in the middle")


class _Gzip:
    """RFC 1952, members one after another and padding between them included."""

    _wbits = 16 + zlib.MAX_WBITS

    def __init__(self) -> None:
        self._member: Any = None

    @property
    def is_unfinished(self) -> bool:
        return self._member is not None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data := self._begun(data):
            yield from self._of_member(data)
            if not self._member.eof:
                return
            data, self._member = self._member.unused_data, None

    def _begun(self, data: bytes) -> bytes:
        if self._member is None:
            data = data.lstrip(b"\0")
            if data:
                self._member = zlib.decompressobj(self._wbits)
        return data

    def _of_member(self, data: bytes) -> Iterator[bytes]:
        piece = b""
        while data or len(piece) == _PIECE:  # a full piece: zlib may hold more of what it took in
            try:
                piece = self._member.decompress(data, _PIECE)
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from None
            if piece:
                yield piece
            data = self._member.unconsumed_tail


class _Deflate(_Gzip):
    """RFC 9110, 8.4.1.2: the zlib format, which some servers leave out around the deflated data."""

    def __init__(self) -> None:
        super().__init__()
        self._head = b""
        self._is_over = False

    @property
    def is_unfinished(self) -> bool:
        return bool(self._head) or (self._member is not None and not self._is_over)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if self._is_over:
            return
        data = self._begun(data)
        if self._member is not None:
            yield from self._of_member(data)
            self._is_over = self._member.eof

    def _begun(self, data: bytes) -> bytes:
        if self._member is None:
            data, self._head = self._head + data, b""
            if len(data) < _ZLIB_HEADER:
                self._head = data
                return b""
            has_header = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
            self._member = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        return data


def _through(stages: list[_Gzip], data: bytes) -> Iterator[bytes]:
    if not stages:
        yield data
        return
    for piece in stages[0].pieces(data):
        yield from _through(stages[1:], piece)
