"""A stream, recorded: everything once, also after a crash, and nobody held up by it."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject

import ctfy_rx
from ctfy_rx import EventStream, demo, replay
from ctfy_rx import operators as op
from ctfy_rx.delivery.receipts import Receipt, Receipts
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import (
    BadRecording,
    BufferOverflow,
    ConnectionFailed,
    HttpError,
    RecordingFailed,
    StreamClosed,
)
from ctfy_rx.recording.lines import Header, to_line
from ctfy_rx.recording.recorder import Recorder

from ..support.children import Child
from ..support.servers import Peer, Server
from ..support.threads import started
from ..support.waiting import PATIENCE, until
from .files import ENDINGS, event, text_of, written


def ids(path: Path) -> list[int | None]:
    """The log ids that are in the file so far."""
    if not path.exists() or not path.stat().st_size:
        return []
    return [each.log_id for each in replay(path, speed=None) if each.log_id is not None]


@pytest.fixture
def stream(p: Platform) -> Iterator[EventStream]:
    with ctfy_rx.events(p.url, token=p.admin_token) as live:
        yield live


@pytest.mark.parametrize("name", ENDINGS)
def test_what_happens_is_recorded_until_it_is_stopped(p: Platform, stream: EventStream, tmp_path: Path, name):
    path = tmp_path / name
    with stream.record(path) as recording:
        p.wait_for_connections(1)
        for challenge in range(4):
            p.solve(team=0, challenge=challenge)
        p.announce("over")
        until(lambda: ids(path) == [int(row.id) for row in p.rows])
        until(lambda: recording.events > len(p.rows))
        assert not recording.is_over
    assert recording.is_over
    assert ids(path) == [int(row.id) for row in p.rows]
    header, *lines = map(json.loads, text_of(path).splitlines())
    assert header["ctfy_rx_recording"] == 1
    assert header["platform_version"] == "0.7.0"
    assert header["source"] == f"{p.url}/api/v1/events"
    first = next(line for line in lines if line["event"] == "flag_correct")
    assert first["origin"] == "log"
    assert first["team_name"] == p.teams[0].name
    assert first["data"]["challenge_fully_solved"]
    assert {line["origin"] for line in lines} == {"log", "live"}
    assert p.admin_token not in text_of(path).decode()


def test_it_ends_with_its_stream_and_all_is_written(p: Platform, stream: EventStream, tmp_path: Path):
    recording = stream.record(tmp_path / "day1.jsonl", every=60.0)
    with ctfy_rx.to_iter(stream) as items:
        p.wait_for_connections(1)
        p.solve(team=0, challenge=0)
        heard = next(items)
    stream.close()
    assert recording.wait(PATIENCE)
    assert to_line(heard) in (tmp_path / "day1.jsonl").read_bytes()


def test_recording_a_replay_gives_the_same_file(p: Platform, stream: EventStream, tmp_path: Path):
    path, copy, tee = tmp_path / "day1.jsonl", tmp_path / "copy.jsonl", tmp_path / "tee.jsonl"
    with stream.record(path):
        p.wait_for_connections(1)
        p.solve(team=0, challenge=0)
        p.announce("over")
        until(lambda: ids(path))
    assert replay(path, speed=None).record(copy).wait(PATIENCE)
    list(ctfy_rx.to_iter(replay(path, speed=None).pipe(op.record(tee, waits=True))))
    assert path.read_bytes() == copy.read_bytes() == tee.read_bytes()


def test_a_file_that_is_gone_on_with_gets_what_happened_meanwhile(p: Platform, tmp_path: Path):
    path = tmp_path / "day1.jsonl"
    for number in range(3):
        with ctfy_rx.events(p.url, token=p.admin_token) as stream, stream.record(path):
            until(lambda number=number, p=p: p.opened == number + 1)
            p.solve(team=number, challenge=0)
            until(lambda path=path, p=p: ids(path) == [int(row.id) for row in p.rows])
        for _ in range(2):
            p.wrong(team=0, challenge=1)  # nobody listens
    assert ids(path) == sorted(set(ids(path)))


def test_with_names_a_file_is_gone_on_with_too_and_what_happened_meanwhile_has_its_names(
    p: Platform, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "day1.jsonl"
    for number in range(3):
        with ctfy_rx.events(p.url, token=p.admin_token) as stream, stream.named().record(path):
            until(lambda number=number, p=p: p.opened == number + 1)
            p.solve(team=number, challenge=0)
            until(lambda path=path, p=p: ids(path) == [int(row.id) for row in p.rows])
        p.wrong(team=0, challenge=number)  # nobody listens
    titles = {challenge.id: challenge.name for challenge in p.challenges}
    for each in replay(path, speed=None).of_event("flag_*"):
        assert each.challenge_name == titles[each.data["challenge_id"]]
    assert "lacks what happened" not in caplog.text


def test_the_log_recorded_again_adds_what_is_new(p: Platform, tmp_path: Path):
    path = tmp_path / "log.jsonl"
    for challenge in range(3):
        p.solve(team=0, challenge=challenge)
        assert ctfy_rx.history(p.url, token=p.admin_token).record(path).wait(PATIENCE)
        assert ids(path) == [int(row.id) for row in p.rows]


def test_where_the_log_cannot_be_read_it_says_what_is_missing(p: Platform, tmp_path: Path, caplog):
    path = written(tmp_path / "day1.jsonl", event(1))
    with ctfy_rx.events(p.url, anonymous_ok=True) as stream, stream.record(path):
        until(lambda: "day1.jsonl lacks what happened after 1@" in caplog.text)


@pytest.mark.parametrize("derived", ["solves", "competition"])
def test_a_derived_stream_says_that_its_recording_has_a_hole(
    p: Platform, tmp_path: Path, caplog, derived: str
):
    path = written(tmp_path / "day1.jsonl", event(1))
    competition = "7" if derived == "competition" else None
    with ctfy_rx.events(p.url, token=p.admin_token, competition=competition) as stream:
        assert not caplog.records
        (stream if competition else stream.solves()).record(path).stop()
    [record] = [each for each in caplog.records if "lacks what happened after" in each.getMessage()]
    assert (record.name, record.levelno) == ("ctfy_rx", logging.WARNING)
    assert "day1.jsonl lacks what happened after 1@" in record.getMessage()


RECORDER = """
    import sys
    import ctfy_rx

    url, token, path = sys.argv[1:]
    stream = ctfy_rx.events(url, token=token)
    stream.record(path, every=0.05)
    stream.wait()
"""


@pytest.mark.parametrize("name", ENDINGS)
def test_a_recorder_that_is_killed_time_and_again_leaves_no_hole(p: Platform, tmp_path: Path, name: str):
    path = tmp_path / name
    command = [sys.executable, "-c", textwrap.dedent(RECORDER), p.url, p.admin_token, str(path)]
    for number in range(2):
        before = len(ids(path)) if number else 0
        with Child(command, stderr=subprocess.DEVNULL) as recorder:
            until(lambda number=number: p.opened > number)
            p.solve(team=number, challenge=0)
            until(lambda before=before: len(ids(path)) > before)
            first = len(ids(path))
            for challenge in range(1, 4):
                p.solve(team=number, challenge=challenge)
            until(lambda first=first: len(ids(path)) > first)  # written after the header, not with it
            recorder.send_signal(signal.SIGKILL)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 3)  # as if it had been in the middle of it
        p.wrong(team=0, challenge=0)
    with ctfy_rx.events(p.url, token=p.admin_token) as stream, stream.record(path):
        until(lambda: ids(path) == [int(row.id) for row in p.rows])


def test_a_script_that_just_ends_has_written_everything(tmp_path: Path):
    path = tmp_path / "day1.jsonl"
    code = f"""
        import ctfy_rx
        from reactivex.subject import Subject

        events = Subject()
        ctfy_rx.EventStream.over(events).record({str(path)!r}, every=60.0)
        for number in range(100):
            events.on_next(ctfy_rx.Event("x", "1", received=number))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    assert len(list(replay(path, speed=None))) == 100


def test_a_forked_child_of_who_records_ends_and_writes_nothing(tmp_path: Path):
    path, tee = tmp_path / "day1.jsonl", tmp_path / "tee.jsonl"
    code = f"""
        import os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of each fork with threads
        import ctfy_rx
        from ctfy_rx import operators as op
        from reactivex.subject import Subject

        events = Subject()
        recording = ctfy_rx.EventStream.over(events).record({str(path)!r}, every=60.0)
        teed = Subject()
        subscription = teed.pipe(op.record({str(tee)!r}, every=60.0)).subscribe()
        for source in (events, teed):
            source.on_next(ctfy_rx.Event("parent", "1"))
        child = os.fork()
        if not child:
            for source in (events, teed):
                source.on_next(ctfy_rx.Event("child", "1"))
            subscription.dispose()
            recording.stop()
            sys.exit()  # as multiprocessing's children do not, but those of any os.fork
        assert os.waitpid(child, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=PATIENCE)
    for written_by in (path, tee):
        assert [each.event for each in replay(written_by, speed=None)] == ["parent"]


def test_a_file_that_somebody_else_records_is_refused_at_once(stream: EventStream, tmp_path: Path):
    with stream.record(tmp_path / "day1.jsonl"):
        with pytest.raises(RecordingFailed, match="somebody else records it now"):
            stream.record(tmp_path / "day1.jsonl")
        stream.record(tmp_path / "other.jsonl").stop()


def test_what_cannot_begin_raises_at_once(stream: EventStream, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadRecording):
        stream.record(tmp_path / "notes.txt")
    stream.close()
    with pytest.raises(StreamClosed):
        stream.record(tmp_path / "day1.jsonl")
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_a_lost_file_ends_the_recording_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    heard: list[Any] = []
    stream.subscribe(heard.append)
    recording = stream.record(tmp_path / "day1.jsonl", every=0.01)
    source.on_next(event(0))
    until(lambda: recording.events == 1)
    (tmp_path / "day1.jsonl").rename(tmp_path / "moved.jsonl")
    source.on_next(event(1))
    with pytest.raises(RecordingFailed, match="moved or deleted meanwhile; 1 events are in it"):
        recording.wait(PATIENCE)
    source.on_next(event(2))
    assert len(heard) == 3
    assert ids(tmp_path / "moved.jsonl") == [0]
    until(lambda: "the recording into" in caplog.text)


def test_the_failure_of_its_stream_is_that_of_the_recording(tmp_path: Path):
    failing: reactivex.Observable[Any] = reactivex.throw(ConnectionFailed("the line is dead"))
    recording = EventStream.over(failing).record(tmp_path / "day1.jsonl")
    with pytest.raises(ConnectionFailed, match="the line is dead"):
        recording.wait(PATIENCE)
    assert "failed: the line is dead" in repr(recording)


def test_ended_by_with_it_raises_what_it_failed_with(tmp_path: Path):
    failing: reactivex.Observable[Any] = reactivex.throw(ConnectionFailed("the line is dead"))
    with (
        pytest.raises(ConnectionFailed),
        EventStream.over(failing).record(tmp_path / "day1.jsonl") as recording,
    ):
        until(lambda: recording.is_over)


def test_whatever_happens_to_the_recorder_it_has_failed_and_let_go_of_the_file(tmp_path: Path):
    def broken() -> Header:
        raise ZeroDivisionError("no header")

    failures: list[Exception] = []
    recorder = Recorder(tmp_path / "day1.jsonl", broken, on_failure=failures.append)
    recorder.start()
    assert recorder.wait(PATIENCE)
    assert isinstance(recorder.error, RecordingFailed)
    assert "ZeroDivisionError: no header" in str(recorder.error)
    assert isinstance(recorder.error.__cause__, ZeroDivisionError)
    until(lambda: failures == [recorder.error])
    EventStream.over(reactivex.empty()).record(tmp_path / "day1.jsonl").wait(PATIENCE)  # it is not locked


@pytest.mark.parametrize("there", [False, True], ids=["new", "gone on with"])
def test_stopped_before_its_stream_opened_it_does_not_wait_for_a_silent_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
):
    for question in ("connection.rest._READ_TIMEOUT", "platform.whole_log._PATIENCE"):
        monkeypatch.setattr(f"ctfy_rx.{question}", 600.0)
    path = tmp_path / "day1.jsonl"
    if there:
        written(path, event(1))
    with Server(Peer.stay) as server, ctfy_rx.events(server.url, token="pt_x", idle_timeout=600.0) as stream:
        recording = stream.record(path)
        threading.Thread(target=recording.stop, daemon=True).start()
        is_over = recording.wait(PATIENCE)
    assert is_over
    assert ids(path) == [1] * there


class Silent:
    """A question whose answer does not come before the test is over."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.over = threading.Event()

    def __call__(self, _since: str = "") -> Any:
        self.asked.set()
        self.over.wait()
        return ()


@pytest.fixture
def silent() -> Iterator[Silent]:
    question = Silent()
    yield question
    question.over.set()


def test_a_log_that_asks_for_time_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[float | None] = []

    class Noted:
        def delay(self, _: int, *, retry_after: float | None = None) -> float:
            asked.append(retry_after)
            return 0.0

    answers = iter([HttpError("busy", status=503, retry_after=20.0), ConnectionFailed("lost")])

    def earlier(_: str) -> Any:
        for error in answers:
            raise error
        return [event(2)]

    monkeypatch.setattr("ctfy_rx.recording.recorder.Backoff", Noted)
    path = written(tmp_path / "day1.jsonl", event(1))
    recorder = Recorder(path, lambda: Header.now("test"), earlier=earlier)
    recorder.start()
    until(lambda: ids(path) == [1, 2])
    recorder.end()
    assert recorder.wait(PATIENCE)
    assert asked == [20.0, None]


def test_the_end_does_not_wait_for_the_log_and_nothing_is_missing_the_next_time(
    tmp_path: Path, silent: Silent
):
    path = written(tmp_path / "day1.jsonl", event(1))
    recorder = Recorder(path, lambda: Header.now("test"), earlier=silent)
    recorder.start()
    assert silent.asked.wait(PATIENCE)
    recorder.end()
    assert recorder.wait(PATIENCE)
    assert recorder.error is None
    again = Recorder(path, lambda: Header.now("test"), earlier=lambda _: [event(2), event(3)])
    again.start()
    until(lambda: again.tape.events == 2)
    again.finish()
    assert ids(path) == [1, 2, 3]


def test_what_came_is_written_though_the_log_does_not_answer_and_the_hole_is_said(
    tmp_path: Path, silent: Silent, caplog: pytest.LogCaptureFixture
):
    path = written(tmp_path / "day1.jsonl", event(1))
    recorder = Recorder(path, lambda: Header.now("test"), earlier=silent)
    recorder.start()
    assert silent.asked.wait(PATIENCE)
    recorder.put(event(5))
    recorder.end()
    assert recorder.wait(PATIENCE)
    assert ids(path) == [1, 5]
    assert "day1.jsonl lacks what happened after 1@" in caplog.text


def test_a_header_that_does_not_come_does_not_keep_what_never_opened(tmp_path: Path, silent: Silent):
    recorder = Recorder(tmp_path / "day1.jsonl", silent, is_open=lambda: False)
    recorder.start()
    recorder.end()
    assert recorder.wait(PATIENCE)
    assert recorder.error is None
    assert list(replay(tmp_path / "day1.jsonl", speed=None)) == []


class Stuck:
    """A header that does not come, and so a recorder that writes nothing."""

    def __init__(self) -> None:
        self.comes = threading.Event()

    def __call__(self) -> Header:
        assert self.comes.wait(PATIENCE)
        return Header.now("test")


def test_a_live_source_that_a_stuck_disk_cannot_follow_ends_the_recording(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("ctfy_rx.recording.recorder.DEFAULT_BUFFER", 10)
    stuck = Stuck()
    recorder = Recorder(tmp_path / "day1.jsonl", stuck)
    recorder.start()
    for number in range(12):
        recorder.put(event(number))
    stuck.comes.set()
    assert recorder.wait(PATIENCE)
    assert isinstance(recorder.error, BufferOverflow)
    assert ids(tmp_path / "day1.jsonl") == list(range(10))


def test_a_source_that_waits_is_held_up_and_nothing_is_lost(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("ctfy_rx.recording.recorder.DEFAULT_BUFFER", 10)
    stuck = Stuck()
    recorder = Recorder(tmp_path / "day1.jsonl", stuck, waits=True)
    recorder.start()
    giving = threading.Thread(target=lambda: [recorder.put(event(number)) for number in range(500)])
    giving.start()
    stuck.comes.set()
    giving.join(PATIENCE)
    recorder.finish()
    assert ids(tmp_path / "day1.jsonl") == list(range(500))


def test_the_tee_passes_on_what_it_records_and_has_one_writer(tmp_path: Path):
    source: Subject[Any] = Subject()
    teed = source.pipe(op.record(tmp_path / "day1.jsonl"))
    heard: list[Any] = []
    ends: list[str] = []
    for name in ("first", "second"):
        teed.subscribe(heard.append, on_completed=lambda name=name: ends.append(name))
    source.on_next(event(0))
    source.on_completed()
    assert [each.log_id for each in heard] == [0, 0]
    assert ends == ["first", "second"]
    assert ids(tmp_path / "day1.jsonl") == [0]


def test_the_tee_fails_where_it_cannot_record(tmp_path: Path):
    errors: list[Exception] = []
    reactivex.never().pipe(op.record(tmp_path / "no" / "day1.jsonl")).subscribe(on_error=errors.append)
    assert isinstance(errors[0], RecordingFailed)


def test_the_tee_of_what_cannot_be_subscribed_lets_go_of_the_file(tmp_path: Path, stream: EventStream):
    stream.close()
    errors: list[Exception] = []
    stream.pipe(op.record(tmp_path / "day1.jsonl")).subscribe(on_error=errors.append)
    assert [type(each) for each in errors] == [StreamClosed]
    EventStream.over(reactivex.of(event(0))).record(tmp_path / "day1.jsonl").wait(PATIENCE)
    assert ids(tmp_path / "day1.jsonl") == [0]


def test_the_tee_fails_as_its_source_does_with_all_written(tmp_path: Path):
    errors: list[Exception] = []
    source = reactivex.concat(reactivex.of(event(0)), reactivex.throw(ConnectionFailed("gone")))
    source.pipe(op.record(tmp_path / "day1.jsonl", every=60.0)).subscribe(on_error=errors.append)
    assert [str(each) for each in errors] == ["gone"]
    assert ids(tmp_path / "day1.jsonl") == [0]


def test_left_by_all_the_tee_closes_the_file(tmp_path: Path):
    source: Subject[Any] = Subject()
    subscription = source.pipe(op.record(tmp_path / "day1.jsonl", every=60.0)).subscribe()
    source.on_next(event(0))
    subscription.dispose()
    assert ids(tmp_path / "day1.jsonl") == [0]
    assert not started("ctfy_rx recorder")


class Acknowledging:
    """A source that is told what becomes of its events, as a durable one of a broker is."""

    def __init__(self) -> None:
        self.events: Subject[Any] = Subject()
        self.receipts = Receipts()
        self.settled: list[tuple[int, bool]] = []
        self.header = Stuck()
        self.stream = EventStream.over(self.events, receipts=self.receipts, header=self.header)

    def give(self, number: int) -> None:
        receipt = Receipt(lambda well: self.settled.append((number, well)))
        self.receipts.deliver(receipt, lambda: self.events.on_next(event(number)))


@pytest.mark.parametrize("way", ["record", "tee"])
def test_an_event_is_acknowledged_when_it_is_in_the_file(tmp_path: Path, way: str):
    source, path = Acknowledging(), tmp_path / "day1.jsonl"
    if way == "record":
        ends: Callable[[], object] = source.stream.record(path, every=60.0).stop
    else:
        ends = source.stream.pipe(op.record(path, every=60.0)).subscribe().dispose
    source.give(0)
    source.give(1)
    assert source.settled == []
    source.header.comes.set()
    ends()
    assert source.settled == [(0, True), (1, True)]
    assert ids(path) == [0, 1]


def test_many_that_wait_to_be_acknowledged_are_written_sooner(tmp_path: Path):
    source = Acknowledging()
    source.header.comes.set()
    with source.stream.record(tmp_path / "day1.jsonl", every=600.0):
        for number in range(512):
            source.give(number)
        until(lambda: len(source.settled) >= 256)
    assert source.settled == [(number, True) for number in range(512)]


def test_an_event_that_cannot_be_written_is_not_acknowledged(tmp_path: Path):
    source, path = Acknowledging(), tmp_path / "day1.jsonl"
    source.header.comes.set()
    recording = source.stream.record(path, every=60.0)
    until(lambda: path.stat().st_size)
    path.rename(tmp_path / "moved.jsonl")
    source.give(0)
    recording.stop()
    assert source.settled == [(0, False)]
    assert isinstance(recording.error, RecordingFailed)


def test_with_fsync_the_disk_is_asked_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []
    monkeypatch.setattr(os, "fsync", asked.append)
    with EventStream.over(reactivex.of(event(0))).record(tmp_path / "day1.jsonl", fsync=True) as recording:
        recording.wait(PATIENCE)
    assert asked


def test_what_was_mended_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = written(tmp_path / "day1.jsonl", event(0), torn=b'{"event":')
    EventStream.over(reactivex.empty()).record(path).wait(PATIENCE)
    [record] = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert record.getMessage() == (
        "day1.jsonl ended in the middle of an event (9 bytes of it were cut off); it goes on after it"
    )


def test_the_last_events_are_kept_also_those_of_a_derived_stream(p: Platform):
    with ctfy_rx.events(p.url, token=p.admin_token, keep=4) as stream:
        heard: list[Any] = []
        stream.subscribe(heard.append)
        p.wait_for_connections(1)
        for challenge in range(3):
            p.wrong(team=0, challenge=challenge)
            p.solve(team=0, challenge=challenge)
        until(lambda: len([each for each in heard if each.log_id]) == 6)
        until(lambda: stream.recent()[-1] is heard[-1])
        assert list(stream.recent()) == heard[-4:]
        assert list(stream.recent(2)) == heard[-2:]
        assert stream.recent(0) == ()
        kept = [each for each in heard[-4:] if each.event == "flag_correct"]
        assert list(stream.solves().recent()) == kept
    assert len(stream.recent()) == 4


def test_where_nothing_is_kept_recent_says_what_to_write(p: Platform, stream: EventStream):
    with pytest.raises(ctfy_rx.ConfigurationError, match=r"events\(\.\.\., keep=1000\)"):
        stream.recent()


def test_the_demo_contest_is_recorded_whole(tmp_path: Path):
    with demo.platform(contest=True, speed=3600 * 3) as platform:
        stream = ctfy_rx.events(platform.url, token=platform.admin_token, since="start")
        with stream, stream.record(tmp_path / "day1.jsonl.gz"):
            assert platform.wait_for_contest(PATIENCE)
            until(lambda: ids(tmp_path / "day1.jsonl.gz") == [int(row.id) for row in platform.rows])


def test_what_was_made_here_and_did_not_happen_is_not_recorded(tmp_path: Path):
    path = tmp_path / "day1.jsonl"
    events = (
        ctfy_rx.Event("scoreboard_updated", "{}", origin="local"),
        ctfy_rx.Event("scoreboard_updated", "{}", received=1.0),
    )
    with EventStream.over(reactivex.of(*events)).record(path) as recording:
        recording.wait()
    assert [event.recorded for event in ctfy_rx.replay(path, speed=None)] == ["live"]
