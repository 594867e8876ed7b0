"""Bodies read below httpx: they and their errors are those that h11 makes of whatever a server sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ctfy_rx.connection.chunks import ChunkCutter
from ctfy_rx.connection.direct_body import raw_body

from ..support.servers import CHUNKED, CLOSE_DELIMITED, OPEN, chunk, frame

INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
LAST = b"0\r\n\r\n"


class Network:
    """Gives one read after another, then the end; notes how much of the body was known before each."""

    def __init__(self, reads: list[bytes]) -> None:
        self.reads = iter(reads)
        self.body = b""
        self.known: list[int] = []

    def read(self, max_bytes: int, timeout: float | None) -> bytes:
        assert timeout == 75
        self.known.append(len(self.body))
        return next(self.reads, b"")


def like(kind: str, **held: Any) -> Any:
    """Something of a class of that name."""
    return type(kind, (SimpleNamespace,), {})(**held)


class Response:
    """What httpx makes of a response of httpcore's whose head has been read, with a real h11 in it."""

    def __init__(self, network: Network, parser: Any) -> None:
        self.network = network
        self.parser = parser
        connection = SimpleNamespace(_network_stream=network, _h11_state=parser)
        of_connection = like("HTTP11ConnectionByteStream", _connection=connection)
        of_response = like("ResponseStream", _httpcore_stream=like("PoolByteStream", _stream=of_connection))
        self.stream = like("BoundSyncStream", _stream=of_response)
        self.extensions = {"network_stream": network}
        self.request = SimpleNamespace(extensions={"timeout": {"read": 75}})

    def iter_raw(self) -> Iterator[bytes]:
        while True:
            event = self.parser.next_event()
            if event is h11.NEED_DATA:
                self.parser.receive_data(self.network.read(65536, 75))
            elif isinstance(event, h11.Data):
                yield bytes(event.data)
            else:
                return


def response_to(network: Network, method: str = "GET") -> Response | str:
    """A response, or h11's complaint about its head."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method=method, target="/", headers=[("host", "h")]))
    parser.send(h11.EndOfMessage())
    try:
        while not isinstance(event := parser.next_event(), h11.Response):
            if event is h11.NEED_DATA:
                data = network.read(65536, 75)
                if not data:
                    return "no response"
                parser.receive_data(data)
    except h11.RemoteProtocolError as error:
        return str(error)
    return Response(network, parser)


def outcome(reads: list[bytes], body_of: Callable[[Response], Iterator[bytes]], **options: Any) -> Any:
    """The body, how much of it was known at each read, and how it ended."""
    network = Network(reads)
    response = response_to(network, **options)
    if isinstance(response, str):
        return response
    end = "done"
    try:
        for piece in body_of(response):
            network.body += piece
    except h11.RemoteProtocolError as error:
        end = str(error).partition("footer: ")[0]  # how much of one came is told of each read
    return network.body, network.known, end, response.parser.their_state


def check(wire: bytes, cuts: list[int], **options: Any) -> None:
    places = sorted({cut % (len(wire) + 1) for cut in cuts} | {0, len(wire)})
    reads = [wire[start:end] for start, end in pairwise(places)]
    assert outcome(reads, raw_body, **options) == outcome(reads, Response.iter_raw, **options)


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
        OPEN + b"Content-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n",
        OPEN + b"Content-Length: 30\r\nContent-Length: 31\r\n\r\n",
        CHUNKED.replace(b"1.1 200", b"1.1 404"),
        CHUNKED.replace(b"1.1 200 OK", b"1.1 204 No Content"),
        CHUNKED.replace(b"1.1", b"1.0"),
        CHUNKED.replace(b"chunked", b"gzip, chunked"),
        CHUNKED.replace(b"\r\n", b"\n"),
        b"",
        b"no HTTP at all\r\n\r\n",
    ]
)
CUTS = st.lists(st.integers(0, 2000), max_size=12)


@given(head=HEADS, wire=WIRES, cuts=CUTS, method=st.sampled_from(["GET", "GET", "HEAD", "POST"]))
def test_h11_says_the_same_after_every_read(head: bytes, wire: bytes, cuts: list[int], method: str) -> None:
    check(head + wire, cuts, method=method)


@given(wire=st.lists(PLAIN, max_size=12).map(b"".join), cuts=CUTS)
@example(wire=chunk(frame("a")) * 3, cuts=[])
def test_a_stream_of_plain_chunks_and_its_end_come_whole(wire: bytes, cuts: list[int]) -> None:
    check(CHUNKED + wire + LAST, cuts)


@pytest.mark.parametrize(
    "wire",
    [chunk(b"one\r\n") + chunk(b"two" * 9) + LAST, chunk(b"a" * 17) * 2, chunk(b"one") + b"nonsense\r\n"],
)
def test_reads_cut_anywhere_and_an_end_anywhere_give_the_same(wire: bytes) -> None:
    for cut in range(len(CHUNKED + wire)):
        check(CHUNKED + wire, [cut])
        check((CHUNKED + wire)[:cut], [])


def test_extensions_and_trailers_without_an_end_take_bounded_memory_and_fail_as_in_h11() -> None:
    for endless in (b"5;" + b"x" * 200_000, LAST[:3] + b"X: " + b"y" * 200_000):
        reads = [CHUNKED + chunk(b"a"), *(endless[at : at + 1000] for at in range(0, len(endless), 1000))]
        check(b"".join(reads), list(range(0, 200_000, 1000)))


@pytest.mark.direct_reads
def test_what_one_read_brings_is_one_piece_wherever_it_cuts_the_chunks() -> None:
    wire = chunk(frame("a")) * 1000
    reads = [wire[at : at + 401] for at in range(0, len(wire), 401)]
    response = response_to(Network([CHUNKED, *reads, LAST]))
    assert isinstance(response, Response)
    pieces = list(raw_body(response))
    assert b"".join(pieces) == frame("a") * 1000
    assert len(pieces) == len(reads)


def test_data_are_not_held_back_for_a_line_end_that_has_not_come() -> None:
    cutter = ChunkCutter()
    reads = b"1", b"e\r", b"\n" + b"x" * 30 + b"\r", b"\n", b"2\r\naa"
    assert [cutter.feed(read) for read in reads] == [b"", b"", b"x" * 30, b"", b"aa"]


def test_the_connection_serves_another_request_afterwards() -> None:
    response = response_to(Network([CHUNKED + chunk(b"a") * 2 + LAST]))
    assert isinstance(response, Response)
    assert b"".join(raw_body(response)) == b"aa"
    response.parser.start_next_cycle()
    assert response.parser.their_state is h11.IDLE
