"""The file of a recording: one writer, whole lines, whatever happens to it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ctfy_rx
from ctfy_rx.errors import BadRecording, MissingExtra, RecordingFailed
from ctfy_rx.recording.compression import MEMBER
from ctfy_rx.recording.lines import Header, to_line
from ctfy_rx.recording.writer import Tape

from .files import ENDINGS, event, text_of, written

every_packing = pytest.mark.parametrize("name", ENDINGS)


def filled(path: Path, events: int, *, orderly: bool = True) -> bytes:
    """Write so many events; what the file then holds. Without an orderly end it is what a crash leaves."""
    tape = Tape(path)
    if tape.is_new:
        tape.append(Header.now("test").to_line(), 0)
    for number in range(events):
        tape.append(to_line(event(number)), 1)
    (tape.close if orderly else tape.abandon)()
    return path.read_bytes()


def replayed(path: Path) -> list[int | None]:
    return [each.log_id for each in ctfy_rx.replay(path, speed=None)]


@every_packing
def test_a_recording_is_gone_on_with(tmp_path: Path, name: str):
    path = tmp_path / name
    filled(path, 3)
    tape = Tape(path)
    found = tape.found
    tape.append(to_line(event(3)), 1)
    tape.close()
    assert (found.events, found.cursor, found.mended) == (3, event(2).cursor, False)
    assert text_of(path).count(b"\n") == 5
    assert replayed(path) == [0, 1, 2, 3]


@every_packing
def test_what_was_appended_can_be_read_though_nobody_ended_it(tmp_path: Path, name: str, caplog):
    path = tmp_path / name
    filled(path, 5, orderly=False)
    assert replayed(path) == [0, 1, 2, 3, 4]
    assert ("ends in the middle" in caplog.text) == (name != "day1.jsonl")


@every_packing
def test_a_torn_end_is_mended_wherever_it_is_torn(tmp_path: Path, name: str):
    path = tmp_path / name
    whole = filled(path, 3, orderly=False)
    for cut in range(0, len(whole), 3):
        path.write_bytes(whole[:cut])
        tape = Tape(path)
        before = tape.found.events
        if tape.is_new:
            tape.append(Header.now("test").to_line(), 0)
        tape.append(to_line(event(99)), 1)
        tape.close()
        assert replayed(path) == [*range(before), 99], cut
        assert text_of(path).endswith(to_line(event(99)))


@pytest.mark.parametrize("name", ENDINGS[1:])
def test_of_a_torn_compressed_file_only_the_last_member_is_written_again(tmp_path: Path, name: str):
    path = tmp_path / name
    big = event(0, text='"' + "x" * MEMBER + '"')
    tape = Tape(path)
    tape.append(Header.now("test").to_line(), 0)
    tape.append(to_line(big), 1)  # a member of its own
    size = path.stat().st_size
    tape.append(to_line(event(1)), 1)
    tape.abandon()
    before = path.read_bytes()[:size]
    path.write_bytes(path.read_bytes()[:-2])
    tape = Tape(path)
    tape.close()
    assert tape.found.mended
    assert path.read_bytes()[:size] == before


def test_a_torn_line_is_cut_off_and_counted(tmp_path: Path):
    path = written(tmp_path / "day1.jsonl", event(0), torn=b'{"event":"fl')
    tape = Tape(path)
    tape.close()
    assert (tape.found.cut, tape.found.mended) == (12, True)
    assert path.read_bytes().endswith(to_line(event(0)))


def test_the_last_cursor_is_found_though_live_events_came_after_it(tmp_path: Path):
    live = ctfy_rx.Event("scoreboard_updated", '{"cursor":"none"}', received=1.0)
    tape = Tape(written(tmp_path / "day1.jsonl", event(4), live, live))
    tape.close()
    assert tape.found.cursor == event(4).cursor


@pytest.mark.parametrize("text", [b"hello", b"hello\nworld\n", b"\x1f\x8bno gzip", b"{}\n"])
@every_packing
def test_no_other_file_is_touched(tmp_path: Path, name: str, text: bytes):
    path = tmp_path / name
    path.write_bytes(text)
    with pytest.raises(BadRecording):
        Tape(path)
    assert path.read_bytes() == text


def test_a_file_has_one_writer(tmp_path: Path):
    first = Tape(tmp_path / "day1.jsonl")
    with pytest.raises(RecordingFailed, match="somebody else records it now"):
        Tape(tmp_path / "day1.jsonl")
    first.close()
    Tape(tmp_path / "day1.jsonl").close()


def test_a_writer_in_another_process_is_noticed(tmp_path: Path):
    path = tmp_path / "day1.jsonl"
    tape = Tape(path)
    code = f"from ctfy_rx.recording.writer import Tape; from pathlib import Path; Tape(Path({str(path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    tape.close()
    assert "somebody else records it now" in done.stderr


def test_a_folder_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(RecordingFailed, match="cannot be recorded: No such file or directory"):
        Tape(tmp_path / "nowhere" / "day1.jsonl")


def test_a_file_that_vanished_is_said(tmp_path: Path):
    path = tmp_path / "day1.jsonl"
    tape = Tape(path)
    tape.append(Header.now("test").to_line(), 0)
    path.unlink()
    with pytest.raises(RecordingFailed, match="it was moved or deleted meanwhile; 0 events are in it"):
        tape.append(to_line(event(0)), 1)
    tape.abandon()


@every_packing
def test_on_a_full_disk_what_was_written_is_whole_and_can_be_gone_on_with(tmp_path: Path, name: str):
    path = tmp_path / name
    code = textwrap.dedent(f"""
        import os, resource, sys
        from pathlib import Path
        from ctfy_rx.errors import RecordingFailed
        from ctfy_rx.event import Event
        from ctfy_rx.recording.lines import Header, to_line
        from ctfy_rx.recording.writer import Tape

        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        tape = Tape(Path({str(path)!r}))
        tape.append(Header.now("test").to_line(), 0)
        try:
            for number in range(10_000):
                text = '"' + os.urandom(20).hex() + '"'
                tape.append(to_line(Event("x", text, log_id=number, logged=1.0)), 1)
        except RecordingFailed as error:
            print(tape.events, error)
        tape.abandon()
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    events = int(done.stdout.split()[0])
    assert events > 20
    assert f"File too large; {events} events are in it, and can be read" in done.stdout
    assert path.stat().st_size <= 5000
    assert replayed(path) == list(range(events))
    tape = Tape(path)
    tape.append(to_line(event(events)), 1)
    tape.close()
    assert replayed(path) == list(range(events + 1))


def test_without_its_package_zst_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "backports", None)
    monkeypatch.setitem(sys.modules, "compression", None)
    with pytest.raises(MissingExtra, match=r"ctfy-rx\[zstd\]"):
        Tape(tmp_path / "day1.jsonl.zst")
    assert not list(tmp_path.iterdir())


def test_a_disk_that_refuses_everything_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuses(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    tape = Tape(tmp_path / "day1.jsonl")
    tape.append(Header.now("test").to_line(), 0)
    monkeypatch.setattr(os, "write", refuses)
    monkeypatch.setattr(os, "ftruncate", refuses)
    with pytest.raises(RecordingFailed, match=r"cannot be recorded any further: Input/output error"):
        tape.append(to_line(event(0)), 1)
    tape.abandon()
