"""Content codings are undone in bounded pieces, whatever the chunks are."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctfy_rx.connection.content_coding import Content, unknown_coding

TEXT = b"event: a\ndata: {}\n\n" * 50


def raw_deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


def undone(coding: str, *chunks: bytes) -> bytes:
    content = Content(httpx.Headers({"Content-Encoding": coding}))
    result = b"".join(piece for chunk in chunks for piece in content.pieces(chunk))
    content.finish()
    return result


CODED = [
    pytest.param("gzip", gzip.compress(TEXT, mtime=0), id="gzip"),
    pytest.param("X-GZIP", gzip.compress(TEXT, mtime=0), id="x-gzip"),
    pytest.param("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]), id="members"),
    pytest.param("gzip", gzip.compress(TEXT[:9]) + b"\0" * 9 + gzip.compress(TEXT[9:]) + b"\0", id="padding"),
    pytest.param("deflate", zlib.compress(TEXT), id="zlib"),
    pytest.param("deflate", raw_deflate(TEXT), id="raw deflate"),
    pytest.param("deflate", zlib.compress(TEXT) + b"more", id="more after the end"),
    pytest.param("deflate", zlib.compress(TEXT[:9]) + zlib.compress(TEXT[9:]), id="one after the other"),
    pytest.param("deflate, gzip", gzip.compress(zlib.compress(TEXT)), id="one within the other"),
    pytest.param("identity", TEXT, id="identity"),
    pytest.param("", TEXT, id="none"),
]


@pytest.mark.parametrize(("coding", "coded"), CODED)
def test_every_coding_is_undone_in_one_chunk_and_a_byte_at_a_time(coding: str, coded: bytes):
    assert undone(coding, coded) == TEXT
    assert undone(coding, *(bytes([byte]) for byte in coded)) == TEXT


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000)), st.sampled_from(["gzip", "deflate", "raw"]))
def test_whatever_is_coded_comes_back_wherever_the_chunks_are_cut(data: bytes, cuts: list[int], how: str):
    code = {"gzip": gzip.compress, "deflate": zlib.compress, "raw": raw_deflate}[how]
    coded = code(data)
    edges = [0, *sorted(min(cut, len(coded)) for cut in cuts), len(coded)]
    chunks = [coded[start:end] for start, end in pairwise(edges)]
    assert undone("gzip" if how == "gzip" else "deflate", *chunks) == data


@given(st.binary(), st.sampled_from(["gzip", "deflate", "gzip, gzip"]))
def test_no_bytes_do_worse_than_being_refused(garbage: bytes, coding: str):
    try:
        undone(coding, garbage)
    except httpx.DecodingError as error:
        assert str(error)  # noqa: PT017 - or nothing


@pytest.mark.parametrize(
    ("coding", "coded"),
    [("gzip", gzip.compress(TEXT, mtime=0)), ("deflate", zlib.compress(TEXT)), ("deflate", b"\x78")],
)
def test_a_body_that_ends_in_the_middle_is_refused(coding: str, coded: bytes):
    with pytest.raises(httpx.DecodingError, match="ends in the middle"):
        undone(coding, coded[: len(coded) // 2 + 1])


SQUEEZE = zlib.compressobj(wbits=31)
HEAD = SQUEEZE.compress(b": connected\n\n") + SQUEEZE.flush(zlib.Z_SYNC_FLUSH)
NOTHING = b"\0\0\0\xff\xff"  # an empty block, as a flush without data leaves it


@pytest.mark.parametrize(
    ("chunk", "is_alive"),
    [(NOTHING, False), (SQUEEZE.compress(b":\n") + SQUEEZE.flush(zlib.Z_SYNC_FLUSH), True)],
)
def test_bytes_that_give_nothing_are_no_sign_of_life(chunk: bytes, is_alive: bool):
    now = [0.0]
    content = Content({"content-encoding": "gzip"}, patience=75.0, clock=lambda: now[0])
    assert b"".join(content.pieces(HEAD))
    now[0] = 75.0
    assert not b"".join(content.pieces(NOTHING))
    now[0] = 75.1
    if is_alive:
        assert b"".join(content.pieces(chunk))
    else:
        with pytest.raises(httpx.ReadTimeout):
            list(content.pieces(chunk))


def test_without_patience_they_may_go_on():
    now = iter(range(0, 10_000, 1000))
    content = Content({"content-encoding": "gzip"}, clock=lambda: next(now))
    assert b"".join(piece for chunk in (HEAD, *[NOTHING] * 5) for piece in content.pieces(chunk))


def test_an_empty_body_is_whole():
    assert undone("gzip") == b""


@pytest.mark.parametrize("depth", [1, 2])
def test_a_bomb_comes_in_pieces_that_cost_bounded_memory(depth: int):
    bomb = zlib.compress(b"\0" * 100_000_000, 9)
    for _ in range(depth - 1):
        bomb = zlib.compress(bomb, 9)
    content = Content(httpx.Headers({"Content-Encoding": ", ".join(["deflate"] * depth)}))
    tracemalloc.start()
    try:
        sizes = [len(piece) for piece in content.pieces(bomb)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) == 100_000_000
    assert max(sizes) <= 256 * 1024
    assert peak < 4_000_000


@pytest.mark.parametrize(
    ("coding", "unknown"),
    [
        ("", None),
        ("gzip", None),
        ("GZip , deflate", None),
        ("br", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip, gzip, gzip", "3 codings, one within another"),
        ("x" * 900, "x" * 50),
    ],
)
def test_what_cannot_be_undone_is_named(coding: str, unknown: str | None):
    assert unknown_coding(httpx.Headers({"Content-Encoding": coding})) == unknown
