"""The contest's streams on the demo and on a real ctfy server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from reactivex import Observable

import ctfy_rx
from ctfy_rx.errors import ConfigurationError, HttpError, NeedsAdmin
from ctfy_rx.threads.loops import LoopScheduler

from ..support.contests import CACHE, Contest
from ..support.waiting import PATIENCE, names, until

Heard = list[Any]
Hear = Callable[[Observable[Any]], Heard]


@pytest.fixture
def hear(way: tuple[str, str]) -> Iterator[Hear]:
    """Subscribes with the driver of this run; an error is heard as an item."""
    loop = asyncio.new_event_loop() if way[1] == "asyncio" else None
    thread = threading.Thread(target=loop.run_forever) if loop else None
    if thread:
        thread.start()
    streams: list[ctfy_rx.EventStream] = []

    def subscribe(source: Observable[Any]) -> Heard:
        heard: Heard = []
        source.subscribe(heard.append, heard.append, scheduler=LoopScheduler(loop) if loop else None)
        if isinstance(source, ctfy_rx.EventStream):
            streams.append(source)
        return heard

    yield subscribe
    for stream in streams:
        stream.close()
    if loop and thread:
        until(lambda: not asyncio.all_tasks(loop))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def opened(contest: Contest, token: str | None = None, **options: Any) -> ctfy_rx.EventStream:
    options.setdefault("competition", contest.competition_id)
    return ctfy_rx.events(contest.url, token=token or contest.admin_token, **options)


def wait_open(stream: ctfy_rx.EventStream) -> None:
    until(lambda: stream.status.current.state == "open")


def bloods(heard: Heard) -> list[tuple[Any, ...]]:
    return [(event.data["challenge_id"], event.team_id) for event in heard]


def test_first_bloods_come_with_names_and_neither_repeat_nor_invent(contest: Contest, hear: Hear):
    before, fresh = contest.fresh_challenge(), contest.fresh_challenge()
    contest.solve(0, before)
    stream = opened(contest)
    heard = hear(stream.first_bloods())
    wait_open(stream)
    contest.solve(1, before)
    contest.solve(1, fresh)
    contest.solve(2, fresh)
    contest.solve(1, fresh)
    after = contest.fresh_challenge()
    contest.solve(2, after)
    until(lambda: len(heard) == 2)
    ids = contest.challenge_ids
    assert bloods(heard) == [
        (ids[fresh], contest.players[1].team_id),
        (ids[after], contest.players[2].team_id),
    ]
    names = contest.get(f"/competitions/{contest.competition_id}/challenges", limit=100).json()["items"]
    assert heard[0].challenge_name == next(item["name"] for item in names if item["id"] == ids[fresh])
    assert (heard[0].team_name, heard[0].actor_name) == (
        contest.players[1].team_name,
        contest.players[1].name,
    )
    assert heard[0].payload.flag_id == "flag"


def test_a_bot_that_goes_on_from_its_cursor_gives_what_it_missed_and_only_that(contest: Contest, hear: Hear):
    fresh, missed = contest.fresh_challenge(), contest.fresh_challenge()
    stream = opened(contest)
    heard = hear(stream.first_bloods(by="flag"))
    wait_open(stream)
    contest.solve(0, fresh)
    until(lambda: heard)
    stream.close()
    contest.solve(3, fresh)
    contest.solve(3, missed)
    contest.solve(0, missed)
    ids = contest.challenge_ids
    for by in ("challenge", "flag"):
        stream = opened(contest, since=heard[0].cursor)
        again = hear(stream.first_bloods(by=by))  # type: ignore[arg-type]
        until(lambda again=again: again)
        contest.solve(1, missed)
        contest.solve(1, last := contest.fresh_challenge())
        until(lambda again=again: len(again) == 2)
        drawn = [(ids[missed], contest.players[3].team_id), (ids[last], contest.players[1].team_id)]
        assert bloods(again) == drawn
        stream.close()
        missed, heard = contest.fresh_challenge(), again[1:]
        contest.solve(3, missed)


def test_a_player_is_told_that_first_bloods_need_an_admin(contest: Contest, hear: Hear):
    for what in ("first_bloods", "shared_flags"):
        stream = opened(contest, contest.players[0].token)
        heard = hear(getattr(stream, what)())
        until(lambda heard=heard: heard)
        assert isinstance(heard[0], NeedsAdmin)
        assert contest.players[0].name in str(heard[0])
        assert ("poll=True" in str(heard[0])) is (what == "first_bloods")
        stream.close()


def test_nobody_is_told_so_too(contest: Contest, hear: Hear):
    stream = ctfy_rx.events(contest.url, token="")
    heard = hear(stream.first_bloods())
    until(lambda: heard)
    assert isinstance(heard[0], NeedsAdmin)


def test_a_player_who_polls_gets_first_bloods_from_the_public_breakdown(contest: Contest, hear: Hear):
    before, fresh = contest.fresh_challenge(), contest.fresh_challenge()
    contest.solve(1, before)
    time.sleep(CACHE)  # else the breakdown of before is the first one that it sees
    stream = opened(contest, contest.players[0].token)
    heard = hear(stream.first_bloods(poll=True, cache=CACHE))
    wait_open(stream)
    contest.solve(2, fresh)
    until(lambda: heard)
    assert bloods(heard) == [(contest.challenge_ids[fresh], contest.players[2].team_id)]
    assert heard[0].team_name == contest.players[2].team_name
    assert heard[0].payload.competition_id == contest.competition_id


def test_the_scoreboard_comes_at_once_and_again_when_the_cache_has_expired(contest: Contest, hear: Hear):
    stream = opened(contest)
    boards = hear(stream.scoreboard(cache=CACHE))
    mine = contest.players[3].team_id
    until(lambda: boards)
    flags = boards[0].of(mine).flags_solved
    known = contest.get(f"/competitions/{contest.competition_id}/scoreboard").json()["items"]
    assert {each.team_id for each in boards[0].standings} == {item["team_id"] for item in known}
    wait_open(stream)
    contest.solve(3, contest.fresh_challenge())
    # The first board may be older than what another test had this team solve just now: then it is one more.
    until(lambda: boards[-1].of(mine).flags_solved > flags)
    assert all(one.standings != other.standings for one, other in pairwise(boards))
    stream.close()


def test_the_public_scoreboard_shows_no_token(contest: Contest, hear: Hear):
    refused = ctfy_rx.events(contest.url, token="pt_nonsense", anonymous_ok=True)
    boards = hear(refused.scoreboard(contest.competition_id, public=True))
    until(lambda: boards)
    assert isinstance(boards[0], ctfy_rx.Scoreboard)
    refused.close()


def test_a_contest_that_is_not_there_fails_the_board(contest: Contest, hear: Hear):
    stream = opened(contest)
    boards = hear(stream.scoreboard("nowhere"))
    until(lambda: boards)
    assert isinstance(boards[0], HttpError)
    assert boards[0].status == 404
    stream.close()


def test_announcements_come_with_their_words_for_admins_and_players(contest: Contest, hear: Hear):
    streams = [opened(contest), opened(contest, contest.players[1].token)]
    heards = [hear(stream.announcements()) for stream in streams]
    raw = hear(streams[0].announcements(texts=False))
    for stream in streams:
        wait_open(stream)
    announced = [contest.announce("Lunch"), contest.announce("Dinner")]
    for heard in heards:
        until(lambda heard=heard: len(heard) == 2)
        assert [event.payload.announcement_id for event in heard] == announced
        words = [(event.data["title"], event.data["body"], event.data["severity"]) for event in heard]
        assert words == [("Lunch", "everybody", "info"), ("Dinner", "everybody", "info")]
        assert heard[0].data["starts_at"] is None
    assert [event.data for event in raw] == [{"announcement_id": each} for each in announced]


def test_nobody_hears_of_an_announcement_by_its_id(contest: Contest, hear: Hear):
    stream = ctfy_rx.events(contest.url, token="")
    heard = hear(stream.announcements())
    wait_open(stream)
    announced = contest.announce("Lunch")
    until(lambda: heard)
    assert heard[0].data == {"announcement_id": announced}


def test_verdicts_are_those_of_my_own_answers(contest: Contest, hear: Hear):
    player = contest.players[2]
    stream = opened(contest, player.token)
    heard, mine = hear(stream.verdicts()), hear(stream.mine())
    wait_open(stream)
    fresh = contest.fresh_challenge()
    contest.wrong(1, fresh)
    contest.wrong(2, fresh)
    contest.solve(2, fresh)
    until(lambda: len(heard) == 2)
    assert [event.event for event in heard] == ["flag_wrong", "flag_correct"]
    assert {event.payload.actor_id for event in heard} == {player.user_id}
    assert all(event.event != "scoreboard_updated" for event in mine)


def test_mine_without_a_token_says_that_it_needs_one(contest: Contest, hear: Hear):
    stream = ctfy_rx.events(contest.url, token="")
    heard = hear(stream.mine())
    wait_open(stream)
    contest.announce()
    until(lambda: heard)
    assert isinstance(heard[0], ConfigurationError)


def test_a_teams_events_are_found_live_and_in_the_log(contest: Contest, hear: Hear):
    team = contest.players[1]
    for log in ("auto", False):
        stream = opened(contest, log=log)
        heard = hear(stream.by_team(team.team_id))
        wait_open(stream)
        until(lambda stream=stream: stream.names.wait(0.0))
        contest.wrong(0, 0)
        contest.wrong(1, 0)
        until(lambda heard=heard: "flag_wrong" in names(heard))
        # A team's first answers may unlock achievements as well.
        assert {(event.team_id, event.team_name) for event in heard} == {(team.team_id, team.team_name)}
        assert names(heard).count("flag_wrong") == 1
        stream.close()


def test_a_player_hears_the_names_of_the_own_team(contest: Contest, hear: Hear):
    player = contest.players[2]
    stream = opened(contest, player.token)
    heard = hear(stream.wrong_answers().named())
    wait_open(stream)
    until(lambda: player.team_id in stream.names.directory.teams)
    contest.wrong(2, 0)
    until(lambda: heard)
    assert (heard[0].team_id, heard[0].team_name, heard[0].actor_name) == (
        player.team_id,
        player.team_name,
        player.name,
    )
    stream.close()


def test_a_burst_is_told_with_the_team_and_its_answers(contest: Contest, hear: Hear):
    stream = opened(contest)
    heard = hear(stream.burst(3, within=60.0))
    wait_open(stream)
    for player in (0, 3, 3, 3):
        contest.wrong(player, 0)
    until(lambda: heard)
    [burst] = heard
    assert (burst.team_id, burst.team_name) == (contest.players[3].team_id, contest.players[3].team_name)
    assert len(burst.events) == 3
    stream.close()


def test_a_box_that_is_ready_is_found_at_once(contest: Contest, hear: Hear):
    box = contest.instance_id(0, 0)
    stream = opened(contest, contest.players[0].token)
    heard = hear(stream.instance(box).ready(timeout=PATIENCE))
    until(lambda: heard)
    assert (heard[0].id, heard[0].status) == (box, "ready")
    until(lambda: stream.status.current.state == "idle")


def test_a_box_of_somebody_else_is_an_error(contest: Contest):
    box = contest.instance_id(0, 0)
    with opened(contest, contest.players[1].token) as stream, pytest.raises(HttpError) as refused:
        stream.instance(box).ready(timeout=PATIENCE).wait()
    assert refused.value.status == 403


async def test_a_box_can_be_awaited(contest: Contest):
    box = contest.instance_id(1, 0)
    async with opened(contest, contest.players[1].token) as stream:
        assert (await stream.instance(box).ready(timeout=PATIENCE)).id == box


def test_a_contest_leaves_out_others_and_keeps_what_belongs_to_none(contest: Contest, hear: Hear):
    elsewhere, here = opened(contest, competition="elsewhere"), opened(contest)
    nothing, something = hear(elsewhere), hear(here)
    wait_open(elsewhere)
    wait_open(here)
    contest.wrong(0, 0)
    contest.announce()
    for heard in (nothing, something):
        until(lambda heard=heard: "announcement_created" in {event.event for event in heard})
    until(lambda: "flag_wrong" in {event.event for event in something})
    assert not [event for event in nothing if event.event.startswith("flag_")]
