"""The decoder against WHATWG HTML, sections 9.2.5 (parsing) and 9.2.6 (interpreting), and against its limits.

`decoded` and `run` below feed every stream whole, byte by byte and cut once at every place, and let nothing
but one and the same outcome pass: so each rule here is also tested for every cut.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctfy_rx.errors import FrameTooLarge
from ctfy_rx.sse import DEFAULT_MAX_FRAME_BYTES, Frame, FrameDecoder

from .support.reference_decoder import interpretation, utf8_decoded

CAPTURES = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "data").glob("*.sse"))}


@dataclass(frozen=True)
class Outcome:
    """All that can be observed of a decoder that was fed a stream."""

    frames: list[Frame]
    last_event_id: str
    retry: int | None
    too_large: bool


def outcome(
    chunks: Iterable[bytes], *, limit: int = DEFAULT_MAX_FRAME_BYTES, last_event_id: str = ""
) -> Outcome:
    decoder = FrameDecoder(max_frame_bytes=limit, last_event_id=last_event_id)
    frames: list[Frame] = []
    too_large = False
    try:
        for chunk in chunks:
            frames += decoder.feed(chunk)
    except FrameTooLarge as error:
        frames += error.frames
        too_large = True
    return Outcome(frames, decoder.last_event_id, decoder.retry, too_large)


def bytewise(stream: bytes) -> list[bytes]:
    return [stream[i : i + 1] for i in range(len(stream))]


def cuttings(stream: bytes) -> Iterator[list[bytes]]:
    """Byte by byte; cut once, at every place; with empty chunks between."""
    yield bytewise(stream)
    for cut in range(len(stream) + 1):
        yield [stream[:cut], stream[cut:]]
    yield [part for byte in bytewise(stream) for part in (b"", byte, b"")]


def run(stream: bytes, *, limit: int = DEFAULT_MAX_FRAME_BYTES, last_event_id: str = "") -> Outcome:
    whole = outcome([stream], limit=limit, last_event_id=last_event_id)
    for chunks in cuttings(stream):
        assert outcome(chunks, limit=limit, last_event_id=last_event_id) == whole, chunks
    return whole


def decoded(stream: bytes) -> list[Frame]:
    result = run(stream)
    assert not result.too_large
    return result.frames


def texts(stream: bytes) -> list[str]:
    return [frame.data for frame in decoded(stream)]


# --- 9.2.5 Parsing an event stream: lines


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_each_kind_of_line_end_ends_a_line_9_2_5(end):
    assert decoded(end.join([b"event: a", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])) == [
        Frame("a", "1\n2"),
        Frame("message", "3"),
    ]


@pytest.mark.parametrize(
    "blank",
    [b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r", b"\n\r\n", b"\r\r\n", b"\r\n\n", b"\r\n\r"],
)
def test_line_ends_may_be_mixed_in_one_stream_9_2_5(blank):
    assert texts(b"data: 1" + blank + b"data: 2" + blank) == ["1", "2"]


def test_crlf_is_one_line_end_not_two_9_2_5():
    assert texts(b"data: 1\r\ndata: 2\r\n\r\n") == ["1\n2"]


def test_lf_cr_is_two_line_ends_9_2_5():
    assert texts(b"data: 1\n\rdata: 2\n\r") == ["1", "2"]


def test_a_crlf_cut_between_chunks_is_one_line_end_9_2_5():
    decoder = FrameDecoder()
    assert decoder.feed(b"data: 1\r") == []
    assert decoder.feed(b"\ndata: 2\r\n\r") == [Frame(data="1\n2")]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"\ndata: 3\n\n") == [Frame(data="3")]


def test_an_empty_chunk_between_cr_and_lf_changes_nothing_9_2_5():
    decoder = FrameDecoder()
    assert decoder.feed(b"data: 1\r") == []
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\ndata: 2\r\n\r\n") == [Frame(data="1\n2")]


def test_a_lone_cr_ends_its_line_at_once_9_2_5():
    """Nobody may wait for the byte after it: it can be 30 seconds away."""
    assert FrameDecoder().feed(b"data: 1\r\r") == [Frame(data="1")]
    assert FrameDecoder().feed(b"data: 1\r\n\r") == [Frame(data="1")]


@pytest.mark.parametrize(
    "character",
    ["\u2028", "\u2029", "\x85", "\v", "\f", "\0", "\x1c", "\x1d", "\x1e", "\x1a"],
    ids=["U+2028", "U+2029", "U+0085", "VT", "FF", "NUL", "FS", "GS", "RS", "SUB"],
)
def test_nothing_else_breaks_a_line_9_2_5(character):
    text = f"one{character}data: two{character}{character}three"
    assert texts(f"data: {text}\n\n".encode()) == [text]
    assert decoded(f"event: {text}\ndata\n\n".encode()) == [Frame(text, "")]


def test_an_unfinished_frame_is_discarded_at_the_end_9_2_5():
    assert texts(b"data: 1\n\ndata: 2\n") == ["1"]
    assert texts(b"data: 1\n\ndata: 2") == ["1"]
    assert texts(b"data: 1\n") == []


def test_an_unfinished_line_is_not_interpreted_9_2_5():
    assert run(b"retry: 5").retry is None
    assert run(b"retry: 5\n").retry == 5


def test_empty_input_gives_nothing_9_2_5():
    assert decoded(b"") == []


def test_blank_lines_alone_give_nothing_9_2_5():
    assert decoded(b"\n\r\n\r\r\n\n\n") == []


# --- 9.2.5: the byte order mark


def test_one_leading_bom_is_stripped_9_2_5():
    assert texts(b"\xef\xbb\xbfdata: 1\n\n") == ["1"]


def test_a_second_bom_belongs_to_the_field_name_9_2_5():
    assert texts(b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\ndata: 2\n\n") == ["2"]


def test_a_bom_further_on_is_text_9_2_5():
    assert texts(b"data: \xef\xbb\xbf1\n\n") == ["\ufeff1"]
    assert texts(b"data: 1\n\n\xef\xbb\xbfdata: 2\n\n") == ["1"]
    assert texts(b"\n\xef\xbb\xbfdata: 2\n\n") == []


def test_a_bom_alone_gives_nothing_9_2_5():
    assert decoded(b"\xef\xbb\xbf") == []
    assert decoded(b"\xef\xbb\xbf\n\n") == []


@pytest.mark.parametrize("start", [b"\xef", b"\xef\xbb"])
def test_the_beginning_of_a_bom_is_no_bom_9_2_5(start):
    assert texts(start + b"data: 1\n\ndata: 2\n\n") == ["2"]
    assert texts(start + b"\ndata: 1\n\n") == ["1"]


@pytest.mark.parametrize("bom", ["utf-16-le", "utf-16-be"])
def test_other_encodings_have_no_bom_here_9_2_5(bom):
    assert texts("\ufeff".encode(bom) + b"data: 1\n\ndata: 2\n\n") == ["2"]


# --- 9.2.6 Interpreting an event stream: fields


def test_one_space_after_the_colon_is_removed_9_2_6():
    assert texts(b"data:1\n\ndata: 2\n\ndata:  3\n\ndata:   4 \n\n") == ["1", "2", " 3", "  4 "]


def test_only_a_space_is_removed_not_a_tab_9_2_6():
    assert texts(b"data:\t1\n\ndata: \t2\n\ndata:\xc2\xa03\n\n") == ["\t1", "\t2", "\xa03"]


def test_the_space_is_removed_from_every_field_9_2_6():
    result = run(b"event:  a\nid:  b\nretry: 7\ndata: c\n\n")
    assert result == Outcome([Frame(" a", "c", " b")], " b", 7, too_large=False)


def test_a_value_of_one_space_is_empty_9_2_6():
    assert decoded(b"event: \ndata: \n\n") == [Frame("message", "")]


def test_a_value_keeps_its_further_colons_9_2_6():
    assert decoded(b"event: a:b\ndata::c: d:\nid:::\n\n") == [Frame("a:b", ":c: d:", "::")]


def test_a_line_without_a_colon_is_a_field_with_an_empty_value_9_2_6():
    assert decoded(b"id: 7\nevent: a\nevent\ndata\nid\n\n") == [Frame("message", "", "")]
    assert run(b"retry: 5\nretry\n").retry == 5


@pytest.mark.parametrize(
    "line",
    [
        b"dat: x", b"dataa: x", b"data : x", b" data: x", b"\tdata: x", b"Data: x", b"DATA: x", b"datum",
        b"x", b"data\0: x", b"\0data: x", b"d\xc3\xa4ta: x", b"data\xef\xbc\x9a x", b"events: x", b"Event: x",
        b"ID: x", b"Retry: 9", b"=", b"{}", b"\xff: x",
    ],
)  # fmt: skip
def test_an_unknown_field_is_ignored_9_2_6(line):
    """Names are compared exactly: case, blanks, NUL and look-alikes make another field."""
    result = run(b"data: 1\n" + line + b"\ndata: 2\n\n")
    assert result == Outcome([Frame("message", "1\n2")], "", None, too_large=False)
    assert decoded(line + b"\n\n" + line + b"\ndata: 1\n\n") == [Frame("message", "1")]


@pytest.mark.parametrize("comment", [b":", b": keepalive", b"::", b":data: x", b": event: x", b":\0\xff"])
def test_a_line_that_begins_with_a_colon_is_a_comment_9_2_6(comment):
    assert decoded(comment + b"\n\n") == []
    assert texts(comment + b"\ndata: 1\n" + comment + b"\ndata: 2\n" + comment + b"\n\n") == ["1\n2"]


# --- 9.2.6: data and event


def test_data_lines_are_joined_with_lf_9_2_6():
    assert texts(b"data: a\ndata:\ndata: b\ndata\n\n") == ["a\n\nb\n"]


def test_only_the_last_lf_of_the_data_is_removed_9_2_6():
    assert texts(b"data\ndata\n\ndata:\n\n") == ["\n", ""]


def test_a_block_without_data_gives_no_frame_9_2_6():
    assert decoded(b"event: a\n\nevent: b\nid: 1\n\n") == []


def test_an_empty_data_line_gives_a_frame_9_2_6():
    assert decoded(b"data\n\nevent: a\ndata:\n\n") == [Frame("message", ""), Frame("a", "")]


def test_the_default_name_is_message_9_2_6():
    assert decoded(b"data: 1\n\n") == [Frame("message", "1")]


def test_an_empty_event_name_is_message_9_2_6():
    assert decoded(b"event:\ndata: 1\n\nevent\ndata: 2\n\nevent: \ndata: 3\n\n") == [
        Frame("message", "1"),
        Frame("message", "2"),
        Frame("message", "3"),
    ]


def test_the_last_event_line_of_a_block_counts_9_2_6():
    assert decoded(b"event: a\ndata: 1\nevent: b\n\n") == [Frame("b", "1")]
    assert decoded(b"event: a\nevent: b\ndata: 1\n\n") == [Frame("b", "1")]
    assert decoded(b"event: a\ndata: 1\nevent\n\n") == [Frame("message", "1")]


def test_the_event_name_may_follow_the_data_9_2_6():
    assert decoded(b"data: 1\nevent: a\n\n") == [Frame("a", "1")]


def test_the_event_name_is_for_one_block_only_9_2_6():
    assert decoded(b"event: a\ndata: 1\n\ndata: 2\n\n") == [Frame("a", "1"), Frame("message", "2")]
    assert decoded(b"event: a\n\ndata: 2\n\n") == [Frame("message", "2")]


def test_the_data_is_for_one_block_only_9_2_6():
    assert texts(b"data: 1\n\n\n\nevent: x\n\ndata: 2\n\n") == ["1", "2"]


# --- 9.2.6: id


def test_an_id_stays_until_the_next_9_2_6():
    assert decoded(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n") == [
        Frame(data="a", id="1"),
        Frame(data="b", id="1"),
        Frame(data="c", id="2"),
    ]


def test_the_last_id_line_of_a_block_counts_9_2_6():
    blocks = (
        b"id: 0\ndata: a\n\n" + b"id: 1\nevent: b\nid: 2\ndata: b\nid: 3\n\n" + b"id: 4\nid: 5\ndata: c\n\n"
    )
    assert [frame.id for frame in decoded(blocks)] == ["0", "3", "5"]
    assert [frame.id for frame in decoded(b"id: 0\ndata: a\n\nid: 1\nid:\ndata: b\n\n")] == ["0", ""]


def test_an_id_may_follow_the_data_9_2_6():
    assert decoded(b"data: a\nid: 1\n\n") == [Frame(data="a", id="1")]


@pytest.mark.parametrize("line", [b"id", b"id:", b"id: "])
def test_an_empty_id_resets_9_2_6(line):
    result = run(b"id: 1\ndata: a\n\n" + line + b"\ndata: b\n\n")
    assert result.frames == [Frame(data="a", id="1"), Frame(data="b", id="")]
    assert result.last_event_id == ""


@pytest.mark.parametrize("value", [b"\0", b"2\0", b"\x002", b"2\x003"])
def test_an_id_with_nul_is_ignored_9_2_6(value):
    result = run(b"id: 1\nid: " + value + b"\ndata: a\n\n")
    assert result.frames == [Frame(data="a", id="1")]
    assert result.last_event_id == "1"


def test_an_id_is_any_text_9_2_6():
    assert decoded("id: é 1:2\u2028\ndata\n\n".encode()) == [Frame(id="é 1:2\u2028")]


def test_a_block_without_data_sets_the_id_too_9_2_6():
    assert run(b"id: 1\n\n") == Outcome([], "1", None, too_large=False)
    assert decoded(b"id: 1\n\nevent: a\ndata: b\n\n") == [Frame("a", "b", "1")]


def test_an_id_counts_only_when_its_block_is_finished_9_2_6():
    assert run(b"id: 1\ndata: a\n\nid: 2\ndata: b\n").last_event_id == "1"
    assert run(b"id: 2").last_event_id == ""


def test_an_id_is_kept_across_connections_9_2_6():
    result = run(b"event: a\ndata: 1\n\ndata: 2\n\nid: 8\ndata: 3\n\n", last_event_id="7")
    assert result.frames == [Frame("a", "1", "7"), Frame(data="2", id="7"), Frame(data="3", id="8")]
    assert run(b"data: 1\n\n", last_event_id="7").last_event_id == "7"
    assert run(b"", last_event_id="7").last_event_id == "7"
    assert run(b"id\n\n", last_event_id="7").last_event_id == ""


# --- 9.2.6: retry


def test_retry_is_in_milliseconds_and_none_at_first_9_2_6():
    assert run(b"data: 1\n\n").retry is None
    assert run(b"retry: 3000\n\n").retry == 3000


def test_retry_counts_at_its_line_9_2_6():
    decoder = FrameDecoder()
    decoder.feed(b"retry: 10\n")
    assert decoder.retry == 10
    decoder.feed(b"data: 1\nretry: 20\r")
    assert decoder.retry == 20


@pytest.mark.parametrize(
    "value",
    [
        b"", b" ", b"-1", b"+1", b"1.5", b"1e3", b"0x10", b"1_000", b" 1", b"1 ", b"\t1", b"1s", b"abc",
        b"1\0", "٣".encode(), "\uff11".encode(), "²".encode(), b"\xff", b"1\xff",
    ],
)  # fmt: skip
def test_retry_takes_ascii_digits_only_9_2_6(value):
    assert run(b"retry: 5\nretry: " + value + b"\n\n").retry == 5


def test_retry_is_decimal_and_may_begin_with_zeros_9_2_6():
    assert run(b"retry:0010\n").retry == 10
    assert run(b"retry: 0\n").retry == 0
    assert run(b"retry: " + b"0" * 50 + b"7\n").retry == 7


def test_retry_alone_gives_no_frame_and_ends_none_9_2_6():
    assert texts(b"data: 1\nretry: 5\ndata: 2\n\nretry: 6\n\n") == ["1\n2"]


def test_a_huge_retry_does_not_raise_9_2_6():
    """Python's int() refuses more than 4,300 digits, and float() more than 308."""
    decoder = FrameDecoder()
    assert decoder.feed(b"retry: " + b"9" * 100_000 + b"\ndata: 1\n\n") == [Frame(data="1")]
    assert decoder.retry is not None
    assert decoder.retry / 1000 > 1e100


# --- 9.2.5: always UTF-8, "decoded using the UTF-8 decode algorithm"

ILL_FORMED = {
    "stray continuation": b"\x80",
    "never a byte of UTF-8": b"\xc0\xc1\xf5\xff\xfe",
    "overlong slash": b"\xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf",
    "surrogates": b"\xed\xa0\x80\xed\xb0\x80 \xed\xbf\xbf",
    "above U+10FFFF": b"\xf4\x90\x80\x80 \xf7\xbf\xbf\xbf",
    "cut after one": b"\xc3 \xe2 \xf0",
    "cut after two": b"\xe2\x82 \xf0\x9f",
    "cut after three": b"\xf0\x9f\x98 ",
    "cut, then a lead byte": b"\xe2\x82\xe2\x82\xac\xf0\x9f\xc3\xa9",
    "the standard's own table": b"\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64",
}


@pytest.mark.parametrize("text", ILL_FORMED.values(), ids=ILL_FORMED)
def test_ill_formed_utf8_becomes_replacement_characters_9_2_5(text):
    """One U+FFFD for each maximal subpart, in data, event and id alike."""
    replaced = utf8_decoded(text)
    assert replaced == text.decode("utf-8", "replace")
    assert decoded(b"event: " + text + b"\ndata: " + text + b"\n\n") == [Frame(replaced, replaced)]
    assert decoded(b"id: " + text + b"\ndata: a\ndata:" + text + b"\n\n") == [
        Frame(data=f"a\n{replaced}", id=replaced)
    ]


def test_a_line_end_also_ends_a_cut_character_9_2_5():
    assert decoded(b"event: \xe2\x82\ndata: \xf0\x9f\x98\r\r") == [Frame("\ufffd", "\ufffd")]


def test_one_ill_formed_frame_leaves_its_neighbours_alone_9_2_5():
    assert texts(b"data: \xe2\x82\xac\n\ndata: \xe2\x82\n\ndata: \xf0\x9f\x98\x80\n\n") == [
        "€",
        "\ufffd",
        "😀",
    ]


def test_a_character_cut_between_chunks_is_whole_9_2_5():
    assert decoded("event: 😀é\ndata: €\u2028\U0010ffff\ufffd\n\n".encode()) == [
        Frame("😀é", "€\u2028\U0010ffff\ufffd")
    ]


# --- The limit of size


LIMIT = 20


@pytest.mark.parametrize("end", [b"\n\n", b"\r\r", b"\r\n\r\n"], ids=["LF", "CR", "CRLF"])
def test_a_line_exactly_at_the_limit_passes(end):
    line = b"data: " + b"x" * (LIMIT - 6)
    assert run(line + end, limit=LIMIT).frames == [Frame(data="x" * (LIMIT - 6))]


@pytest.mark.parametrize("end", [b"", b"\n\n", b"\r\r", b"\r\n\r\n"], ids=["open", "LF", "CR", "CRLF"])
@pytest.mark.parametrize("name", [b"data: ", b"event: ", b"id: ", b"retry: ", b": ", b"unknown: ", b""])
def test_a_line_over_the_limit_is_too_large(name, end):
    """Whatever it is, even a comment, and even if it has no end yet."""
    stream = b"data: 1\n\n" + name.ljust(LIMIT + 1, b"1") + end
    result = run(stream, limit=LIMIT)
    assert result.too_large
    assert result.frames == [Frame(data="1")]


def test_the_data_of_one_frame_counts_together():
    """Each data line with the line feed that joins it to the next."""
    assert run(b"data:123456789\ndata:123456789\n\n", limit=LIMIT).frames == [
        Frame(data="123456789\n123456789")
    ]
    assert run(b"data:123456789\ndata:1234567890\n", limit=LIMIT).too_large
    assert run(b"data\n" * LIMIT + b"\n", limit=LIMIT).frames == [Frame(data="\n" * (LIMIT - 1))]
    assert run(b"data\n" * (LIMIT + 1), limit=LIMIT).too_large


def test_the_data_is_counted_in_bytes_of_the_wire():
    assert run("data:ééééé\ndata:éééé\n\n".encode(), limit=LIMIT).frames == [Frame(data="ééééé\néééé")]
    assert run("data:ééééé\ndata:ééééé\n\n".encode(), limit=LIMIT).too_large
    assert run(b"data:" + b"\xff" * 15 + b"\n\n", limit=LIMIT).frames == [Frame(data="\ufffd" * 15)]
    assert run(b"data:" + b"\xff" * 6 + b"\nid\n\n", limit=LIMIT).frames == [Frame(data="\ufffd" * 6)]


def test_the_limit_is_for_a_frame_not_for_the_stream():
    assert len(run(b"event: abc\ndata: 0123456789\n\n" * 20, limit=LIMIT).frames) == 20


def test_comments_and_other_fields_do_not_add_up():
    stream = b": 0123456789\nevent: abc\nid: 1\nunknown: x\nretry: 1\n" * 5 + b"data: 1\n\n"
    assert run(stream, limit=LIMIT).frames == [Frame("abc", "1", "1")]


def test_the_bom_does_not_count():
    assert not run(b"\xef\xbb\xbf" + b"x" * LIMIT, limit=LIMIT).too_large
    assert run(b"\xef\xbb\xbf" + b"x" * (LIMIT + 1), limit=LIMIT).too_large
    assert not run(b"\xef\xbb\xbf\n\n", limit=1).too_large


def test_what_came_before_a_frame_that_is_too_large_is_in_the_error():
    decoder = FrameDecoder(max_frame_bytes=LIMIT)
    assert decoder.feed(b"data: 1\n\ndata: 2\n") == [Frame(data="1")]
    with pytest.raises(FrameTooLarge) as caught:
        decoder.feed(b"\nevent: a\ndata: 3\n\ndata: 4\nretry: " + b"1" * LIMIT + b"\n\ndata: 5\n\n")
    assert caught.value.frames == [Frame(data="2"), Frame("a", "3")]
    assert caught.value.max_frame_bytes == LIMIT


def test_a_decoder_that_failed_keeps_failing_and_gives_nothing_twice():
    decoder = FrameDecoder(max_frame_bytes=LIMIT)
    with pytest.raises(FrameTooLarge) as first:
        decoder.feed(b"data: 1\n\n" + b"x" * (LIMIT + 1))
    assert first.value.frames == [Frame(data="1")]
    for chunk in (b"\n\ndata: 2\n\n", b"", b"x"):
        with pytest.raises(FrameTooLarge) as again:
            decoder.feed(chunk)
        assert again.value.frames == []


def test_the_default_limit_is_one_mebibyte():
    line = b"data: " + b"x" * (2**20 - 6)
    assert len(outcome([line + b"\n\n"]).frames) == 1
    assert outcome([line + b"x\n\n"]).too_large


@pytest.mark.parametrize(
    "start", [b"data: ", b": ", b"", b"\xef\xbb\xbfx"], ids=["data", "comment", "?", "BOM"]
)
def test_a_line_that_never_ends_takes_bounded_memory(start):
    limit = 256 * 1024

    def never_ending():
        yield start
        for _ in range(2000):
            yield b"x" * 1024

    tracemalloc.start()
    try:
        assert outcome(never_ending(), limit=limit).too_large
        assert tracemalloc.get_traced_memory()[1] < 4 * limit
    finally:
        tracemalloc.stop()


def test_a_frame_that_never_ends_takes_bounded_memory():
    """Also one whose lines count for next to nothing."""
    limit = 64 * 1024

    def never_ending():
        while True:
            yield b"data\nevent: abc\n: comment\n" * 100

    tracemalloc.start()
    try:
        assert outcome(never_ending(), limit=limit).too_large
        assert tracemalloc.get_traced_memory()[1] < 16 * limit
    finally:
        tracemalloc.stop()


# --- Linear in its input


def cpu_seconds(chunks: list[bytes], *, limit: int = DEFAULT_MAX_FRAME_BYTES) -> float:
    def once() -> float:
        start = time.process_time()
        assert not outcome(chunks, limit=limit).too_large
        return time.process_time() - start

    return min(once() for _ in range(2))


def long_line(mebibytes: int) -> list[bytes]:
    return [b"data: ", *[b"x" * 1024] * (1024 * mebibytes), b"\n\n"]


def test_a_line_of_8_mib_in_1_kib_chunks_is_copied_a_few_times_only():
    """The memory that the feeds ask for, summed: a buffer that is copied for each chunk would need 32 GiB."""
    decoder = FrameDecoder(max_frame_bytes=16 * 2**20)
    asked_for = 0
    tracemalloc.start()
    try:
        for chunk in long_line(8):
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            decoder.feed(chunk)
            asked_for += max(0, tracemalloc.get_traced_memory()[1] - held)
    finally:
        tracemalloc.stop()
    assert asked_for < 10 * 8 * 2**20


LONG = {
    "line in 1 KiB chunks": long_line,
    "line of CRs in 1 KiB chunks": lambda n: [b": \r\r" * 256] * (64 * n),
    "frames in one chunk": lambda n: [b"data:\n\n" * (125_000 * n)],
    "blank lines in one chunk": lambda n: [b"\n" * (100_000 * n)],
    "lines of one block, a chunk each": lambda n: [b"event: a\n"] * (10_000 * n),
    "block in one chunk": lambda n: [b"event: a\n" * (50_000 * n) + b"data\n\n"],
    "almost common blocks": lambda n: [b"event: a\ndata: 1\nid: 1\n\n" * (8_000 * n)],
    "bytes": lambda n: [b"x"] * (50_000 * n),
}


@pytest.mark.parametrize("stream", LONG.values(), ids=LONG)
def test_eight_times_the_input_is_eight_times_the_work(stream):
    """Quadratic work would be 64 times as much."""
    base = max(cpu_seconds(stream(1), limit=2**30), 0.0005)
    assert cpu_seconds(stream(8), limit=2**30) < 30 * base


@pytest.mark.parametrize("many", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_many_frames_in_one_chunk(many: int):
    frames = FrameDecoder().feed(b"data:\n\n" * many)
    assert len(frames) == many


# --- Samples: whole, byte by byte, and at every split (see `run`)

SAMPLES = {
    **CAPTURES,
    "player, CRLF": CAPTURES["player"].replace(b"\n", b"\r\n"),
    "player, CR": CAPTURES["player"].replace(b"\n", b"\r"),
    "player, BOM": b"\xef\xbb\xbf" + CAPTURES["player"],
    "mixed ends": b"\r\n\rdata: 1\r\n\n\r\n\revent: a\rdata\n\rdata: 2\n\r\n\r\r\ndata: 3\n\r",
    "every field": b"\xef\xbb\xbf: hi\n\nid: 1\nevent: a\nretry: 10\ndata: x\ndata: y\n\n"
    b"id\ndata\n\nretry: 20\n",
    "almost common": b"event: a\ndata: 1\ndata: 2\n\nevent: a\n\ndata: 3\n\nevent: a\ndata: 4\nevent: b\n\n"
    b"event:\ndata:\n\nevent: \ndata: \n\n\nevent: a\ndata: 5\n\n"
    b": c\nevent: a\ndata: 6\n\nevent: a\ndata\n\n",
    "looks like frames": b"data: event: a\ndata: data: b\n\nevent: data: c\ndata: \n\n"
    b"data:data:\n\n:\ndata: 1\n\n",
    "ids": b"id: 1\n\ndata: a\n\nevent: x\ndata: b\n\nid: 2\0\ndata: c\n\n"
    b"id\n\nevent: x\ndata: d\n\nid: 9\ndata: e",
    "separators": "data: a\u2028\u2029\x85\v\f\0\x1cb\n\nevent: \u2028\ndata: \x85\n\n".encode(),
    "ill-formed": b"event: \xe2\x82\ndata: \xf0\x9f\x98\n\n"
    b"\xef\xbbdata: x\n\ndata: \xed\xa0\x80\xff\r\n\r\ndata: y\n\n",
    "two BOMs": b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\ndata: 3\n\n",
    "no end": b"event: a\ndata: 1\n\nevent: b\ndata: 2\nid: 3\n",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_gives_what_the_standard_says_however_it_is_cut(name):
    stream = SAMPLES[name]
    assert_as_the_standard_says(run(stream), stream)


def test_the_captures_hold_the_frames_that_were_sent():
    counts = {name: len(outcome([stream]).frames) for name, stream in CAPTURES.items()}
    assert counts == {name: stream.count(b"\ndata: ") for name, stream in CAPTURES.items()}


def assert_as_the_standard_says(result: Outcome, stream: bytes, *, last_event_id: str = "") -> None:
    expected = interpretation(stream, last_event_id=last_event_id)
    assert [(frame.event, frame.data, frame.id) for frame in result.frames] == expected.frames
    assert (result.last_event_id, result.retry) == (expected.last_event_id, expected.retry)


# --- Frames that nobody wants


def skipping(chunks: list[bytes], wanted: Mapping[str, object]) -> tuple[Outcome, int]:
    """What comes of `chunks` where these names are wanted, and how many frames were skipped."""
    decoder = FrameDecoder()
    decoder.wants = wanted.get
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return Outcome(frames, decoder.last_event_id, decoder.retry, too_large=False), decoder.skipped


@pytest.mark.parametrize("name", SAMPLES)
def test_frames_that_nobody_wants_are_skipped_and_counted_and_their_ids_stay(name):
    stream = SAMPLES[name]
    whole = outcome([stream])
    for wanted in ({}, {"message": 1}, {"flag_wrong": (print,), "a": True}, {"x": 1, "message": ()}):
        frames = [frame for frame in whole.frames if wanted.get(frame.event)]
        expected = replace(whole, frames=frames), len(whole.frames) - len(frames)
        for chunks in ([stream], bytewise(stream), [stream[:40], stream[40:]]):
            assert skipping(chunks, wanted) == expected


def test_whoever_is_wanted_may_change_between_two_chunks():
    decoder = FrameDecoder()
    decoder.wants = {"b"}.__contains__
    assert decoder.feed(b"event: a\ndata: 1\n\nevent: b\ndata: 2\n\nevent: a\n") == [Frame("b", "2")]
    decoder.wants = None
    assert decoder.feed(b"data: 3\n\n") == [Frame("a", "3")]
    assert decoder.skipped == 1


# --- Any bytes at all

NASTY = [
    b"", b" ", b"  x", b":", b"\0", b"7", b"007", b"12a", b"-1", b"x\0y", b"event: a", b"data: b", b"{}",
    b"\t", b"\xff", b"\xc3", b"\xa9", b"\xe2\x82", b"\xac", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\x80",
    b"\xef\xbb\xbf", b"\xef\xbb", "é€😀\u2028\x85\v\f\ufeff\ufffd".encode(), b"x" * 40,
]  # fmt: skip
NAMES = st.sampled_from(
    [b"data", b"event", b"id", b"retry", b"", b"Data", b"data ", b"\xef\xbb\xbfdata", b"x"]
)
VALUES = st.lists(st.sampled_from(NASTY) | st.binary(max_size=4), max_size=3).map(b"".join)
COLONS = st.sampled_from([b":", b": ", b":  ", b""])
FIELDS = st.builds(lambda *parts: b"".join(parts), NAMES, COLONS, VALUES)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r", b"\n\n\n"])
COMMON = st.builds(
    lambda lines, end: b"".join(line + end for line in [*lines, b""]),
    st.one_of(
        st.tuples(st.builds(b"event: %b".__mod__, VALUES), st.builds(b"data: %b".__mod__, VALUES)),
        st.permutations([b"event: %b", b"data: %b", b"id: %b"]).flatmap(
            lambda lines: st.tuples(*(st.builds(line.__mod__, VALUES) for line in lines))
        ),
    ),
    st.sampled_from([b"\n", b"\n", b"\r\n"]),
)
"""As servers write them, with and without an id, wherever it stands."""
LINES = st.builds(lambda line, end: line + end, FIELDS, ENDS)
STREAMS = st.builds(
    lambda start, parts, tail: start + b"".join(parts) + tail,
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb", b"\xef", b"\n", b"\xef\xbb\xbf\xef\xbb\xbf"]),
    st.lists(LINES | COMMON | ENDS, max_size=25),
    FIELDS,
)
ANY_STREAM = STREAMS | st.binary(max_size=200)


@st.composite
def cut_streams(draw, streams=ANY_STREAM):
    """A stream and one way to cut it."""
    stream = draw(streams)
    cuts = draw(st.lists(st.integers(0, len(stream)), max_size=12))
    return stream, [stream[a:b] for a, b in pairwise([0, *sorted(cuts), len(stream)])]


@given(cut_streams(), st.sampled_from(["", "7"]))
def test_any_stream_gives_what_the_standard_says(cut_stream, last_event_id):
    stream, chunks = cut_stream
    result = outcome(chunks, last_event_id=last_event_id)
    assert not result.too_large
    assert_as_the_standard_says(result, stream, last_event_id=last_event_id)


@given(st.lists(COMMON | LINES, max_size=12), st.integers(0, 60))
def test_blocks_that_come_each_in_a_chunk_give_what_the_standard_says(blocks, limit):
    stream = b"".join(blocks)
    assert_as_the_standard_says(outcome(blocks), stream)
    assert outcome(blocks, limit=limit) == outcome([stream], limit=limit)


@given(cut_streams(), st.integers(0, 60))
def test_any_cut_gives_the_same_under_any_limit(cut_stream, limit):
    stream, chunks = cut_stream
    whole = outcome([stream], limit=limit)
    assert outcome(chunks, limit=limit) == whole
    assert outcome(bytewise(stream), limit=limit) == whole


@given(cut_streams(), st.integers(0, 60))
def test_the_limit_only_ever_cuts_the_frames_short(cut_stream, limit):
    """What is given before `FrameTooLarge` is the beginning of what there is without a limit."""
    _, chunks = cut_stream
    limited, unlimited = outcome(chunks, limit=limit), outcome(chunks)
    assert limited.frames == unlimited.frames[: len(limited.frames)]
    if not limited.too_large:
        assert limited == unlimited


@given(cut_streams())
def test_a_frame_comes_with_the_byte_that_completes_it(cut_stream):
    """After each chunk exactly those frames were given that the bytes so far hold."""
    _, chunks = cut_stream
    decoder = FrameDecoder()
    fed, given_so_far = b"", []
    for chunk in chunks:
        fed += chunk
        given_so_far += decoder.feed(chunk)
        assert_as_the_standard_says(
            Outcome(given_so_far, decoder.last_event_id, decoder.retry, too_large=False), fed
        )


@given(st.binary(max_size=60))
def test_the_reference_decodes_utf8_as_python_does(stream):
    """Two independent readings of "maximal subpart"."""
    assert utf8_decoded(stream) == stream.decode("utf-8", "replace")
