"""Events as tables: flat, typed by the catalogue, nothing lost."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import duckdb
import polars
import pytest
import reactivex

import ctfy_rx
from ctfy_rx import Events, EventStream, replay
from ctfy_rx.catalogue import PAYLOADS
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import BadRecording, MissingExtra
from ctfy_rx.event import Event
from ctfy_rx.recording.table import Columns

from .files import BEGAN, event, written


def one(name: str, text: str, **envelope: Any) -> dict[str, Any]:
    """The row of one event."""
    [row] = Events([Event(name, text, received=1.5, **envelope)]).to_arrow().to_pylist()
    return row


def test_columns_have_the_types_of_the_catalogue():
    solve = Event("flag_correct", '{"solve_time_s":9.5,"challenge_fully_solved":true}', log_id=7, logged=1.0)
    rate = Event("foreign_answer_submitted", '{"team_ids":["a","b"],"hit_count":2}')
    schema = Events([solve, rate]).to_arrow().schema
    types = {name: str(schema.field(name).type) for name in schema.names}
    assert types["at"] == types["received_at"] == "timestamp[us, tz=UTC]"
    assert types["solve_time_s"] == "double"
    assert types["challenge_fully_solved"] == "bool"
    assert types["hit_count"] == types["log_id"] == "int64"
    assert types["team_ids"].startswith("list<")
    assert types["actor_name"] == types["event"] == types["rest"] == "string"


def test_times_are_exact_to_the_microsecond():
    row = one("x", "{}", logged=1_764_000_000.123457)
    assert row["at"].isoformat() == "2025-11-24T16:00:00.123457+00:00"
    assert row["received_at"].isoformat() == "1970-01-01T00:00:01.500000+00:00"


def test_rows_keep_the_order_of_the_events():
    names = ["flag_wrong", "flag_correct", "meta_stats", "unheard_of"]
    events = [Event(names[number % 4], "{}", log_id=number) for number in range(20_000)]
    table = Events(events).to_arrow()
    assert table["log_id"].to_pylist() == list(range(20_000))
    assert table["event"].to_pylist() == [each.event for each in events]


def test_a_field_within_a_field_is_a_column_of_both_names():
    row = one("meta_stats", '{"ops":{"outbox_failed":3},"teams_total":12}')
    assert (row["ops_outbox_failed"], row["teams_total"], row["agents_models"]) == (3, 12, None)
    assert row["rest"] is None


def test_what_the_catalogue_does_not_know_is_in_the_rest():
    row = one("flag_wrong", '{"actor_name":"Mia","mood":{"now":"bad"}}')
    assert row["actor_name"] == "Mia"
    assert json.loads(row["rest"]) == {"mood": {"now": "bad"}}


@pytest.mark.parametrize(
    ("field", "value"),
    [("solve_time_s", "soon"), ("actor_name", 7), ("solve_time_s", {"a": 1}), ("actor_name", ["x"])],
)
def test_a_value_of_another_type_is_null_and_in_the_rest(field: str, value: Any):
    row = one("flag_wrong", json.dumps({field: value, "challenge_id": "pwn"}))
    assert (row[field], row["challenge_id"]) == (None, "pwn")
    assert json.loads(row["rest"]) == {field: value}


def test_a_number_beyond_64_bits_is_in_the_rest():
    row = one("foreign_answer_submitted", f'{{"hit_count":{2**64}}}')
    assert (row["hit_count"], json.loads(row["rest"])) == (None, {"hit_count": 2**64})


@pytest.mark.parametrize(
    ("text", "rest"),
    [("hello", '"hello"'), ("[1]", "[1]"), ("null", "null"), ("", '""'), ('{"a":NaN}', '{"a": NaN}')],
)
def test_data_that_are_no_object_are_the_rest(text: str, rest: str):
    assert one("flag_wrong", text)["rest"] == rest


def test_lone_surrogates_are_replaced():
    assert one("flag_wrong", '{"actor_name":"\\ud800!"}')["actor_name"] == "?!"
    assert one("flag_wrong", "{}", team_name="\ud800")["team_name"] == "?"


def test_the_team_is_the_logs_else_the_payloads():
    assert one("team_deleted", '{"team_id":"t7","team_name":"Seven"}')["team_name"] == "Seven"
    assert one("team_deleted", '{"team_name":"Seven"}', team_name="Logged")["team_name"] == "Logged"


def test_every_event_of_the_catalogue_has_a_table():
    events = [Event(name, "{}") for name in PAYLOADS]
    table = Events(events).to_arrow()
    assert table.num_rows == len(PAYLOADS)
    assert not any(table["rest"].to_pylist())
    assert len(set(table.column_names)) == len(table.column_names)


def test_each_column_says_what_the_payload_says(p: Platform):
    for challenge in range(4):
        p.wrong(team=1, challenge=challenge)
        p.solve(team=0, challenge=challenge)
    log = list(ctfy_rx.history(p.url, token=p.admin_token))
    rows = ctfy_rx.history(p.url, token=p.admin_token).to_arrow().to_pylist()
    for row, each in zip(rows, log, strict=True):
        assert (row["at"], row["event"], row["team_name"]) == (each.at, each.event, each.team_name)
        assert row["actor_name"] == each.payload.actor_name
        assert row["rest"] is None
        if each.event == "flag_correct":
            assert row["solve_time_s"] == each.payload.solve_time_s


def test_no_events_are_an_empty_table():
    assert Events().to_arrow().num_rows == 0
    assert Columns().table().column_names[:2] == ["at", "event"]


def test_a_replay_is_read_at_once_whatever_its_speed(tmp_path: Path):
    path = written(tmp_path / "day1.jsonl", *(event(0, at=3600.0 * hour) for hour in range(5)))
    table = replay(path).to_arrow()
    assert table.num_rows == 5
    assert set(table["origin"].to_pylist()) == {"log"}
    assert replay(path).take(2).to_arrow().num_rows == 2
    assert replay(path).solves().to_arrow().num_rows == 0


def test_what_a_stream_fails_with_is_raised(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadRecording):
        replay(tmp_path / "notes.txt").to_arrow()


def test_pandas_keeps_whole_numbers_and_booleans_beside_nulls(tmp_path: Path):
    live = Event("flag_correct", '{"challenge_fully_solved":true}', received=BEGAN)
    frame = replay(written(tmp_path / "day1.jsonl", event(7), live)).to_pandas()
    assert str(frame["log_id"].dtype) == "Int64"
    assert str(frame["challenge_fully_solved"].dtype) == "boolean"
    assert str(frame["at"].dtype) == "datetime64[us, UTC]"
    assert frame["log_id"][0] == 7
    assert frame.set_index("at").resample("1min")["event"].count().sum() == 2
    assert EventStream.over(reactivex.of(live)).to_pandas()["event"][0] == "flag_correct"


def test_duckdb_and_polars_read_it(tmp_path: Path):
    log = replay(written(tmp_path / "day1.jsonl", *(event(number) for number in range(9)))).to_arrow()
    assert duckdb.sql("select count(distinct actor_name) from log").fetchall() == [(9,)]
    assert polars.from_arrow(log)["log_id"].sum() == 36


@pytest.mark.parametrize(("package", "extra"), [("pyarrow", "arrow"), ("pandas", "pandas")])
def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, package: str, extra: str):
    def without(name: str) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return importlib.import_module(name)

    monkeypatch.setattr("ctfy_rx.recording.table.import_module", without)
    with pytest.raises(MissingExtra, match=rf"ctfy-rx\[{extra}\]"):
        Events().to_pandas()
