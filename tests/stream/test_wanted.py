"""A subscriber by name gets the events of its names, and what nobody wants is not even made."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from reactivex import Observable

import ctfy_rx
from ctfy_rx import operators as op
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import StreamClosed
from ctfy_rx.event import Event

from ..support.waiting import PATIENCE, Background, names, soon, until


def tell(p: Platform, *told: str) -> None:
    p.send_bytes(b"".join(b"event: %b\ndata: {}\n\n" % name.encode() for name in told))


@pytest.fixture
def made(monkeypatch) -> list[str]:
    """The names of the events that live frames became."""
    seen: list[str] = []

    def making(name: str, *rest: object) -> Event:
        seen.append(name)
        return Event(name, *rest)

    monkeypatch.setattr("ctfy_rx.pipeline.stage.Event", making)
    return seen


def test_each_subscriber_gets_its_names_in_the_order_of_the_wire(p: Platform):
    random = Random(20261125)
    told = [*random.choices(["alpha", "beta", "beta_two", "gamma"], k=2000), "last"]
    chosen = {
        "all": lambda _: True,
        "one": lambda name: name == "alpha",
        "two": lambda name: name in {"alpha", "gamma"},
        "pattern": lambda name: name.startswith("beta"),
        "merged": lambda name: name in {"alpha", "beta"},
        "chained": lambda name: name == "beta",
    }
    with ctfy_rx.events(p.url) as stream:
        streams = {
            "all": stream,
            "one": stream.of_event("alpha"),
            "two": stream.pipe(op.of_event("alpha", "gamma")),
            "pattern": stream.of_event("beta*"),
            "merged": stream.of_event("alpha").merge(stream.of_event("beta")),
            "chained": stream.of_event("beta*").of_event("beta"),
        }
        heard: dict[str, list[Event]] = {name: [] for name in streams}
        for name, each in streams.items():
            each.subscribe(heard[name].append)
        until(lambda: p.connections)
        while told:
            some, told = told[:200], told[200:]
            tell(p, *some)
        until(lambda: heard["all"] and heard["all"][-1].event == "last")
        told = names(heard["all"])
        assert len(told) == 2001
        for name, matches in chosen.items():
            assert names(heard[name]) == list(filter(matches, told)), name


def test_of_what_nobody_wants_no_event_is_made_but_it_is_counted(p: Platform, made: list[str]):
    heard: list[Event] = []
    with ctfy_rx.events(p.url) as stream:
        stream.of_event("alpha").subscribe(heard.append)
        until(lambda: p.connections)
        tell(p, *["alpha", "beta"] * 50)
        until(lambda: stream.stats.events == 100)
        assert names(heard) == made == ["alpha"] * 50


def test_a_connection_that_brings_only_what_nobody_wants_is_a_fruitful_one(p: Platform):
    """So the wait for the next one does not grow, and nothing is given up."""
    with ctfy_rx.events(p.url, initial=0.01, maximum=60, factor=1000, max_attempts=2) as stream:
        stream.of_event("alpha").subscribe()
        for opened in (1, 2, 3, 4):
            until(lambda opened=opened: p.opened == opened and p.connections)
            tell(p, "beta")
            until(lambda opened=opened: stream.stats.frames == opened)
            p.drop_connections(clean=True)


def test_so_is_one_that_ends_with_a_frame_that_is_too_large(p: Platform):
    with ctfy_rx.events(
        p.url, initial=0.01, maximum=0.01, max_attempts=2, max_frame_bytes=100, retry_if=lambda _: True
    ) as stream:
        stream.of_event("alpha").subscribe()
        for opened in (1, 2, 3, 4):
            until(lambda opened=opened: p.opened == opened and p.connections)
            p.send_bytes(b"event: beta\ndata: {}\n\ndata: " + b"x" * 200 + b"\n\n")
        until(lambda: stream.stats.frames == 4)


def test_who_waits_for_the_end_wants_no_events(p: Platform, made: list[str]):
    with ctfy_rx.events(p.url) as stream:
        stream.of_event("alpha").subscribe()
        waiting = Background(lambda: stream.wait(PATIENCE))
        until(lambda: p.connections)
        until(lambda: "2 subscribed" in repr(stream))
        tell(p, "alpha", "beta")
        until(lambda: stream.stats.events == 2)
        stream.close()
        assert waiting.join()
        assert made == ["alpha"]


def test_who_comes_later_gets_what_it_wants_from_then_on(p: Platform):
    first: list[Event] = []
    second: list[Event] = []
    with ctfy_rx.events(p.url) as stream:
        stream.of_event("alpha").subscribe(first.append)
        until(lambda: p.connections)
        tell(p, "beta", "alpha")
        until(lambda: first)
        subscription = stream.of_event("beta").subscribe(second.append)
        tell(p, "beta", "alpha")
        until(lambda: len(first) == 2)
        subscription.dispose()
        tell(p, "beta", "alpha")
        until(lambda: len(first) == 3)
        assert names(second) == ["beta"]


def test_what_is_kept_is_kept_whoever_wants_it(p: Platform):
    with ctfy_rx.events(p.url, keep=10) as stream:
        stream.of_event("last").subscribe()
        until(lambda: p.connections)
        tell(p, "alpha", "beta", "last")
        until(lambda: stream.stats.events == 3)
        assert names(stream.recent()) == ["alpha", "beta", "last"]
        assert names(stream.of_event("beta").recent()) == ["beta"]


def test_what_is_kept_is_what_has_come_and_no_more(p: Platform):
    kept: list[list[str]] = []
    with ctfy_rx.events(p.url, keep=10) as stream:
        stream.subscribe(lambda _: kept.append(names(stream.recent())))
        until(lambda: p.connections)
        tell(p, "alpha", "beta", "last")
        until(lambda: len(kept) == 3)
        assert kept == [["alpha"], ["alpha", "beta"], ["alpha", "beta", "last"]]


def test_a_choice_that_raises_hurts_nobody_else(p: Platform, caplog):
    def raising(name: str) -> bool:
        raise KeyError(name)

    heard: list[Event] = []
    with ctfy_rx.events(p.url) as stream:
        stream.selected(raising).subscribe()
        stream.subscribe(heard.append)
        until(lambda: p.connections)
        tell(p, "alpha", "alpha")
        until(lambda: len(heard) == 2)
    assert "KeyError" in caplog.text


async def test_what_of_event_makes_of_a_stream_in_a_pipe_can_be_awaited(p: Platform):
    async with ctfy_rx.events(p.url, auto_reconnect=False) as stream:
        waiting = asyncio.ensure_future(_last(stream.pipe(op.of_event("alpha"))))
        await soon(lambda: p.connections)
        tell(p, "alpha", "beta")
        await soon(lambda: stream.stats.events == 2)
        stream.close()
        assert (await waiting).event == "alpha"


async def _last(source: Observable[Event]) -> Event:
    return await source


def test_a_platforms_log_is_read_and_its_cursor_moves_though_nobody_wants_its_events(p: Platform):
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        stream.of_event("nothing").subscribe()
        until(lambda: isinstance(stream.status.current, ctfy_rx.Open))
        before = stream.cursor
        p.wrong(team=0, challenge=0)
        until(lambda: stream.cursor != before)


def test_names_that_a_server_invents_without_end_are_not_remembered_without_end(p: Platform):
    heard: list[Event] = []
    with ctfy_rx.events(p.url) as stream:
        stream.of_event("invented_9*").subscribe(heard.append)
        until(lambda: p.connections)
        tell(p, *(f"invented_{number}" for number in range(3000)))
        until(lambda: stream.stats.events == 3000)
        assert len(heard) == 111
        assert len(stream._pipeline.events._opening.hub._routes) <= 1024


def test_a_closed_stream_refuses_subscribers_by_name(p: Platform):
    stream = ctfy_rx.events(p.url)
    stream.close()
    with pytest.raises(StreamClosed):
        stream.of_event("alpha").subscribe()
    failures: list[Exception] = []
    stream.pipe(op.of_event("alpha"), op.solves()).subscribe(on_error=failures.append)
    assert [type(failure) for failure in failures] == [StreamClosed]


def test_the_repr_counts_subscribers_by_name(p: Platform):
    with ctfy_rx.events(p.url) as stream:
        stream.subscribe()
        stream.of_event("alpha").subscribe()
        assert "2 subscribed" in repr(stream)
