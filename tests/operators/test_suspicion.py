"""`burst`, `alerts`, `rate`, `by_team`, and contests apart from signals."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators import alerts, burst, by_competition, by_team, rate
from ctfy_rx.operators.suspicion import Burst

from ..support.clocks import SetBack
from ..support.marbles import Marbles
from ..support.waiting import until


def wrong(second: float, team: str = "red", **fields: Any) -> Event[Any]:
    return Event("flag_wrong", json.dumps(fields), received=second, logged=second, team_id=team)


def bursts(*events: Event[Any], n: int = 3, within: Any = 10.0, **options: Any) -> list[Burst]:
    seen: list[Burst] = []
    reactivex.of(*events).pipe(burst(n, within, **options)).subscribe(seen.append)
    return seen


def seconds(burst: Burst) -> list[float]:
    return [event.received for event in burst.events]


def test_n_wrong_answers_of_one_team_in_the_window_are_a_burst():
    [found] = bursts(wrong(0), wrong(20), wrong(25), wrong(30))
    assert seconds(found) == [20, 25, 30]
    assert (found.team_id, found.team_name, (found.ended - found.began).total_seconds()) == (
        "red",
        None,
        10.0,
    )


def test_the_next_burst_needs_as_many_new_ones():
    assert [seconds(found) for found in bursts(*(wrong(i) for i in range(7)))] == [[0, 1, 2], [3, 4, 5]]


def test_teams_do_not_add_up():
    assert bursts(wrong(0), wrong(1, "blue"), wrong(2), wrong(3, "blue")) == []


def test_where_only_frames_are_seen_an_instance_stands_for_the_team():
    frames = [Event("flag_wrong", json.dumps({"instance_id": box}), received=0.0) for box in "aabba"]
    [found] = bursts(*frames)
    assert found.key == "a"


def test_other_events_and_other_keys_can_burst():
    answers = [Event("instance_error", json.dumps({"node_id": node}), received=0.0) for node in "xyxx"]
    [found] = bursts(
        *answers, of="instance_*", key=lambda event: event.data["node_id"], within=timedelta(seconds=1)
    )
    assert found.key == "x"


def test_only_the_keys_met_last_are_remembered():
    assert bursts(wrong(0), wrong(0), wrong(1, "blue"), wrong(1), n=3, max_keys=1) == []


@pytest.mark.parametrize(("n", "within"), [(1, 10.0), (2, 0.0), (2, timedelta(0))])
def test_one_alone_or_no_time_is_no_burst(n, within):
    with pytest.raises(ConfigurationError, match="2 events or more within a time"):
        burst(n, within)


def stats(**ops: int) -> Event[Any]:
    return Event("meta_stats", json.dumps({"ops": ops}))


def told(*events: Event[Any]) -> list[Any]:
    seen: list[Any] = []
    reactivex.of(*events).pipe(alerts()).subscribe(
        lambda event: seen.append(event.data if event.event == "ops_failed" else event.event)
    )
    return seen


def test_nodes_instances_and_tasks_that_fail_are_alerts():
    names = "node_unhealthy", "flag_wrong", "node_recovered", "instance_error", "node_status", "task_failed"
    assert told(*(Event(name, "{}") for name in names)) == [
        "node_unhealthy",
        "node_recovered",
        "instance_error",
        "task_failed",
    ]


def test_the_first_counters_are_remembered_and_rises_are_told():
    counted = [stats(outbox_failed=3), stats(outbox_failed=3), stats(outbox_failed=5), stats(outbox_failed=1)]
    assert told(*counted, stats(outbox_failed=2)) == [
        {"counter": "outbox_failed", "rise": 2, "total": 5},
        {"counter": "outbox_failed", "rise": 1, "total": 2},
    ]


def test_a_failed_task_that_has_told_of_itself_is_no_rise():
    events = [stats(tasks_failed=0), Event("task_failed", "{}"), stats(tasks_failed=1), stats(tasks_failed=2)]
    assert told(*events, stats(tasks_failed=2)) == [
        "task_failed",
        {"counter": "tasks_failed", "rise": 1, "total": 2},
    ]


FAILED = Event("task_failed", "{}")
SILENT = {"counter": "tasks_failed", "rise": 1, "total": 2}


@pytest.mark.parametrize(
    ("counts", "alerts_of_ours"),
    [
        ([0, FAILED, 0, 1, 1], []),  # told of before it is counted
        ([0, 1, FAILED, 1, 1], []),  # counted before it is told of
        ([0, 1, FAILED, 2, 2], [SILENT]),  # and another that tells nothing
        ([0, FAILED, 0, 2, 2], [SILENT]),
        ([FAILED, 1, 1, 2, 2], [SILENT]),  # before the first counters, which hold it already
    ],
)
def test_it_does_not_matter_whether_a_task_is_counted_before_or_after_it_tells_of_itself(
    counts, alerts_of_ours
):
    events = [each if isinstance(each, Event) else stats(tasks_failed=each) for each in counts]
    assert [each for each in told(*events) if isinstance(each, dict)] == alerts_of_ours


@pytest.mark.parametrize("text", ["{}", '{"ops": 7}', '{"ops": {"outbox_failed": "many"}}', "no"])
def test_counters_that_are_none_are_no_alert(text):
    assert told(Event("meta_stats", text), stats(outbox_failed=1)) == []


def test_a_rate_is_the_average_of_the_window_and_falls_to_nothing():
    m = Marbles()
    observer = m.watch(m.hot("--(xx)--x").pipe(rate(4.0, every=2.0)))
    m.run(13.0)
    assert [(record.time, record.value.value) for record in observer.messages] == [
        (2.0, 0.5),
        (4.0, 0.5),
        (6.0, 0.0),
        (8.0, 0.25),
        (10.0, 0.25),
        (12.0, 0.0),
    ]


@pytest.mark.parametrize(("window", "every"), [(0.0, 1.0), (1.0, 0.0), (timedelta(0), 1.0)])
def test_a_rate_without_a_time_is_refused(window, every):
    with pytest.raises(ConfigurationError, match="above 0"):
        rate(window, every=every)


def chosen(operator: Any, *events: Event[Any]) -> list[Event[Any]]:
    seen: list[Event[Any]] = []
    reactivex.of(*events).pipe(operator).subscribe(seen.append)
    return seen


def test_a_teams_events_are_those_of_the_log_and_those_that_it_caused():
    ready = Event("instance_ready", '{"actor_id": "red"}')
    events = [wrong(0), wrong(1, "blue"), ready, wrong(2, "blue", actor_id="red"), Event("x", "text")]
    assert chosen(by_team("red"), *events) == [events[0], ready]


def test_a_contest_with_what_belongs_to_none():
    mine, other = (Event("flag_wrong", json.dumps({"competition_id": contest})) for contest in "AB")
    signals = [Event("scoreboard_updated", "{}"), Event("x", "text"), Event("x", '{"competition_id": null}')]
    odd = [Event("x", '{"competition_id": ""}'), Event("x", '{"competition_id": [7]}')]
    assert chosen(by_competition("A"), mine, other, *signals) == [mine]
    assert chosen(by_competition("A", and_of_none=True), mine, other, *signals, *odd) == [
        mine,
        *signals,
        *odd,
    ]


def test_a_wall_clock_that_is_set_back_keeps_no_item_in_the_window():
    told: list[float] = []
    items: Subject[str] = Subject()
    subscription = items.pipe(rate(0.001, every=0.005, scheduler=SetBack())).subscribe(told.append)
    items.on_next("x")
    until(lambda: told and told[-1] == 0)
    subscription.dispose()
