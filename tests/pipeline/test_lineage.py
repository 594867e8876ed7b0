"""What the repr of a stream says: which connection, and what was made of it."""

from __future__ import annotations

import inspect

import reactivex

from ctfy_rx import EventStream, events
from ctfy_rx.catalogue import FlagWrong

URL = "http://127.0.0.1:8100"


def derivation(stream: object) -> str:
    return repr(stream).partition(" subscribed)")[2].removesuffix(">")


def is_fast(event: object) -> bool:
    return bool(event)


def test_a_root_says_that_it_is_derived_by_nothing():
    assert derivation(events(URL)) == ""


def test_a_derived_stream_says_what_it_was_derived_by():
    stream = events(URL)
    assert derivation(stream.solves()) == ".solves()"
    assert derivation(stream.of_event("flag_*", FlagWrong)) == ".of_event('flag_*', FlagWrong)"
    assert derivation(stream.solves().filter(is_fast).take(5)) == ".solves().filter(is_fast).take(5)"
    assert derivation(stream.where(challenge_id="pwn-1")) == ".where(challenge_id='pwn-1')"
    assert derivation(stream.verdicts()) == ".verdicts()"
    assert derivation(stream.by_team("7")[2:4]) == ".by_team('7').__getitem__(slice)"


def test_a_merged_one_names_its_sources():
    stream = events(URL)
    merged = stream.solves().merge(stream.wrong_answers(), stream)
    assert derivation(merged) == ".solves().merge(.wrong_answers(), …)"
    elsewhere = EventStream.over(reactivex.never(), name="of a test").solves()
    assert derivation(stream.merge(elsewhere)) == f".merge({elsewhere!r})"
    assert derivation(stream.merge(reactivex.never())) == ".merge(Observable)"


def test_a_stream_that_was_derived_from_stays_as_it_is():
    stream = events(URL)
    solves = stream.solves()
    solves.take(1)
    assert derivation(solves) == ".solves()"
    assert derivation(stream) == ""


def test_what_is_long_is_cut_off():
    assert len(derivation(events(URL).by_actor("x" * 1000))) < 80


def test_methods_keep_their_signatures_and_docs():
    assert list(inspect.signature(EventStream.by_actor).parameters) == ["self", "actor_id"]
    assert "one actor" in (EventStream.by_actor.__doc__ or "")


def test_what_is_no_stream_says_what_it_is_and_of_what():
    stream = events(URL)
    assert repr(stream.rate(1)).startswith(f"<Composed of {URL}/api/v1/events (idle")
    assert repr(stream.opened()) == "<Eventual>"
    assert repr(stream.scoreboard("final")).startswith(f"<Boards of final, <EventStream {URL}")
    assert repr(stream.scoreboard()).startswith("<Boards of the contest that runs, <EventStream ")
    assert repr(stream.status.map(str)) == "<Composed>"
