"""Content codings taken off in bounded pieces, so that a small chunk that holds gigabytes costs no memory.

httpx decompresses all of a chunk at once: 64 KiB of a gzip bomb make 64 MiB, and with a coding within a
coding as much again for each byte. No I/O here.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx

__all__ = ["Content", "accepted", "unknown_coding"]

_DEFAULT = re.compile("gzip, deflate(, br)?(, zstd)?")
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})
_DEEPEST = 2  # nobody in order sends a coding within a coding within a coding
_PIECE = 256 * 1024  # bytes
_ZLIB_HEADER = 2  # bytes


def accepted(asked: str) -> str:
    """The ``Accept-Encoding`` to send, of what a client of httpx asks for: ``identity``, for what compresses
    a stream often holds it back; of a caller's own wish what can be undone.

    >>> accepted("gzip, deflate, br, zstd"), accepted("br, gzip;q=0.5")
    ('identity', 'gzip;q=0.5')
    """
    if _DEFAULT.fullmatch(asked):  # httpx's own, by the packages that are installed: nobody's wish
        return "identity"
    wanted = map(str.strip, asked.lower().split(","))
    return ", ".join(each for each in wanted if each.partition(";")[0].strip() in _KNOWN) or "identity"


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

    Bytes that give nothing are no sign of life: what compresses may go on flushing for a server that hangs.
    They are accepted for `patience` seconds (None: for ever); `clock` counts them.

    >>> body = Content({"content-encoding": "deflate"})
    >>> b"".join(body.pieces(zlib.compress(b"data: 1")))
    b'data: 1'
    >>> body.finish()
    """

    def __init__(
        self,
        headers: Any,
        *,
        patience: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # RFC 9110, 8.4: the codings are listed "in the order in which they were applied".
        self._stages = [_Deflate() if coding == "deflate" else _Gzip() for coding in _codings(headers)[::-1]]
        self._patience = patience
        self._clock = clock
        self._alive_at = clock()

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to undo."""
        return not self._stages

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What `chunk` gives, in pieces of 256 KiB at most. Raises `httpx.DecodingError`, and
        `httpx.ReadTimeout` where chunks have given nothing for too long."""
        gave = False
        for piece in _through(self._stages, chunk):
            gave = True
            yield piece
        now = self._clock()
        if gave:
            self._alive_at = now
        elif self._patience is not None and now - self._alive_at > self._patience:
            raise httpx.ReadTimeout("bytes come, but they decode to nothing")

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
    """RFC 9110, 8.4.1.2: the zlib format, which some servers leave out around the deflated data. What follows
    its end is another, or it is ignored."""

    def __init__(self) -> None:
        super().__init__()
        self._head = b""
        self._first_is_over = self._ignores = False

    @property
    def is_unfinished(self) -> bool:
        return self._member is not None or (bool(self._head) and not self._first_is_over)

    def _begun(self, data: bytes) -> bytes:
        if self._ignores:
            return b""
        if self._member is None:
            data, self._head = self._head + data, b""
            if len(data) < _ZLIB_HEADER:
                self._head = data
                return b""
            has_header = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
            if self._first_is_over and not has_header:
                self._ignores = True
                return b""
            self._member = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
            self._first_is_over = True
        return data


def _through(stages: list[_Gzip], data: bytes) -> Iterator[bytes]:
    if not stages:
        yield data
        return
    for piece in stages[0].pieces(data):
        yield from _through(stages[1:], piece)
