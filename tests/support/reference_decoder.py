"""The standard's event-stream interpreter, one character at a time, to compare `ctfy_rx.sse` with.

Written for its likeness to the text of WHATWG HTML 9.2.5 and 9.2.6 and of WHATWG Encoding 8.1, whose names
it takes over, and for nothing else: it takes a whole stream, has no limits and is slow.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CR, LF, SPACE, COLON, NULL, BOM = "\r", "\n", " ", ":", "\0", "\ufeff"


def utf8_decoded(stream: bytes) -> str:  # noqa: C901, PLR0912 - the standard has it in one piece, too
    """WHATWG Encoding 8.1.1, UTF-8 decoder, with the error mode "replacement"."""
    characters: list[str] = []
    code_point = bytes_seen = bytes_needed = 0
    lower_boundary, upper_boundary = 0x80, 0xBF
    position = 0
    while position < len(stream):
        byte = stream[position]
        position += 1
        if bytes_needed == 0:
            if byte <= 0x7F:
                characters.append(chr(byte))
            elif 0xC2 <= byte <= 0xDF:
                bytes_needed, code_point = 1, byte & 0x1F
            elif 0xE0 <= byte <= 0xEF:
                if byte == 0xE0:
                    lower_boundary = 0xA0
                if byte == 0xED:
                    upper_boundary = 0x9F
                bytes_needed, code_point = 2, byte & 0xF
            elif 0xF0 <= byte <= 0xF4:
                if byte == 0xF0:
                    lower_boundary = 0x90
                if byte == 0xF4:
                    upper_boundary = 0x8F
                bytes_needed, code_point = 3, byte & 0x7
            else:
                characters.append("\ufffd")
        elif not lower_boundary <= byte <= upper_boundary:
            code_point = bytes_needed = bytes_seen = 0
            lower_boundary, upper_boundary = 0x80, 0xBF
            position -= 1  # "Restore byte to ioQueue. Return error."
            characters.append("\ufffd")
        else:
            lower_boundary, upper_boundary = 0x80, 0xBF
            code_point = (code_point << 6) | (byte & 0x3F)
            bytes_seen += 1
            if bytes_seen == bytes_needed:
                characters.append(chr(code_point))
                code_point = bytes_needed = bytes_seen = 0
    if bytes_needed:
        characters.append("\ufffd")  # "If byte is end-of-queue and UTF-8 bytes needed is not 0"
    return "".join(characters)


def lines_of(text: str) -> list[str]:
    """The ABNF's lines: ``*any-char end-of-line``, an end being CR LF, CR or LF; an open end is none."""
    lines: list[str] = []
    line = ""
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == CR:
            if position < len(text) and text[position] == LF:
                position += 1
            lines.append(line)
            line = ""
        elif character == LF:
            lines.append(line)
            line = ""
        else:
            line += character
    return lines


@dataclass
class Interpretation:
    """What a stream amounts to; `frames` are (event, data, id)."""

    last_event_id: str = ""
    retry: int | None = None
    frames: list[tuple[str, str, str]] = field(default_factory=list)


class _Buffers:
    def __init__(self, last_event_id: str) -> None:
        self.data = ""
        self.event_type = ""
        self.last_event_id = last_event_id


def interpretation(stream: bytes, *, last_event_id: str = "") -> Interpretation:
    """9.2.6: "Streams must be decoded using the UTF-8 decode algorithm", which strips one byte order mark."""
    text = utf8_decoded(stream)
    if text[:1] == BOM:
        text = text[1:]
    result = Interpretation(last_event_id)
    buffers = _Buffers(last_event_id)
    for line in lines_of(text):
        if line == "":
            _dispatch(buffers, result)
        elif line[0] == COLON:
            pass
        elif COLON in line:
            colon = 0
            while line[colon] != COLON:
                colon += 1
            value = line[colon + 1 :]
            if value[:1] == SPACE:
                value = value[1:]
            _process_field(line[:colon], value, buffers, result)
        else:
            _process_field(line, "", buffers, result)
    return result


def _process_field(name: str, value: str, buffers: _Buffers, result: Interpretation) -> None:
    if name == "event":
        buffers.event_type = value
    elif name == "data":
        buffers.data += value
        buffers.data += LF
    elif name == "id":
        if NULL not in value:
            buffers.last_event_id = value
    elif name == "retry" and value != "" and all(character in "0123456789" for character in value):
        milliseconds = 0
        for character in value:
            milliseconds = 10 * milliseconds + "0123456789".index(character)
        result.retry = milliseconds


def _dispatch(buffers: _Buffers, result: Interpretation) -> None:
    result.last_event_id = buffers.last_event_id
    if buffers.data == "":
        buffers.event_type = ""
        return
    if buffers.data[-1] == LF:
        buffers.data = buffers.data[:-1]
    event_type = "message"
    if buffers.event_type != "":
        event_type = buffers.event_type
    result.frames.append((event_type, buffers.data, result.last_event_id))
    buffers.data = ""
    buffers.event_type = ""
