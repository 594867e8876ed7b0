"""Chunks joined below the HTTP parser: h11, with and without it, says the same of whatever a server sends."""

from __future__ import annotations

from itertools import pairwise

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ctfy_rx.connection.chunk_joining import ChunkJoiner

from ..support.servers import CHUNKED, CLOSE_DELIMITED, OPEN, chunk, frame

INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
LAST = b"0\r\n\r\n"


class Client:
    """h11 reading one response, its body so far and its end or its complaint."""

    def __init__(self, joiner: ChunkJoiner | None) -> None:
        self.joiner = joiner
        self.chunks = 0
        self.body = b""
        self.end = ""
        self.parser = h11.Connection(h11.CLIENT)
        self.parser.send(h11.Request(method="GET", target="/", headers=[("host", "h")]))
        self.parser.send(h11.EndOfMessage())

    def read(self, data: bytes) -> None:
        if self.end:
            return
        try:
            passed = self.joiner.feed(data) if self.joiner else data
            if data and not passed:
                return  # what came is no data, and no end
            self.parser.receive_data(passed)
            while not self.end:
                self._take(self.parser.next_event())
                if self.parser.their_state in {h11.DONE, h11.MUST_CLOSE, h11.CLOSED}:
                    self.end = self.end or "done"
                if self.paused:
                    return
        except h11.RemoteProtocolError as error:
            said = str(error).partition("footer: ")  # how much of one came is told of each read
            self.end = f"{type(error).__name__}: {said[0]}{said[1]}"

    def _take(self, event: object) -> None:
        self.paused = event is h11.NEED_DATA or event is h11.PAUSED
        if isinstance(event, h11.Data):
            self.chunks += 1
            self.body += bytes(event.data)


def reads(wire: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(wire) + 1) for cut in cuts} | {0, len(wire)})
    return [wire[start:end] for start, end in pairwise(places)]


def check(wire: bytes, cuts: list[int]) -> None:
    plain, joined = Client(None), Client(ChunkJoiner())
    for data in [*reads(wire, cuts), b""]:
        plain.read(data)
        joined.read(data)
        assert (joined.body, joined.end) == (plain.body, plain.end)


BODIES = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.sampled_from([frame("a"), b"\r\n", b"data: 1\r\n\r\n", b"5\r\nhello\r\n", b"x" * 300]),
)
PLAIN = BODIES.map(chunk)
ODD = st.sampled_from(
    [
        b"5;ext=1\r\nhello\r\n",
        b"05\r\nhello\r\n",
        b"A\r\n0123456789\r\n",
        b"5 \r\nhello\r\n",
        b" 5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"1_0\r\n0123456789abcdef\r\n",
        b"+5\r\nhello\r\n",
        b"5\nhello\n",
        b"5\r\nhello\n\n",
        b"5\r\nhelloXY3\r\nabc\r\n",
        b"5\r\nhello3\r\nabc\r\n",
        b"\r\n",
        b"ffffffffffffffffffffff\r\n",
        b"123456789\r\nx",
        LAST,
        b"0\r\nX-Trailer: 1\r\n\r\n",
        b"000\r\n\r\n",
    ]
)
WIRES = st.lists(st.one_of(PLAIN, PLAIN, PLAIN, ODD), max_size=12).map(b"".join)
HEADS = st.sampled_from(
    [
        CHUNKED,
        CHUNKED.lower().replace(b"http/", b"HTTP/"),
        INTERIM + CHUNKED,
        CLOSE_DELIMITED,
        OPEN + b"Content-Length: 30\r\n\r\n",
        CHUNKED.replace(b"event-stream", b"html"),
        CHUNKED.replace(b"1.1 200", b"1.1 404"),
        CHUNKED.replace(b"1.1", b"1.0"),
        CHUNKED.replace(b"chunked", b"gzip, chunked"),
        CHUNKED.replace(b"\r\n", b"\n"),
        b"",
        b"no HTTP at all\r\n\r\n",
    ]
)
CUTS = st.lists(st.integers(0, 2000), max_size=12)


@given(head=HEADS, wire=WIRES, cuts=CUTS)
def test_h11_says_the_same_with_it_after_every_read(head: bytes, wire: bytes, cuts: list[int]) -> None:
    check(head + wire, cuts)


@given(wire=st.lists(PLAIN, max_size=12).map(b"".join), cuts=CUTS)
@example(wire=chunk(frame("a")) * 3, cuts=[])
def test_a_stream_of_plain_chunks_and_its_end_come_whole(wire: bytes, cuts: list[int]) -> None:
    check(CHUNKED + wire + LAST, cuts)


@pytest.mark.parametrize("wire", [chunk(b"one\r\n") + chunk(b"two" * 9) + LAST, chunk(b"a" * 17) * 2])
def test_two_reads_cut_anywhere_give_the_same(wire: bytes) -> None:
    for cut in range(len(CHUNKED + wire)):
        check(CHUNKED + wire, [cut])


def test_the_chunks_that_one_read_brings_whole_are_one() -> None:
    client = Client(ChunkJoiner())
    client.read(CHUNKED)
    client.read(chunk(frame("a")) * 1000)
    assert (client.chunks, client.body) == (1, frame("a") * 1000)


def test_chunks_that_hold_line_ends_of_their_own_are_joined_too() -> None:
    client = Client(ChunkJoiner())
    client.read(CHUNKED)
    client.read(chunk(b"data: 1\r\n\r\n") * 1000)
    assert client.chunks == 1


def test_each_read_is_one_chunk_wherever_it_cuts_those_of_the_server() -> None:
    wire = chunk(frame("a")) * 1000
    client = Client(ChunkJoiner())
    client.read(CHUNKED)
    cuts = range(0, len(wire), 401)
    for cut in cuts:
        client.read(wire[cut : cut + 401])
    assert client.body == frame("a") * 1000
    assert client.chunks == len(cuts)


def test_a_cut_size_or_line_end_alone_passes_with_the_next_read() -> None:
    joiner = ChunkJoiner()
    joiner.feed(CHUNKED)
    reads = b"1", b"e\r", b"\n" + b"x" * 30 + b"\r", b"\n", b"2\r\naa\r\n"
    assert [joiner.feed(read) for read in reads] == [b"", b"", b"1e\r\n" + b"x" * 30, b"\r\n", reads[-1]]


def test_a_read_that_brings_one_frame_passes_as_it_came() -> None:
    joiner = ChunkJoiner()
    joiner.feed(CHUNKED)
    assert joiner.feed(chunk(frame("a"))) == chunk(frame("a"))


def test_each_request_begins_with_a_head_again() -> None:
    joiner = ChunkJoiner()
    redirect = b"HTTP/1.1 302 Found\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n"
    assert joiner.feed(redirect + chunk(b"a") * 2 + LAST) == redirect + chunk(b"a") * 2 + LAST
    joiner.expect_response()
    assert joiner.feed(CHUNKED + chunk(b"a") * 2) == CHUNKED + chunk(b"aa")


def test_an_interim_response_comes_before_the_head_that_counts() -> None:
    assert ChunkJoiner().feed(INTERIM + CHUNKED + chunk(b"a") * 2) == INTERIM + CHUNKED + chunk(b"aa")
