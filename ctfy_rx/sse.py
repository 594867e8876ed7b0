"""Bytes -> `Frame`: an event-stream interpreter without I/O.

Source: WHATWG HTML, 9.2.5 *Parsing an event stream* and 9.2.6 *Interpreting an event stream*,
https://html.spec.whatwg.org/multipage/server-sent-events.html. Its rules are quoted where they are kept.

How it works. Every line end becomes LF, and what is complete, up to the last LF, is interpreted; an
unfinished line waits in a buffer that only grows at its end, so that the work is linear in the input however
it is cut. One regular expression cuts what is complete into blocks and takes those of the shape that servers
send, ``event: NAME`` LF ``data: TEXT`` LF LF, with an ``id: ID`` LF anywhere once a server has sent one; the
lines of every other block go one by one through the standard's own algorithm. Both give the same frames; the
first makes 2 million a second, the second 0.5.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from ctfy_rx.errors import FrameTooLarge

__all__ = ["DEFAULT_MAX_FRAME_BYTES", "Frame", "FrameDecoder"]

DEFAULT_MAX_FRAME_BYTES = 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_LONE_CR = re.compile(rb"\r(?!\n)")
_CR, _NUL = b"\r\0"  # as numbers: `in` finds a number several times as fast as a bytes object
_ID = "(?:id: ?+([^\0\n]++)\n)?+"
_EVENT = "(?:event: ?+(.*+)\n)?+"
_DATA = "data: ?+(.*+)\n"
_OTHER = "((?:.++\n)*+\n++)"
_BLOCK = re.compile(f"{_EVENT}{_DATA}\n|{_OTHER}")
_BLOCK_WITH_ID = re.compile(f"{_ID}{_EVENT}{_ID}{_DATA}{_ID}\n|{_OTHER}")  # takes a fifth longer
_REPLACEMENT = "\ufffd"
_MAX_RETRY_DIGITS = 300  # as many as a float holds; int() refuses more than 4,300


class Frame(msgspec.Struct, frozen=True, gc=False):
    """What the wire carries.

    `event` is the name, `data` the text, `id` the stream's last event id (``""`` if it has none).

    >>> Frame("flag_correct", '{"team": 7}')
    Frame(event='flag_correct', data='{"team": 7}', id='')
    """

    event: str = "message"
    data: str = ""
    id: str = ""


class FrameDecoder:
    r"""Turns the bytes of an event stream, cut anywhere, into frames.

    `feed` raises on no bytes, except `FrameTooLarge` when a line, or the data of one frame, exceeds
    `max_frame_bytes`. A frame that the stream's end leaves unfinished is never given. `last_event_id`
    continues where another connection ended.

    >>> decoder = FrameDecoder()
    >>> decoder.feed(b"event: greeting\ndata: hel")
    []
    >>> decoder.feed(b"lo\n\n")
    [Frame(event='greeting', data='hello', id='')]
    """

    def __init__(self, *, max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES, last_event_id: str = "") -> None:
        self.max_frame_bytes = max_frame_bytes
        self.last_event_id = last_event_id
        self.retry: int | None = None
        """The reconnection time that the server asked for, in milliseconds."""
        self.wants: Callable[[str], object] | None = None
        """Given the name of a frame, whether that is given; None: all are."""
        self.skipped = 0
        """How many frames were not."""
        self._at_start = True
        self._after_cr = False
        self._failed = False
        self._unfinished = bytearray()  # the line that has no end yet
        self._between_blocks = True
        self._has_ids = False
        self._is_fresh = False  # nothing that came matters to what comes
        self._event = ""
        self._data: list[str] = []
        self._data_bytes = 0
        self._id = last_event_id

    def feed(self, chunk: bytes) -> list[Frame]:
        r"""The frames that `chunk` completes.

        >>> FrameDecoder().feed(b"data: one\r\rdata: two\r\n\r\n")
        [Frame(event='message', data='one', id=''), Frame(event='message', data='two', id='')]
        """
        frames: list[Frame] = []
        if self._after_cr or _CR in chunk:
            chunk = self._with_lf_only(chunk)
        if self._is_fresh and chunk.endswith(b"\n\n"):  # whole blocks, as they mostly come
            self._by_block(chunk, frames)
            return frames
        if self._failed:
            raise FrameTooLarge(self.max_frame_bytes)
        if self._at_start:
            chunk = self._without_bom(chunk)
        end = chunk.rfind(b"\n") + 1
        if end:
            lines, chunk = chunk[:end], chunk[end:]
            if self._unfinished:
                lines = bytes(self._unfinished) + lines
                self._unfinished.clear()
            self._interpret(lines, frames)
        if chunk:
            if len(self._unfinished) + len(chunk) > self.max_frame_bytes:
                raise self._too_large(frames)
            self._unfinished += chunk
        self._is_fresh = self._between_blocks and not (self._unfinished or self._at_start)
        return frames

    def _without_bom(self, chunk: bytes) -> bytes:
        # "One leading U+FEFF BYTE ORDER MARK character must be ignored if any are present."
        start = bytes(self._unfinished) + chunk
        self._unfinished.clear()
        if _BOM.startswith(start):
            self._unfinished += start
            return b""
        self._at_start = False
        return start.removeprefix(_BOM)

    def _with_lf_only(self, chunk: bytes) -> bytes:
        # "... a U+000D CARRIAGE RETURN U+000A LINE FEED (CRLF) character pair, a single U+000A LINE FEED (LF)
        # character ..., and a single U+000D CARRIAGE RETURN (CR) character ... being the ways in which a line
        # can end." A CR ends its line at once; an LF that follows, be it in the next chunk, belongs to it.
        if chunk:
            if self._after_cr:
                chunk = chunk.removeprefix(b"\n")
            self._after_cr = chunk.endswith(b"\r")
        if _LONE_CR.search(chunk) is None:
            return chunk.replace(b"\r", b"")  # a third of the time
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _interpret(self, lines: bytes, frames: list[Frame]) -> None:
        """Append the frames that `lines`, all of them complete, give."""
        if not self._between_blocks:
            begun, blank, lines = lines.partition(b"\n\n")
            self._by_line(begun + blank, frames)
        last = lines.rfind(b"\n\n")
        if last >= 0:
            self._by_block(lines[: last + 2], frames)
            lines = lines[last + 2 :]
        if lines:
            self._by_line(lines, frames)

    def _by_block(self, blocks: bytes, frames: list[Frame]) -> None:
        text = blocks.decode("utf-8", "replace")
        if len(blocks) > self.max_frame_bytes or _REPLACEMENT in text:
            # One of them may be too large, and what was replaced no longer has the size that it had.
            self._by_line(blocks, frames)
        elif self._has_ids:
            self._by_block_with_id(text, frames)
        else:
            wants = self.wants
            for event, data, other in _BLOCK.findall(text):
                if other:
                    self._by_line(other.encode(), frames)
                elif wants is None or wants(event or "message"):
                    frames.append(Frame(event or "message", data, self.last_event_id))
                else:
                    self.skipped += 1

    def _by_block_with_id(self, text: str, frames: list[Frame]) -> None:
        wants = self.wants
        for first, event, second, data, third, other in _BLOCK_WITH_ID.findall(text):
            if other:
                self._by_line(other.encode(), frames)
                continue
            if id_ := third or second or first:
                self._id = self.last_event_id = id_
            if wants is None or wants(event or "message"):
                frames.append(Frame(event or "message", data, self.last_event_id))
            else:
                self.skipped += 1

    def _by_line(self, lines: bytes, frames: list[Frame]) -> None:
        for line in lines.split(b"\n")[:-1]:
            if len(line) > self.max_frame_bytes:
                raise self._too_large(frames)
            if line:
                self._field(line, frames)
            else:
                self._dispatch(frames)
            self._between_blocks = not line

    def _field(self, line: bytes, frames: list[Frame]) -> None:
        # "If value starts with a U+0020 SPACE character, remove it from value." A line without a colon is a
        # name with an empty value, one that begins with a colon, a comment, has an empty name, and any other
        # name is ignored.
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value.decode("utf-8", "replace"))
                self._data_bytes += len(value) + 1
                if self._data_bytes > self.max_frame_bytes:
                    raise self._too_large(frames)
            case b"event":
                self._event = value.decode("utf-8", "replace")
            case b"id" if _NUL not in value:
                self._id = value.decode("utf-8", "replace")
                self._has_ids = True
            case b"retry" if value.isdigit():
                self.retry = int(value.lstrip(b"0")[:_MAX_RETRY_DIGITS] or b"0")
            case _:
                pass

    def _dispatch(self, frames: list[Frame]) -> None:
        # "Set the last event ID string of the event source to the value of the last event ID buffer." This
        # comes before: "If the data buffer is an empty string, set the data buffer and the event type buffer
        # to the empty string and return."
        self.last_event_id = self._id
        if self._data:
            event = self._event or "message"
            if self.wants is None or self.wants(event):
                frames.append(Frame(event, "\n".join(self._data), self._id))
            else:
                self.skipped += 1
        self._event = ""
        self._data.clear()
        self._data_bytes = 0

    def _too_large(self, frames: list[Frame]) -> FrameTooLarge:
        self._failed, self._is_fresh = True, False
        self._unfinished.clear()
        self._data.clear()
        return FrameTooLarge(self.max_frame_bytes, frames)
