"""Who hears what, and in which words: the demo's stream against the real server's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ..support.contests import Contest
from .wire import BADGE, frame, heard, names, stream

SOLVE_FIELDS = {
    "challenge_id": str,
    "actor_id": str,
    "actor_name": str,
    "actor_type": str,
    "actor_avatar_url": str,
    "instance_id": str,
    "solve_time_s": float,
    "flag_id": str,
    "challenge_fully_solved": bool,
    "ip": str,
    "competition_id": str,
    "competition_title": str,
}


def audience(contest: Contest) -> list[str | None]:
    """An admin, the player who acts, a player of another team, and nobody."""
    return [contest.admin_token, contest.players[0].token, contest.players[1].token, None]


def test_a_stream_opens_at_once_with_a_comment_and_the_platforms_headers(contest: Contest):
    with httpx.stream("GET", f"{contest.url}/api/v1/events") as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["transfer-encoding"] == "chunked"
        assert next(response.iter_raw()) == b": connected\n\n"


def test_each_frame_is_one_chunk_with_a_name_a_line_of_compact_json_and_no_id(contest: Contest):
    with stream(contest.url) as chunks:
        announced = contest.announce()
        assert (
            next(chunks)
            == b'event: announcement_created\ndata: {"announcement_id":"%s"}\n\n' % announced.encode()
        )


def test_a_solve_reaches_admins_and_the_team_and_the_board_signal_everybody(contest: Contest):
    challenge = contest.fresh_challenge()
    admin, player, rival, nobody = heard(contest, audience(contest), lambda: contest.solve(0, challenge))
    assert names(admin) == ["flag_correct", "meta_stats", "scoreboard_updated"]
    assert names(player) == ["flag_correct", "scoreboard_updated"]
    assert names(rival) == ["scoreboard_updated"]
    assert names(nobody) == ["scoreboard_updated"]


def test_a_wrong_answer_reaches_admins_and_the_team_alone(contest: Contest):
    challenge = contest.fresh_challenge()
    everybody = heard(contest, audience(contest), lambda: contest.wrong(0, challenge))
    assert [names(frames) for frames in everybody] == [["flag_wrong"], ["flag_wrong"], [], []]


def test_an_announcement_reaches_everybody(contest: Contest):
    everybody = heard(contest, audience(contest), contest.announce)
    assert [names(frames) for frames in everybody] == [["announcement_created"]] * 4


def test_the_admin_and_the_player_get_the_same_frame(contest: Contest):
    challenge = contest.fresh_challenge()
    admin, player, *_ = heard(contest, audience(contest), lambda: contest.solve(0, challenge))
    assert admin[0] == player[0]


def test_a_solve_has_the_platforms_fields_in_the_platforms_order(contest: Contest):
    challenge = contest.fresh_challenge()
    admin = heard(contest, [contest.admin_token], lambda: contest.solve(0, challenge))[0]
    _, data = admin[0]
    assert {name: type(value) for name, value in data.items()} == SOLVE_FIELDS
    assert list(data) == list(SOLVE_FIELDS)
    assert data["actor_id"] == contest.players[0].user_id
    assert (data["actor_type"], data["competition_id"]) == ("team", contest.competition_id)


def test_a_wrong_answer_tells_neither_the_flag_nor_a_time(contest: Contest):
    challenge = contest.fresh_challenge()
    admin = heard(contest, [contest.admin_token], lambda: contest.wrong(0, challenge))[0]
    _, data = admin[0]
    assert list(data) == [name for name in SOLVE_FIELDS if name not in {"flag_id", "challenge_fully_solved"}]
    assert data["solve_time_s"] == 0.0


def test_meta_stats_has_the_platforms_counters(demo_contest: Contest, real_contest: Contest):
    def counters(of: Contest) -> dict[str, object]:
        frames = heard(of, [of.admin_token], lambda: of.solve(1, of.fresh_challenge()))[0]
        return next(data for name, data in frames if name == "meta_stats")

    mine, real = counters(demo_contest), counters(real_contest)
    assert list(mine) == list(real)
    assert all(mine[name].keys() == real[name].keys() for name in ("agents", "ops", "llm"))


def test_a_right_answer_given_again_is_announced_again_and_ranks_nothing(contest: Contest):
    challenge = contest.fresh_challenge()
    answers = []
    frames = heard(
        contest,
        [contest.players[0].token],
        lambda: answers.extend(contest.solve(0, challenge) for _ in range(2)),
    )[0]
    assert names(frames) == ["flag_correct", "scoreboard_updated"] * 2
    assert [answer["correct"] for answer in answers] == [True, True]
    assert [answer["solve_rank"] for answer in answers] == [1, 0]


def test_the_second_team_ranks_second(contest: Contest):
    challenge = contest.fresh_challenge()
    assert [contest.solve(player, challenge)["solve_rank"] for player in (0, 1)] == [1, 2]


@pytest.mark.parametrize("bad", ["", "nonsense", "pt_demo_nonsense"])
def test_a_bad_token_opens_a_stream_that_hears_what_nobody_may_miss(contest: Contest, bad: str):
    challenge = contest.fresh_challenge()
    frames = heard(contest, [bad], lambda: contest.solve(0, challenge))[0]
    assert names(frames) == ["scoreboard_updated"]


def test_a_fine_grained_token_opens_a_stream_that_hears_what_nobody_may_miss(contest: Contest):
    challenge, token = contest.fresh_challenge(), contest.fine_grained_token()
    frames = heard(contest, [token], lambda: contest.solve(0, challenge))[0]
    assert names(frames) == ["scoreboard_updated"]


def test_the_token_in_a_header_is_not_read(contest: Contest):
    headers = {"Authorization": f"Bearer {contest.admin_token}"}
    with httpx.stream("GET", f"{contest.url}/api/v1/events", headers=headers) as response:
        chunks = response.iter_raw()
        next(chunks)
        contest.wrong(0, contest.fresh_challenge())
        contest.announce()
        assert frame(next(chunks))[0] == "announcement_created"


def test_a_row_can_be_read_before_its_frame_arrives(contest: Contest):
    challenge = contest.fresh_challenge()
    asked = {"event": "flag_wrong", "challenge_id": contest.challenge_ids[challenge]}
    with stream(contest.url, contest.admin_token) as chunks, ThreadPoolExecutor(1) as pool:
        frames = (frame(chunk) for chunk in chunks if not chunk.startswith(b":"))
        for nth in range(1, 6):
            answering = pool.submit(contest.wrong, 0, challenge)
            name = next(name for name, _ in frames if name != BADGE)
            assert (name, len(contest.rows(**asked))) == ("flag_wrong", nth)
            answering.result()


def test_rows_and_stored_frames_are_the_same_one_to_one(contest: Contest):
    challenge, before = contest.fresh_challenge(), contest.rows(limit=1)

    def answer() -> None:
        contest.wrong(2, challenge)
        contest.solve(2, challenge)
        contest.solve(2, challenge)

    frames = heard(contest, [contest.admin_token], answer)[0]
    stored = [(name, data) for name, data in frames if name not in {"meta_stats", "scoreboard_updated"}]
    known = int(before[0]["id"]) if before else 0
    rows = [row for row in contest.rows(limit=100) if int(row["id"]) > known]
    assert [(row["event"], as_frame(row)) for row in reversed(rows)] == [
        (name, {field: value for field, value in data.items() if field != "localized"})
        for name, data in stored
    ]


def as_frame(row: dict[str, object]) -> dict[str, object]:
    """The frame that announces a row: the actor and every detail that is not null."""
    actor = ("challenge_id", "actor_id", "actor_name", "actor_type", "actor_avatar_url")
    detail: dict[str, object] = row["detail"]  # type: ignore[assignment]
    return {name: row[name] for name in actor} | {k: v for k, v in detail.items() if v is not None}
