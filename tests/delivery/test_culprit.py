"""Whose code it was that raised, read off tracebacks."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import reactivex
from reactivex import operators as ops

import ctfy_rx
from ctfy_rx.delivery import culprit
from ctfy_rx.delivery.culprit import Place, calling_place, is_for_the_program, raised_at, was_heard_by_nobody


def raised(function: Any, *arguments: object) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever it is
        function(*arguments)
    return caught.value


def test_the_users_line_is_the_last_one_that_is_no_librarys():
    def parse(text: str) -> Any:
        return json.loads(text)  # the line

    place = raised_at(raised(parse, "no json"))
    assert place is not None
    assert Path(place.file).name == "test_culprit.py"
    assert place.source == "return json.loads(text)  # the line"
    assert str(place) == f"test_culprit.py:{place.line}: {place.source}"


def test_code_without_a_file_is_told_by_its_line():
    namespace: dict[str, Any] = {}
    exec(compile("\n\ndef fails(_): return 1 / 0", "<stdin>", "exec"), namespace)
    assert str(Place("<stdin>", 3)) == "line 3"
    error = raised(namespace["fails"], 0)
    place = raised_at(error)
    assert place is not None
    assert (place.file, place.line) == ("<stdin>", 3)


@pytest.mark.parametrize("room", ["delivery/hub.py", "operators/where.py", "stream/stream.py", "event.py"])
def test_every_room_of_the_package_is_ours(room: str):
    ours = str(Path(ctfy_rx.__file__).parent / room)
    namespace: dict[str, Any] = {}
    exec(compile("def fails(): raise ValueError", ours, "exec"), namespace)
    place = raised_at(raised(namespace["fails"]))
    assert place is not None
    assert place.file == __file__


def test_a_program_beside_ours_whose_name_begins_alike_is_the_users(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(culprit, "_installed", lambda: ())  # the package itself may be
    beside = f"{Path(ctfy_rx.__file__).parent}_bot.py"
    namespace: dict[str, Any] = {}
    exec(compile("def fails(): raise ValueError", beside, "exec"), namespace)
    place = raised_at(raised(namespace["fails"]))
    assert place is not None
    assert place.file == beside


def test_of_a_program_that_is_installed_the_line_is_shown_at_which_it_was_entered():
    installed = f"{sysconfig.get_path('purelib')}/bot.py"
    namespace: dict[str, Any] = {}
    code = "import json\ndef on_event(_):\n    return json.loads('no json')"
    exec(compile(code, installed, "exec"), namespace)
    error = raised(namespace["on_event"], 0)
    assert error.__traceback__ is not None
    place = raised_at(error.with_traceback(error.__traceback__.tb_next))  # without the test
    assert place == Place(installed, 3)


def test_the_line_that_calls_us_is_the_callers():
    place = calling_place()
    assert place is not None
    assert place.source == "place = calling_place()"


def test_what_reactivexs_default_raises_was_heard_by_nobody():
    def fails(_: object) -> Any:
        raise ValueError

    source: reactivex.Subject[int] = reactivex.Subject()
    source.pipe(ops.map(fails)).subscribe(print)
    assert was_heard_by_nobody(raised(source.on_next, 1))
    source.subscribe(fails)
    assert not was_heard_by_nobody(raised(source.on_next, 1))


def test_what_is_meant_for_the_program():
    assert is_for_the_program(KeyboardInterrupt())
    assert is_for_the_program(SystemExit())
    assert not is_for_the_program(GeneratorExit())
    assert not is_for_the_program(ValueError())
