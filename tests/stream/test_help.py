"""What `help` says is enough to write a program with: each option is there, with its true default."""

from __future__ import annotations

import inspect
import pydoc
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import ctfy_rx
from ctfy_rx import operators as op
from ctfy_rx import status
from ctfy_rx.connection.client_maker import ClientOptions
from ctfy_rx.connection.options import FramesOptions
from ctfy_rx.status import News, Status

STATUSES = [each for each in vars(status).values() if isinstance(each, type) and issubclass(each, Status)]
KINDS = [each for each in STATUSES if each not in {Status, News}]
FURTHER = {ctfy_rx.events: FramesOptions, ctfy_rx.frames: ClientOptions}


def options(function: Callable[..., Any]) -> dict[str, Any]:
    """The own options of `function`, and their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.kind is not each.VAR_KEYWORD}


def helped(thing: object) -> str:
    """What ``help(thing)`` prints, a word after another."""
    return " ".join(pydoc.plain(pydoc.render_doc(thing)).split())


def shown(default: Any) -> str:
    return default.__name__ if callable(default) else repr(default)


@pytest.mark.parametrize("function", FURTHER)
def test_no_option_goes_without_a_word(function: Callable[..., Any]):
    named = set(re.findall(r"`(\w+)`", inspect.getdoc(function) or ""))
    assert {*options(function), *FURTHER[function].__optional_keys__} <= named


@pytest.mark.parametrize("function", FURTHER)
def test_each_default_is_told_as_it_is(function: Callable[..., Any]):
    told = dict(re.findall(r"`(\w+)` = ('[^']*'|[\w.]*\w)", helped(function)))
    assert told == {name: shown(default) for name, default in options(function).items()}


@pytest.mark.parametrize("function", [op.retry_with_backoff, ctfy_rx.history])
def test_who_has_few_options_names_them_in_its_sentences(function: Callable[..., Any]):
    of_events = {"url", "token", "client_factory", "path"} if function is ctfy_rx.history else set()
    named = set(re.findall(r"`(\w+)`", inspect.getdoc(function) or ""))
    assert options(function).keys() - of_events <= named


@pytest.mark.parametrize("kind", KINDS)
def test_the_help_of_a_status_begins_with_each_that_comes_and_what_it_holds(kind: type[Status]):
    fields = ", ".join(field.name for field in msgspec.structs.fields(kind))
    with ctfy_rx.events("http://127.0.0.1:8100") as stream:
        beginning = pydoc.plain(pydoc.render_doc(stream.status)).partition("Method resolution order")[0]
    assert f"`{kind.__name__}({fields})`" in beginning


def test_the_help_of_a_status_ends_before_the_methods_of_every_observable_and_says_where_they_are():
    with ctfy_rx.events("http://127.0.0.1:8100") as stream:
        said = pydoc.plain(pydoc.render_doc(stream.status)).strip()
        methods = helped(type(stream.status))
    assert said.endswith("help(type(stream.status)) goes on with all its methods.")
    assert len(said.splitlines()) < 60
    assert "map(self, mapper" in methods


@pytest.mark.parametrize("kind", KINDS)
def test_the_help_of_the_property_names_each_status(kind: type[Status]):
    assert f"`{kind.__name__}`" in (inspect.getdoc(ctfy_rx.EventStream.status) or "")
