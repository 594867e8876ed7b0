"""`parse`: frames to events."""

from __future__ import annotations

import time

import reactivex

from ctfy_rx import decoding
from ctfy_rx.event import Event
from ctfy_rx.operators import parse
from ctfy_rx.sse import Frame

from ..support.marbles import Marbles


def no_clock() -> float:
    return 0.0


def test_each_frame_is_the_event_that_it_means():
    m = Marbles(
        f=Frame("flag_correct", "{}", "7"),
        n=Frame("note", "hello"),
        F=Event("flag_correct", "{}", "7", 0.0),
        N=Event("note", "hello", "", 0.0),
    )
    source = "--f--n--f--|"
    expect = "--F--N--F--|"
    m.play(source, parse(clock=no_clock), expect)


def test_it_fails_with_its_source():
    m = Marbles(f=Frame("note"), F=Event("note", "", "", 0.0))
    source = "--f--#"
    expect = "--F--#"
    m.play(source, parse(clock=no_clock), expect)


def test_dispose_reaches_the_source():
    m = Marbles(f=Frame("note"), F=Event("note", "", "", 0.0))
    source = m.hot("--f--f--f")
    seen = m.watch(source.pipe(parse(clock=no_clock)), "^---!")
    m.run()
    assert seen.messages == m.read("--F")
    assert [each.unsubscribe for each in source.subscriptions] == [4]


def test_each_event_is_stamped_with_the_time_of_the_clock():
    m = Marbles(f=Frame("note"))
    seen = m.watch(m.hot("--f---f").pipe(parse(clock=lambda: m.now)))
    m.run()
    assert [record.value.value.at.timestamp() for record in seen.messages] == [2, 6]


def test_without_a_clock_it_is_the_time_of_the_day():
    before = time.time()
    seen: list[Event] = []
    reactivex.of(Frame("note")).pipe(parse()).subscribe(seen.append)
    assert before <= seen[0].received <= time.time()


def test_nothing_is_decoded_before_somebody_asks_for_it(monkeypatch):
    decoded: list[str] = []
    monkeypatch.setattr(decoding, "_decode_json", lambda text: decoded.append(text) or {})
    monkeypatch.setattr(decoding, "_DECODERS", {})  # whoever decoded a payload would find nothing
    seen: list[Event] = []
    reactivex.of(Frame("flag_correct", "{}"), Frame("flag_wrong", "{}")).pipe(parse()).subscribe(seen.append)
    assert decoded == []
    assert [(event.event, event.id, hash(event), repr(event)) for event in seen]
    assert decoded == []
    assert seen[1].data == {}
    assert decoded == ["{}"]


def test_a_payload_that_is_no_json_is_text_and_ends_nothing():
    seen: list[Event] = []
    frames = reactivex.of(Frame("note", "{"), Frame("note", '{"a": 1}'), Frame("note", ""))
    frames.pipe(parse()).subscribe(seen.append)
    assert [event.data for event in seen] == ["{", {"a": 1}, ""]
