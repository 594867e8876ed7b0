"""From the broker to an app: the same stream as `ctfy_rx.events`, filtered by the broker, from where one
likes, and acknowledged when it is done with."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import nats
import pytest

import ctfy_rx
from ctfy_rx import Event
from ctfy_rx.catalogue import FlagCorrect
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.relay.messages import encode, message_id, subject
from ctfy_rx.relay.threads import OnThreads
from ctfy_rx.status import Open, Waiting
from ctfy_rx.threads.loops import LoopScheduler

from ..support.threads import started
from ..support.waiting import PATIENCE, soon, until

QUICK = {"initial": 0.05, "maximum": 0.2}


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch):
    """An event on which somebody raised comes again at once."""
    monkeypatch.setattr("ctfy_rx.relay.in_flight._LONGEST_DELAY", 0.05)


def event(number: int, name: str = "flag_correct", competition: str = "spring") -> Event:
    data = f'{{"challenge_id":"c{number}","competition_id":"{competition}"}}'
    return Event(name, data, received=1.0, origin="log", log_id=number, logged=float(number))


async def published(url: str, events: list[Event]) -> None:
    client = await nats.connect(url)
    js = client.jetstream()
    await js.add_stream(name="CTFY", subjects=["ctfy.events.>"], duplicate_window=7200.0)
    for each in events:
        await js.publish(subject(each), encode(each), headers={"Nats-Msg-Id": message_id(each)})
    await client.close()


def publish(broker, *events: Event) -> None:
    """Publish them as a relay does."""
    asyncio.run(published(broker.url, list(events)))


def consumers(broker) -> dict[str, object]:
    """What the broker says of its consumers, by name."""

    async def ask():
        client = await nats.connect(broker.url)
        found = await client.jetstream().consumers_info("CTFY")
        await client.close()
        return {each.name: each for each in found}

    return asyncio.run(ask())


def read(broker, count: int, **options) -> list[int | None]:
    with ctfy_rx.from_nats(broker.url, **QUICK, **options) as stream:
        return [each.log_id for each in stream.take(count)]


def test_an_iterator_gives_the_events_from_the_start(broker):
    publish(broker, *map(event, range(1, 6)))
    assert read(broker, 5, since="start") == [1, 2, 3, 4, 5]


async def test_an_async_iterator_gives_them_on_its_own_loop_without_a_thread(broker):
    await published(broker.url, list(map(event, range(1, 6))))
    async with ctfy_rx.from_nats(broker.url, since="start") as stream:
        got = [each.log_id async for each in stream.take(5)]
        assert not started()
    assert got == [1, 2, 3, 4, 5]


def test_it_begins_at_a_sequence_or_a_time(broker):
    publish(broker, event(1), event(2))
    assert until(lambda: time.time() % 1 < 0.5)
    between = datetime.now(UTC)
    publish(broker, event(3), event(4))
    assert read(broker, 3, sequence=2) == [2, 3, 4]
    assert read(broker, 2, since=between) == [3, 4]


def test_without_a_beginning_it_begins_now(broker):
    publish(broker, event(1))
    got = []
    with ctfy_rx.from_nats(broker.url, **QUICK) as stream:
        stream.subscribe(got.append)
        assert until(lambda: isinstance(stream.status.current, Open))
        publish(broker, event(2))
        assert until(lambda: got)
    assert [each.log_id for each in got] == [2]


def test_at_the_original_pace_the_pauses_are_kept(broker):
    publish(broker, event(1))
    time.sleep(0.5)  # the pause that is published
    publish(broker, event(2))
    began = time.monotonic()
    with ctfy_rx.from_nats(broker.url, since="start", pace="original") as stream:
        assert len(list(stream.take(2))) == 2
    assert time.monotonic() - began > 0.4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"events": "flag_wrong"}, [2, 5]),
        ({"events": FlagCorrect}, [1, 3]),
        ({"events": ["flag_wrong", "achievement_unlocked"]}, [2, 4, 5]),
        ({"events": "flag_*"}, [1, 2, 3, 5]),
        ({"competition": "autumn"}, [3, 5]),
        ({"events": "flag_wrong", "competition": "autumn"}, [5]),
    ],
)
def test_only_what_is_asked_for_comes(broker, options, expected):
    publish(
        broker,
        event(1),
        event(2, "flag_wrong"),
        event(3, competition="autumn"),
        event(4, "achievement_unlocked"),
        event(5, "flag_wrong", competition="autumn"),
    )
    assert read(broker, len(expected), since="start", **options) == expected


def test_one_name_is_filtered_by_the_broker(broker):
    publish(broker, event(1), event(2, "flag_wrong"))
    with ctfy_rx.from_nats(broker.url, events="flag_wrong", since="start") as stream:
        stream.connect()
        assert until(lambda: stream.stats.events == 1)
        (consumer,) = consumers(broker).values()
    assert consumer.config.filter_subject == "ctfy.events.flag_wrong.*"
    assert consumer.delivered.stream_seq == 2
    assert consumer.delivered.consumer_seq == 1


def test_after_a_restart_of_the_broker_it_goes_on_where_it_was(broker):
    publish(broker, event(1), event(2))
    got, told = [], []
    with ctfy_rx.from_nats(broker.url, since="start", **QUICK) as stream:
        stream.status.subscribe(told.append)
        stream.subscribe(got.append)
        assert until(lambda: len(got) == 2)
        broker.kill()
        assert until(lambda: isinstance(stream.status.current, Waiting))
        broker.start()
        publish(broker, event(3))
        assert until(lambda: len(got) == 3)
    assert [each.log_id for each in got] == [1, 2, 3]


def test_a_stream_that_is_not_there_yet_is_waited_for(broker):
    got = []
    with ctfy_rx.from_nats(broker.url, since="start", **QUICK) as stream:
        stream.subscribe(got.append)
        assert until(lambda: "there is no stream CTFY yet" in str(stream.status.current))
        publish(broker, event(1))
        assert until(lambda: got)


def test_a_durable_consumer_goes_on_where_it_stopped(broker):
    publish(broker, *map(event, range(1, 4)))
    got = []
    with ctfy_rx.from_nats(broker.url, since="start", durable="bot") as stream:
        stream.subscribe(got.append)
        assert until(lambda: len(got) == 3 and consumers(broker)["bot"].ack_floor.stream_seq == 3)
    assert until(lambda: not consumers(broker)["bot"].num_waiting)  # or the one that left is sent an event
    publish(broker, *map(event, range(4, 7)))
    assert read(broker, 3, since="start", durable="bot") == [4, 5, 6]


def test_an_event_is_acknowledged_when_its_subscriber_has_returned_and_not_before(broker):
    publish(broker, event(1))
    may_return = threading.Event()
    with ctfy_rx.from_nats(broker.url, since="start", durable="bot") as stream:
        stream.subscribe(lambda _: may_return.wait())
        assert until(lambda: consumers(broker).get("bot") and consumers(broker)["bot"].num_ack_pending == 1)
        may_return.set()
        assert until(lambda: consumers(broker)["bot"].num_ack_pending == 0)


def test_an_event_on_which_a_subscriber_raised_comes_again(broker, caplog):
    publish(broker, event(1), event(2))
    got = []

    def fail_once(each):
        got.append(each.log_id)
        if got.count(1) == 1 and each.log_id == 1:
            raise RuntimeError("the database is locked")

    with ctfy_rx.from_nats(broker.url, since="start", durable="bot") as stream:
        stream.subscribe(fail_once)
        assert until(lambda: got == [1, 2, 1])
    assert "the database is locked" in caplog.text


def test_a_loop_is_done_with_an_event_when_it_asks_for_the_next(broker):
    publish(broker, event(1), event(2))
    with ctfy_rx.from_nats(broker.url, since="start", durable="bot", ack_wait=1) as stream:
        for each in stream:
            if each.log_id == 2:
                break  # in the midst of it
        del each
    assert until(lambda: consumers(broker)["bot"].ack_floor.stream_seq == 1)
    assert read(broker, 1, durable="bot") == [2]


async def test_each_acknowledges_after_its_handler(broker):
    await published(broker.url, [event(1), event(2)])
    got = []

    async def handler(each):
        await asyncio.sleep(0)
        got.append(each.log_id)
        if each.log_id == 2:
            raise RuntimeError

    async with ctfy_rx.from_nats(broker.url, since="start", durable="bot") as stream:
        with pytest.raises(RuntimeError):
            await stream.each(handler)
    async with ctfy_rx.from_nats(broker.url, durable="bot") as stream:
        again = await stream.next_event(timeout=PATIENCE)
    assert (got, again.log_id) == ([1, 2], 2)


@pytest.mark.parametrize("durable", [None, "bot"])
def test_what_still_comes_when_a_loop_has_ended_does_not_hold_up_the_end(broker, monkeypatch, durable):
    deliver = OnThreads._deliver

    def deliver_and_wait(work: OnThreads, *what) -> None:
        deliver(work, *what)
        until(lambda: work._disposed)

    monkeypatch.setattr(OnThreads, "_deliver", deliver_and_wait)
    monkeypatch.setattr("ctfy_rx.relay.reading._PARTING", 10 * PATIENCE)
    publish(broker, *(event(number) for number in range(1, 50)))
    assert read(broker, 1, since="start", durable=durable) == [1]
    assert until(lambda: not started())


@pytest.mark.parametrize("durable", [None, "bot"])
async def test_what_still_comes_when_everybody_has_gone_does_not_hold_up_the_end(
    broker, monkeypatch, durable
):
    monkeypatch.setattr("ctfy_rx.relay.reading._PARTING", 10 * PATIENCE)
    await published(broker.url, [event(number) for number in range(1, 50)])
    before = asyncio.all_tasks()
    stream, got = ctfy_rx.from_nats(broker.url, since="start", durable=durable), []
    gone = stream.take(1).subscribe(got.append, scheduler=LoopScheduler(asyncio.get_running_loop()))
    await soon(lambda: got and asyncio.all_tasks() <= before)
    gone.dispose()
    assert [each.log_id for each in got] == [1]


def test_workers_share_one_durable_consumer(broker):
    publish(broker, event(0))
    got = [], []
    streams = [ctfy_rx.from_nats(broker.url, durable="workers", since="start") for _ in got]
    for stream, mine in zip(streams, got, strict=True):
        stream.subscribe(mine.append)
        assert until(lambda stream=stream: isinstance(stream.status.current, Open))
    publish(broker, *map(event, range(1, 201)))
    assert until(lambda: len(got[0]) + len(got[1]) == 201)
    for stream in streams:
        stream.close()
    assert sorted(each.log_id for each in got[0] + got[1]) == list(range(201))


def test_a_slow_subscriber_keeps_its_events_and_is_not_given_them_twice(broker):
    publish(broker, event(1), event(2))
    got = []

    def slowly(each):
        got.append(each.log_id)
        time.sleep(1.5)  # longer than ack_wait

    with ctfy_rx.from_nats(broker.url, since="start", durable="bot", ack_wait=1.0) as stream:
        stream.subscribe(slowly)
        assert until(
            lambda: consumers(broker).get("bot") and consumers(broker)["bot"].ack_floor.stream_seq == 2
        )
    assert got == [1, 2]


def test_what_waits_behind_a_steady_subscriber_is_not_given_to_another_worker(broker):
    publish(broker, *map(event, range(1, 17)))
    got: list[int | None] = []

    def steadily(each):
        got.append(each.log_id)
        time.sleep(0.25)  # less than a third of ack_wait: something is acknowledged all the time

    with ExitStack() as stack:
        for _ in range(2):
            stream = ctfy_rx.from_nats(broker.url, since="start", durable="bot", ack_wait=1.0, **QUICK)
            stack.enter_context(stream).subscribe(steadily)
            assert until(lambda: got)  # the first one has all in hand before the other comes
        assert until(lambda: consumers(broker)["bot"].ack_floor.stream_seq == 16)
    assert sorted(got) == list(range(1, 17))


def test_no_more_is_asked_for_than_a_slow_consumer_can_hold(broker):
    publish(broker, *map(event, range(1, 3001)))
    with ctfy_rx.from_nats(broker.url, since="start") as stream:
        items = iter(stream)
        assert until(lambda: stream.stats.events == 1024)
        (consumer,) = consumers(broker).values()
        assert consumer.delivered.stream_seq == 1024
        assert [next(items).log_id for _ in range(3000)] == list(range(1, 3001))
    assert stream.stats.drops == 0


def test_a_durable_for_other_events_is_refused(broker):
    publish(broker, event(1))
    assert read(broker, 1, since="start", durable="bot", events="flag_correct") == [1]
    with (
        ctfy_rx.from_nats(broker.url, durable="bot", events="flag_wrong") as stream,
        pytest.raises(ConfigurationError, match="for other events"),
    ):
        next(iter(stream))


def test_a_message_that_is_no_event_is_a_value(broker):
    publish(broker, event(1))

    async def disturb():
        client = await nats.connect(broker.url)
        await client.jetstream().publish("ctfy.events.note.spring", b"no event")
        await client.close()

    asyncio.run(disturb())
    with ctfy_rx.from_nats(broker.url, since="start") as stream:
        _, note = stream.take(2)
    assert (note.event, note.data, note.log_id) == ("note", "no event", None)


def test_with_log_id_and_time_as_key_a_database_makes_it_exactly_once(broker, tmp_path):
    publish(broker, *map(event, range(1, 21)))
    file = tmp_path / "events.sqlite"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "CREATE TABLE solves (log_id INT, at TEXT, challenge TEXT, PRIMARY KEY (log_id, at))"
        )
    calls = []

    def keep(each):
        calls.append(each.log_id)
        with closing(sqlite3.connect(file)) as database, database:
            row = each.log_id, each.at.isoformat(), each.payload.challenge_id
            database.execute("INSERT INTO solves VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)
        if each.log_id == 7 and calls.count(7) == 1:
            raise RuntimeError("the process dies after its commit, before the acknowledgement")

    with ctfy_rx.from_nats(broker.url, since="start", durable="bot") as stream:
        stream.subscribe(keep)
        assert until(lambda: calls.count(7) == 2 and len(set(calls)) == 20)
    with closing(sqlite3.connect(file)) as database, database:
        kept = [number for (number,) in database.execute("SELECT log_id FROM solves ORDER BY log_id")]
    assert kept == list(range(1, 21))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"since": "7@2026-05-01T18:00:00+00:00"}, "since= is a time here"),
        ({"since": "start", "sequence": 1}, "goes without since="),
        ({"sequence": 0}, "1 or more"),
        ({"pace": "slowly"}, "pace must be one of"),
        ({"durable": "a.b"}, "durable= is a name"),
        ({"ack_wait": 0}, "ack_wait is seconds"),
        ({"events": [object()]}, "events= takes names"),
        ({"url": "http://127.0.0.1"}, "this is no address of a broker"),
    ],
)
def test_what_cannot_work_is_refused_at_once(options, says):
    with pytest.raises(ConfigurationError, match=says):
        ctfy_rx.from_nats(**({"url": "nats://127.0.0.1:1"} | options))


def test_where_no_broker_is_the_status_says_why(broker):
    broker.kill()
    with (
        ctfy_rx.from_nats(broker.url, max_attempts=2, **QUICK) as stream,
        pytest.raises(ctfy_rx.ConnectionFailed, match="nats://127"),
    ):
        next(iter(stream))


async def test_a_loop_that_ends_in_the_midst_fails_what_is_left(broker):
    await published(broker.url, [event(1)])
    failures: list[Exception] = []

    def run():
        async def main():
            stream = ctfy_rx.from_nats(broker.url, since="start")
            stream.status.subscribe(failures.append)
            await stream.next_event(timeout=PATIENCE)

        asyncio.run(main())

    await asyncio.to_thread(run)
    assert failures[-1].state == "idle"
