"""Events as lines: what comes back is what was, whatever it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctfy_rx.errors import BadRecording
from ctfy_rx.event import Event
from ctfy_rx.recording.lines import FORMAT, Header, from_line, header_in, to_line

TEXTS = [
    '{"a":1}',
    '{"é":"\u2028"}',
    "hello",
    "",
    '{"a":NaN}',
    '{"a":\n1}',
    ' {"a":1} ',
    '{"a":"\\ud800"}',
    '"\ud800"',
    "[" * 100_000,
    "123",
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_an_event_comes_back_as_it_was_on_one_line(text: str):
    names = {"challenge_name": "Overflow", "actor_name": "Mia"}
    event = Event("flag_wrong", text, "i", 1.25, "log", 7, 1.125, "t", "Team", "7@x", **names)
    line = to_line(event)
    back = from_line(line)
    assert line.count(b"\n") == 1
    assert (back.text, back.data) == (event.text, event.data)
    assert (back.origin, back.recorded) == ("replay", "log")
    assert to_line(back) == line
    for name in ("event", "id", "received", "log_id", "logged", "team_id", "team_name", "cursor", *names):
        assert getattr(back, name) == getattr(event, name)


def test_an_id_that_stands_for_want_of_a_name_is_not_recorded_as_one():
    text = '{"challenge_id":"pwn-1","actor_id":"7"}'
    unknown = Event("flag_wrong", text, challenge_name="pwn-1", actor_name="7")
    assert to_line(unknown) == to_line(Event("flag_wrong", text))


@given(st.text(), st.text(min_size=1), st.floats(0, 4e9))
def test_any_text_comes_back(text: str, name: str, received: float):
    event = Event(name, text, received=received)
    back = from_line(to_line(event))
    assert (back.event, back.text, back.received, back.recorded) == (name, text, received, "live")


@pytest.mark.parametrize("text", ['{"a":[1,{"b":null}]}', "[1.0]", "no JSON"])
@pytest.mark.parametrize("field", ["event", "team_name", "team_id", "cursor", "id"])
def test_a_lone_surrogate_next_to_data_comes_back(field: str, text: str):
    event = Event(**{"event": "flag_wrong", "text": text, "received": 1.25, field: "a\ud800"})
    back = from_line(to_line(event))
    assert (getattr(back, field), back.data) == ("a\ud800", event.data)
    assert to_line(back) == to_line(event)


def test_data_can_be_read_by_any_program_that_reads_json():
    line = json.loads(to_line(Event("flag_wrong", '{"actor_name":"Mia"}', received=1.0)))
    assert line["data"]["actor_name"] == "Mia"


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"event":1,"received":1}', b'{"received":1.0}'])
def test_what_is_no_event_is_a_value_error(line: bytes):
    with pytest.raises(ValueError, match=r"."):
        from_line(line)


def test_a_header_comes_back():
    header = Header.now("http://ctf.example", platform_version="0.7.0", after="7@2026-01-01T00:00:00+00:00")
    assert header_in(header.to_line(), "day1.jsonl") == header


def test_a_newer_format_says_what_to_do():
    line = json.dumps({"ctfy_rx_recording": FORMAT + 1, "new": True}).encode()
    with pytest.raises(BadRecording, match=r"day1.jsonl was recorded by a newer ctfy_rx .* update it"):
        header_in(line, "day1.jsonl")


@pytest.mark.parametrize("line", [b"", b"hello", b"{}", b'{"event":"flag_wrong"}'])
def test_another_file_is_said_to_be_no_recording(line: bytes):
    with pytest.raises(BadRecording, match=r"notes\.txt is no recording"):
        header_in(line, "notes.txt")
