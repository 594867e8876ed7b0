"""Lines in a file, packed by its name's ending: ``.gz`` and ``.zst`` are compressed, all others plain.

Compressed text is written in members of about a MiB, one behind the other, as both formats allow: whatever
ends in the middle, ends in the middle of one member, and can be read up to there.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ctfy_rx.errors import BadRecording, MissingExtra

__all__ = ["MEMBER", "Lines", "Packer", "Packing", "packing_of"]

MEMBER = 1024 * 1024
"""How many bytes of text a compressed member holds, or a little more."""

_BLOCK = 64 * 1024  # bytes: what is read of it stays in the processor's cache
_GZIP = 31  # zlib's number for 32 KiB of window, in gzip's own wrapping


class Packing(Protocol):
    """How a file is compressed."""

    def compressor(self) -> Any:
        """With `compress(data)`, which may keep some of it."""
        ...

    def decompressor(self) -> Any:
        """With `decompress(data)`, `eof` and `unused_data`."""
        ...

    def flush(self, compressor: Any, *, end: bool) -> bytes:
        """What `compressor` has kept; with `end` its member ends."""
        ...

    @property
    def damage(self) -> type[Exception]:
        """What its decompressor raises."""
        ...


class _Gzip:
    damage = zlib.error

    def compressor(self) -> Any:
        return zlib.compressobj(6, zlib.DEFLATED, _GZIP)

    def decompressor(self) -> Any:
        return zlib.decompressobj(_GZIP)

    def flush(self, compressor: Any, *, end: bool) -> bytes:
        packed: bytes = compressor.flush(zlib.Z_FINISH if end else zlib.Z_SYNC_FLUSH)
        return packed


class _Zstandard:
    def __init__(self) -> None:
        self._zstd = _zstd()
        self.damage: type[Exception] = self._zstd.ZstdError

    def compressor(self) -> Any:
        return self._zstd.ZstdCompressor()

    def decompressor(self) -> Any:
        return self._zstd.ZstdDecompressor()

    def flush(self, compressor: Any, *, end: bool) -> bytes:
        packed: bytes = compressor.flush(compressor.FLUSH_FRAME if end else compressor.FLUSH_BLOCK)
        return packed


def _zstd() -> Any:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415  # Python's own, from 3.14 on
        else:
            from backports import zstd  # noqa: PLC0415  # the same before that, and an extra
    except ImportError:
        raise MissingExtra("zstd", "A recording that ends in .zst") from None
    return zstd


def packing_of(path: Path) -> Packing | None:
    """How the file at `path` is compressed, by its ending; None: not at all.

    Raises `MissingExtra` for ``.zst`` where no package knows it.

    >>> packing_of(Path("day1.jsonl")) is None
    True
    """
    match path.suffix:
        case ".gz":
            return _Gzip()
        case ".zst":
            return _Zstandard()
        case _:
            return None


class Packer:
    """Makes of text what is to be appended to a file: all of it, so that nothing is kept back.

    >>> packer = Packer(None)
    >>> packer.pack(b"text"), packer.end()
    (b'text', b'')
    """

    def __init__(self, packing: Packing | None) -> None:
        self._packing = packing
        self._member: Any = None
        self._size = 0

    def pack(self, text: bytes) -> bytes:
        """`text`, packed."""
        if self._packing is None:
            return text
        if self._member is None:
            self._member, self._size = self._packing.compressor(), 0
        self._size += len(text)
        packed: bytes = self._member.compress(text)
        ends = self._size >= MEMBER
        packed += self._packing.flush(self._member, end=ends)
        if ends:
            self._member = None
        return packed

    def end(self) -> bytes:
        """What ends the file in order."""
        member, self._member = self._member, None
        return b"" if member is None or self._packing is None else self._packing.flush(member, end=True)


class Lines:
    """The whole lines of `file` from where it stands, without their ends; to be read once.

    `read` is how many bytes of the file were read so far. After the last block, `torn` says whether the file
    ends in the middle of a line or of a member, `whole` is the place in the file up to which it does not, and
    `rest` the beginning of the line that is torn.
    """

    def __init__(self, file: BinaryIO, packing: Packing | None, name: str) -> None:
        self._file = file
        self._packing = packing
        self._name = name
        self.read = self.whole = file.tell()
        self.torn = False
        self.rest = b""

    def blocks(self) -> Iterator[list[bytes]]:
        """Some lines at a time. Raises `BadRecording` where the compressed data are damaged."""
        rest = b""
        for piece in self._plain() if self._packing is None else self._unpacked(self._packing):
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            if self._packing is None:
                self.whole = self.read - len(rest)
            if lines:
                yield lines
        self.rest = rest
        self.torn = self.torn or bool(rest)

    def _plain(self) -> Iterator[bytes]:
        while piece := self._file.read(_BLOCK):
            self.read += len(piece)
            yield piece

    def _unpacked(self, packing: Packing) -> Iterator[bytes]:
        member: Any = None
        while packed := self._file.read(_BLOCK // 4):
            self.read += len(packed)
            while packed:
                member = member or packing.decompressor()
                try:
                    text = member.decompress(packed)
                except packing.damage:
                    raise BadRecording(
                        f"{self._name} is damaged after byte {self.whole}: its compressed data make no sense"
                    ) from None
                packed = b""
                if member.eof:
                    packed, member = member.unused_data, None
                    self.whole = self.read - len(packed)
                if text:
                    yield text
        self.torn = member is not None
