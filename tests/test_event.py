"""`Event`: what a frame means."""

from __future__ import annotations

import copy
import json
import math
import pickle
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctfy_rx import decoding
from ctfy_rx.catalogue import PAYLOADS, AchievementUnlocked, FlagCorrect, Payload
from ctfy_rx.event import Event, is_event

NESTED = 100_000

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def same(one: object, other: object) -> bool:
    """Equal, in type as well, where NaN is itself."""
    return repr(one) == repr(other)


# Data


@given(json_values)
def test_data_are_what_json_loads_gives(value):
    text = json.dumps(value)
    assert same(Event("e", text).data, json.loads(text))


@given(st.text(alphabet='{}[]":,0123456789.eE+-truefalsn \\/\t\n\ud800\x00u') | st.text())
def test_any_text_gives_what_json_loads_gives_or_itself(text):
    try:
        expected = json.loads(text)
    except (ValueError, RecursionError):
        expected = text
    assert same(Event("e", text).data, expected)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "[Infinity, -Infinity]",
        "1E400",
        '"\\ud800"',
        '"\ud800"',
        "18446744073709551616",
        "-1" + "0" * 40,
        "9" * 4300,
        '{"a": 1, "a": 2}',
        "null",
        '""',
        " [1]\r\n",
    ],
)
def test_what_json_loads_takes_is_taken_as_it_takes_it(text):
    assert same(Event("e", text).data, json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{'a': 1}",
        "[1,]",
        "01",
        '"\x01"',
        "\ufeff{}",
        "{} {}",
        "\ud800",
        "9" * 4301,
        "[" * NESTED + "]" * NESTED,
        "[" * NESTED,
    ],
    ids=lambda text: repr(text[:10]),
)
def test_what_is_no_json_is_the_text_itself(text):
    assert Event("e", text).data == text


def test_data_are_decoded_once_and_not_before_they_are_read(monkeypatch):
    decoded: list[str] = []
    monkeypatch.setattr(decoding, "_decode_json", lambda text: decoded.append(text) or {})
    event = Event("e", "{}")
    assert decoded == []
    assert event.data is event.data
    assert decoded == ["{}"]


# Payload


def test_the_payload_is_typed_by_the_name_of_the_event():
    payload = Event(
        "flag_correct", '{"flag_id": "root", "solve_time_s": 98, "challenge_fully_solved": true}'
    ).payload
    assert payload == FlagCorrect(flag_id="root", solve_time_s=98.0, challenge_fully_solved=True)
    assert isinstance(payload.solve_time_s, float)


def test_the_payload_is_made_once():
    event = Event("flag_correct", "{}")
    assert event.payload is event.payload


def test_an_event_that_the_catalogue_does_not_know_has_the_common_fields():
    event = Event("new_in_2030", '{"actor_name": "Ada", "color": "red"}')
    assert event.payload == Payload(actor_name="Ada")
    assert event.data["color"] == "red"


def test_unknown_fields_stay_in_the_data():
    event = Event("flag_correct", '{"flag_id": "root", "new_in_2030": [1]}')
    assert event.payload == FlagCorrect(flag_id="root")
    assert event.data["new_in_2030"] == [1]


def test_a_field_of_a_wrong_type_is_none_and_the_others_are_kept():
    event = Event("flag_correct", '{"flag_id": 7, "challenge_fully_solved": "yes", "challenge_id": "pwn"}')
    assert event.payload == FlagCorrect(challenge_id="pwn")
    assert event.data["flag_id"] == 7


def test_a_nested_value_of_a_wrong_type_is_none_and_the_others_are_kept():
    event = Event("achievement_unlocked", '{"localized": {"de": 3}, "actor_id": "7"}')
    assert event.payload == AchievementUnlocked(actor_id="7")


@pytest.mark.parametrize("name", PAYLOADS)
def test_nulls_are_as_fields_that_are_missing(name):
    fields = msgspec.structs.fields(PAYLOADS[name])
    text = json.dumps({field.name: None for field in fields})
    assert Event(name, text).payload == Event(name, "{}").payload == PAYLOADS[name]()


@pytest.mark.parametrize(
    "wrong",
    ["7", '"x"', "[[]]", '{"a": {"b": 1}}', "true", "NaN", "1e999", "9" * 4300, '"\\ud800"'],
    ids=lambda wrong: wrong[:10],
)
def test_wrong_types_never_raise(wrong):
    for name in [*PAYLOADS, "new_in_2030", ""]:
        declared = PAYLOADS.get(name, Payload)
        names = [field.name for field in msgspec.structs.fields(declared)]
        fields = ", ".join(f'"{field}": {wrong}' for field in names)
        event = Event(name, f"{{{fields}}}")
        assert type(event.payload) is declared
        assert list(event.data) == names


@given(st.sampled_from([*PAYLOADS, "new_in_2030"]), json_values)
def test_no_json_makes_a_payload_raise(name, value):
    assert isinstance(Event(name, json.dumps(value)).payload, Payload)


@given(st.sampled_from(list(PAYLOADS)), st.data())
def test_no_object_of_its_fields_makes_a_payload_raise(name, data):
    names = st.sampled_from([field.name for field in msgspec.structs.fields(PAYLOADS[name])])
    event = Event(name, json.dumps(data.draw(st.dictionaries(names, json_values, max_size=5))))
    assert isinstance(event.payload, PAYLOADS[name])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "null",
        "[]",
        "7",
        "\ud800",
        '{"flag_id": "\ud800"',
        "[" * NESTED,
        '{"a":' * NESTED + "1" + "}" * NESTED,
    ],
    ids=lambda text: repr(text[:10]),
)
def test_data_that_are_no_object_give_an_empty_payload(text):
    assert Event("flag_correct", text).payload == FlagCorrect()


def test_surrogates_and_nan_do_not_cost_the_other_fields():
    event = Event("flag_correct", '{"x": "\ud800", "flag_id": "root", "solve_time_s": NaN}')
    assert event.payload.flag_id == "root"
    assert math.isnan(event.payload.solve_time_s)


# The rest of it


def test_events_are_equal_where_all_that_was_heard_of_them_is():
    heard = Event("solve", "{}", received=1.5)
    assert heard == Event("solve", "{}", received=1.5)
    assert hash(heard) == hash(Event("solve", "{}", received=1.5))
    for change in (
        {"text": "[]"},
        {"id": "7"},
        {"log_id": 7},
        {"team_name": "Red"},
        {"challenge_name": "Pwn"},
    ):
        assert heard != heard.having(**change)
    assert heard != "solve"


def test_item_access_is_as_the_platforms_sdk_gives_it():
    event = Event("note", "[1]")
    assert (event["event"], event["data"]) == ("note", [1])


@pytest.mark.parametrize("key", ["id", 0, "payload", None])
def test_no_other_item_can_be_asked_for(key):
    with pytest.raises(KeyError):
        Event("note", "[1]")[key]


def test_an_event_becomes_the_dict_that_the_platforms_sdk_gives():
    event = Event("note", "[1]")
    assert dict(event) == {**event} == {"event": "note", "data": [1]}
    assert list(event) == list(event.keys()) == ["event", "data"]


def test_an_event_knows_its_items_as_the_dict_does():
    event = Event("note", "[1]")
    assert "event" in event
    assert "data" in event
    assert "payload" not in event
    assert 0 not in event


def test_get_gives_an_item_or_the_default():
    event = Event("note", "[1]")
    assert (event.get("event"), event.get("data")) == ("note", [1])
    assert (event.get("id"), event.get("id", 7)) == (None, 7)


def test_an_event_is_encoded_the_same_whatever_was_read_of_it_before():
    fresh, read = (Event("flag_correct", '{"flag_id": "root"}', received=1.5) for _ in range(2))
    assert read.payload.flag_id == read.data["flag_id"]
    encoded = msgspec.json.encode(read)
    assert encoded == msgspec.json.encode(fresh)
    assert msgspec.json.decode(encoded) == {
        "event": "flag_correct",
        "text": '{"flag_id": "root"}',
        "id": "",
        "received": 1.5,
        "origin": "live",
        "log_id": None,
        "logged": None,
        "team_id": None,
        "team_name": None,
        "cursor": None,
        "recorded": None,
        "challenge_name": None,
        "actor_name": None,
    }
    assert msgspec.json.decode(encoded, type=Event) == read


def test_a_changed_copy_of_an_event_that_was_read_has_data_of_its_own():
    event = Event("flag_wrong", '{"actor_name": "Mallory"}')
    assert event.payload.actor_name == event.data["actor_name"] == "Mallory"
    changed = msgspec.structs.replace(event, event="flag_correct", text='{"flag_id": "root"}')
    assert changed.data == {"flag_id": "root"}
    assert changed.payload == FlagCorrect(flag_id="root")


def test_times_are_aware_utc():
    event = Event("e", "{}", received=0.5)
    assert event.received_at == event.at == datetime(1970, 1, 1, 0, 0, 0, 500_000, UTC)
    assert event.at.utcoffset() == timedelta(0)


def test_at_is_the_time_of_the_log_where_there_is_one():
    event = Event("e", "{}", received=60.0, logged=59.0)
    assert (event.at.timestamp(), event.received_at.timestamp()) == (59.0, 60.0)


@pytest.mark.parametrize("name", ["event", "text", "data", "payload", "at", "other"])
def test_an_event_cannot_be_changed(name):
    with pytest.raises(AttributeError):
        setattr(Event("e", "{}"), name, 1)


def test_events_are_equal_by_what_came_and_whether_it_was_read_does_not_matter():
    one, other = Event("e", "{}", received=1.0), Event("e", "{}", received=1.0)
    assert one.data == {}
    assert one.payload == Payload()
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"event": "f"},
        {"text": "[]"},
        {"id": "1"},
        {"received": 2.0},
        {"origin": "log"},
        {"log_id": 1},
        {"logged": 2.0},
        {"team_id": "t"},
    ],
    ids=str,
)
def test_events_that_differ_in_something_are_not_equal(change):
    event = Event("e", "{}", received=1.0)
    assert event != msgspec.structs.replace(event, **change)


def test_an_event_equals_nothing_else():
    assert Event("e", "{}") != ("e", "{}")


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))])
def test_an_event_can_be_copied_and_pickled(clone):
    event = Event("flag_correct", '{"flag_id": "root"}', received=1.0)
    assert event.data == {"flag_id": "root"}
    assert clone(event) == event
    assert clone(event).payload.flag_id == clone(event).data["flag_id"] == "root"


@pytest.mark.parametrize("name", ["data", "payload"])
def test_what_is_made_when_it_is_read_has_its_help_on_the_class(name: str):
    assert f"The {'decoded JSON' if name == 'data' else 'data as the typed'}" in getattr(Event, name).__doc__


def test_a_notebook_shows_the_fields_and_no_markup_of_strangers():
    shown = Event("flag_wrong", '{"actor_name": "<b>Eve", "tries": 3}', team_name="Red")._repr_html_()
    assert "<b>flag_wrong</b>" in shown
    assert "Red · live" in shown
    assert "&lt;b&gt;Eve" in shown
    assert ">3</td>" in shown


@pytest.mark.parametrize("text", ["<b>no JSON", '["<b>no JSON"]'])
def test_a_notebook_shows_data_that_have_no_fields_as_text(text: str):
    shown = Event("note", text)._repr_html_()
    assert "&lt;b&gt;no JSON" in shown
    assert "fields" not in shown.partition("</style>")[2]


def test_an_event_is_told_from_what_is_none():
    assert is_event(Event("flag_wrong", "{}"))
    assert not is_event({"event": "flag_wrong", "data": {}})


def test_the_repr_says_what_and_when():
    event = Event("flag_wrong", '{"actor_name": "Zoë"}', received=0.0)
    assert repr(event) == '<Event flag_wrong 1970-01-01T00:00:00Z live {"actor_name": "Zoë"}>'


def test_the_repr_shows_the_names_that_are_known():
    event = Event("flag_correct", "{}", received=0.0, origin="log", team_name="Red", challenge_name="pwn 1")
    assert repr(event) == "<Event flag_correct 1970-01-01T00:00:00Z log of Red on pwn 1 {}>"
    assert " log by Ada of Red on pwn 1 {}>" in repr(event.having(actor_name="Ada"))


def test_a_repr_that_is_cut_says_so_and_the_log_which_cuts_at_200_need_not_cut_it():
    shown = repr(Event("flag_correct", '{"a": "%s"}' % ("\x00" * 300), team_name="R" * 50))
    assert len(shown) <= 200
    assert shown.endswith("…>")


@pytest.mark.parametrize(
    "event", [Event("e", "x" * 10**6), Event("x" * 10**6, "{}"), Event("e", "\x00" * 10**6)]
)
def test_the_repr_is_bounded(event):
    assert len(repr(event)) <= 200


@given(st.text(), st.text())
def test_the_repr_is_one_line_that_can_be_printed(name, text):
    shown = repr(Event(name, text))
    assert shown.isprintable()
    assert shown.encode()


# Rows of the activity log

ROW = {
    "id": "41",
    "timestamp": "2026-11-24T09:00:00.250000Z",
    "event": "flag_correct",
    "team_id": "t-1",
    "team_name": "Zoë's",
    "challenge_id": "pwn-1",
    "actor_id": "u-1",
    "actor_name": "Ada",
    "actor_type": "team",
    "actor_avatar_url": "",
    "detail": {"flag_id": "root", "solve_time_s": 98.5, "node_id": None, "challenge_fully_solved": False},
}


def test_a_row_gives_what_its_frame_held_and_what_only_the_log_knows():
    event = Event.from_row(ROW, received=7.0)
    assert event.text == (
        '{"challenge_id":"pwn-1","actor_id":"u-1","actor_name":"Ada","actor_type":"team","actor_avatar_url":"",'
        '"flag_id":"root","solve_time_s":98.5,"challenge_fully_solved":false}'
    )
    assert (event.event, event.origin, event.id, event.received) == ("flag_correct", "log", "", 7.0)
    assert (event.log_id, event.team_id, event.team_name, event.cursor) == (41, "t-1", "Zoë's", None)
    assert event.at == datetime(2026, 11, 24, 9, 0, 0, 250_000, UTC)
    assert event.payload == FlagCorrect(
        challenge_id="pwn-1",
        actor_id="u-1",
        actor_name="Ada",
        actor_type="team",
        actor_avatar_url="",
        flag_id="root",
        solve_time_s=98.5,
        challenge_fully_solved=False,
    )


@pytest.mark.parametrize(
    "timestamp",
    ["2026-11-24T09:00:00Z", "2026-11-24T09:00:00", "2026-11-24T10:30:00+01:30", "2026-11-24 09:00:00.000"],
)
def test_the_time_of_a_row_is_utc_unless_it_says_otherwise(timestamp):
    event = Event.from_row({**ROW, "timestamp": timestamp}, received=7.0)
    assert event.at == datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "timestamp",
    [None, "", "soon", 7, [], "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "2026-13-01"],
    ids=repr,
)
def test_a_row_without_a_usable_time_is_an_event_of_unknown_time(timestamp):
    event = Event.from_row({**ROW, "timestamp": timestamp}, received=7.0)
    assert (event.log_id, event.logged, event.at.timestamp()) == (41, None, 7.0)


@pytest.mark.parametrize(
    "change",
    [{"id": it} for it in ("", None, "x", True, 7.5, [], "9" * 5000)]
    + [{"event": it} for it in ("", None, 7, {})],
    ids=lambda change: repr(change)[:30],
)
def test_a_row_without_a_usable_id_or_name_is_refused(change):
    with pytest.raises(ValueError, match="no row of the platform's activity log"):
        Event.from_row({**ROW, **change}, received=7.0)


@pytest.mark.parametrize("row", [{}, None, [], "row", 7], ids=repr)
def test_what_is_no_row_is_refused(row):
    with pytest.raises(ValueError, match="no row of the platform's activity log"):
        Event.from_row(row, received=7.0)


@pytest.mark.parametrize("detail", [None, [], "x", 7, {"flag_id": None}], ids=repr)
def test_a_row_may_lack_what_is_not_needed(detail):
    row = {"id": 41, "event": "note", "detail": detail, "team_id": None, "team_name": 7}
    event = Event.from_row(row, received=7.0)
    assert (event.text, event.log_id, event.team_id, event.team_name) == ("{}", 41, None, None)


@given(st.dictionaries(st.sampled_from([*ROW, "x"]), json_values), st.dictionaries(st.text(), json_values))
def test_no_json_in_a_row_does_worse_than_being_refused(changes, detail):
    try:
        event = Event.from_row({**ROW, "detail": detail, **changes}, received=7.0)
    except ValueError as refused:
        assert str(refused) == "this is no row of the platform's activity log"  # noqa: PT017 - or nothing
    else:
        assert isinstance(event.payload, Payload)
        assert event.at.tzinfo is UTC


@pytest.mark.parametrize("value", ["\ud800", 2**70, 1e300, "\u2028"], ids=repr)
def test_odd_values_of_a_row_are_in_the_data(value):
    assert Event.from_row({**ROW, "detail": {"note": value}}, received=7.0).data["note"] == value


def test_with_data_adds_fields_and_leaves_what_is_no_object_as_it_is():
    event = Event("flag_correct", '{"flag_id": "a"}', received=1.5, log_id=7)
    marked = event.with_data(first_blood="flag", flag_id="b")
    assert marked.data == {"flag_id": "b", "first_blood": "flag"}
    assert (marked.received, marked.log_id, event.data) == (1.5, 7, {"flag_id": "a"})
    assert Event("note", "[1]").with_data(a=1) == Event("note", "[1]")
    assert Event("note", "{}").with_data(a="\ud800").data == {"a": "\ud800"}
