"""One connection for all consumers of a stream, counted at the server."""

from __future__ import annotations

import asyncio
import gc
import threading

import ctfy_rx
from ctfy_rx.demo.running import Platform

from ..support.waiting import Background, names, until


def test_nothing_is_opened_before_somebody_subscribes(p: Platform):
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        stream.solves().filter(bool).merge(stream.announcements())
        stream.status.subscribe()
        assert p.opened == 0


def test_five_subscribers_two_iterators_and_an_async_one_share_a_connection(p: Platform):
    stream = ctfy_rx.events(p.url, token=p.admin_token)
    heard: list[list[str]] = [[] for _ in range(5)]
    for mine in heard:
        stream.solves().subscribe(lambda event, mine=mine: mine.append(event.event))
    iterators = [iter(stream.solves()), iter(stream.of_event("flag_*"))]
    there = threading.Event()

    async def first_of_a_loop() -> str:
        iterator = aiter(stream.solves())
        there.set()
        return (await anext(iterator)).event

    loop = Background(lambda: asyncio.run(first_of_a_loop()))
    there.wait()
    until(lambda: p.connections)
    p.solve(team=0, challenge=0)

    assert names(map(next, iterators)) == ["flag_correct"] * 2
    assert loop.join() == "flag_correct"
    until(lambda: heard == [["flag_correct"]] * 5)
    assert (p.connections, p.opened) == (1, 1)
    stream.close()


def test_the_last_one_out_closes_the_connection_and_the_next_one_opens_another(p: Platform):
    stream = ctfy_rx.events(p.url)
    first, second = stream.subscribe(), stream.solves().subscribe()
    until(lambda: p.connections == 1)
    first.dispose()
    assert p.connections == 1
    second.dispose()
    until(lambda: p.connections == 0)

    with stream:
        stream.subscribe()
        until(lambda: p.connections == 1)
        assert p.opened == 2


def test_who_comes_late_starts_now(p: Platform):
    with ctfy_rx.events(p.url) as stream:
        early: list[str] = []
        stream.announcements().subscribe(lambda event: early.append(event.data["announcement_id"]))
        until(lambda: p.connections)
        missed = p.announce("first")
        until(lambda: early == [missed.id])
        late = iter(stream.announcements())
        heard = p.announce("second")
        assert next(late).data["announcement_id"] == heard.id


def test_each_subscriber_of_solves_has_its_own_memory(p: Platform):
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        solves = stream.solves()
        first = iter(solves)
        until(lambda: p.connections)
        p.solve(team=0, challenge=0)
        next(first)
        second = iter(solves)
        p.solve(team=0, challenge=0)
        p.solve(team=1, challenge=0)
        assert next(first).data["actor_id"] == p.teams[1].players[0].user_id  # the repeat is none to it
        assert next(second).data["actor_id"] == p.teams[0].players[0].user_id


def test_two_streams_derived_from_one_do_not_disturb_each_other(p: Platform):
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        right, wrong = iter(stream.solves()), iter(stream.wrong_answers())
        until(lambda: p.connections)
        p.wrong(team=0, challenge=0)
        p.solve(team=0, challenge=0)
        right.close()
        p.wrong(team=0, challenge=1)
        assert names([next(wrong), next(wrong)]) == ["flag_wrong"] * 2


def test_operators_chained_ten_deep_still_share_and_close(p: Platform):
    stream = ctfy_rx.events(p.url, token=p.admin_token)
    deep = stream
    for _ in range(10):
        deep = deep.filter(lambda event: event.event == "flag_correct")
    with stream:
        iterator = iter(deep)
        until(lambda: p.connections)
        assert "1 subscribed" in repr(deep)
        p.solve(team=0, challenge=0)
        assert next(iterator).event == "flag_correct"
        assert p.opened == 1
    assert list(iterator) == []
    until(lambda: p.connections == 0)


def test_without_autoconnect_only_connect_opens_and_all_see_the_start(p: Platform):
    stream = ctfy_rx.events(p.url, autoconnect=False)
    with stream:
        iterators = [iter(stream), iter(stream.announcements())]
        assert p.opened == 0
        stream.connect()
        until(lambda: p.connections)
        p.announce("now")
        assert names(map(next, iterators)) == ["announcement_created"] * 2
        assert p.opened == 1


def test_connect_keeps_the_connection_until_what_it_returns_is_disposed(p: Platform):
    stream = ctfy_rx.events(p.url)
    held = stream.connect()
    until(lambda: p.connections == 1)
    stream.subscribe().dispose()
    assert p.connections == 1
    held.dispose()
    until(lambda: p.connections == 0)


def test_close_ends_a_connection_that_connect_holds(p: Platform):
    stream = ctfy_rx.events(p.url)
    stream.connect()
    until(lambda: p.connections == 1)
    stream.close()
    until(lambda: p.connections == 0)


def test_a_stream_that_is_forgotten_in_the_middle_of_a_loop_is_collected_with_its_connection(p: Platform):
    def first_event() -> str:
        for event in ctfy_rx.events(p.url):
            return event.event
        return ""

    first = Background(first_event)
    until(lambda: p.connections)
    p.announce("hello")
    assert first.join() == "announcement_created"
    del first
    gc.collect()
    until(lambda: p.connections == 0)


def test_share_of_a_stream_is_the_stream_itself():
    stream = ctfy_rx.events("http://127.0.0.1:8100")
    assert stream.share() is stream


def test_the_repr_counts_subscribers_and_never_shows_the_token():
    stream = ctfy_rx.events("http://127.0.0.1:8100?token=pt_secret", token="pt_secret", autoconnect=False)
    with stream:
        stream.subscribe()
        stream.solves().filter(bool).subscribe()
        shown = [repr(stream), repr(stream.solves()), repr(stream.status), str(stream)]
        assert "2 subscribed" in shown[0]
        assert "pt_secret" not in "".join(shown)
