"""The REST routes beside the stream: the demo's answers against the real server's."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from ..support.contests import CACHE, Contest
from ..support.waiting import until

Json = dict[str, Any]


def token_of(contest: Contest, who: str) -> str | None:
    tokens: dict[str, str | None] = {
        "admin": contest.admin_token,
        "player": contest.players[0].token,
        "stranger": "pt_nonsense",
        "nobody": None,
    }
    return contest.fine_grained_token() if who == "fine_grained" else tokens[who]


@pytest.mark.parametrize(("who", "is_admin"), [("admin", True), ("player", False), ("fine_grained", False)])
def test_me_says_who_the_caller_is(contest: Contest, who: str, is_admin: bool):
    me = contest.get("/me", token_of(contest, who)).raise_for_status().json()
    assert me["is_admin"] is is_admin
    assert me["token_kind"] == ("fine_grained" if who == "fine_grained" else "user")


def test_me_names_the_teams_of_a_player(contest: Contest):
    player = contest.players[1]
    me = contest.get("/me", player.token).json()
    assert me["id"] == player.user_id
    assert me["display_name"] == player.name
    [membership] = me["competition_teams"]
    assert membership["competition_id"] == contest.competition_id
    assert (membership["team_id"], membership["team_name"]) == (player.team_id, player.team_name)


REFUSALS = [
    ("nobody", "/me", 401, "http_401", "Not authenticated"),
    ("stranger", "/me", 403, "http_403", "Invalid or revoked token"),
    ("nobody", "/activities", 401, "http_401", "Not authenticated"),
    ("stranger", "/activities", 403, "http_403", "Invalid or revoked token"),
    ("player", "/admin/activities", 403, "http_403", "Admin privileges required"),
    ("player", "/admin/announcements", 403, "http_403", "Admin privileges required"),
    ("nobody", "/admin/activities", 401, "http_401", "Not authenticated"),
    ("nobody", "/me/inbox", 401, "http_401", "Not authenticated"),
    ("player", "/instances/nope", 404, "instance_not_found", "Instance nope not found"),
    ("player", "/teams/nope", 404, "team_not_found", "Team nope not found"),
    ("player", "/competitions/nope", 404, "http_404", "Competition not found: nope"),
    ("player", "/competitions/nope/scoreboard", 404, "http_404", "Competition not found: nope"),
    ("nobody", "/competitions/nope/challenge-breakdown", 404, "http_404", "Competition not found: nope"),
    ("admin", "/admin/competitions/nope/teams", 404, "http_404", "Competition not found: nope"),
]


@pytest.mark.parametrize("refused", REFUSALS, ids=lambda refused: f"{refused[0]} {refused[1]}")
def test_a_refusal_says_why(contest: Contest, refused: tuple[str, str, int, str, str]):
    who, path, *expected = refused
    response = contest.get(path, token_of(contest, who))
    refusal = response.json()
    assert [response.status_code, refusal["code"], refusal["detail"]] == expected
    assert datetime.fromisoformat(refusal["timestamp"]).tzinfo is not None


@pytest.mark.parametrize("path", ["/activities", "/admin/activities", "/admin/announcements"])
def test_a_fine_grained_token_does_not_open_the_log(contest: Contest, path: str):
    response = contest.get(path, token_of(contest, "fine_grained"))
    refusal = response.json()
    assert (response.status_code, refusal["detail"]["error"]) == (403, "token_scope_required")


def test_players_hear_that_only_competition_admins_list_rosters(contest: Contest):
    response = contest.get(f"/admin/competitions/{contest.competition_id}/teams", contest.players[0].token)
    assert (response.status_code, response.json()["detail"]) == (403, "Competition-admin privileges required")


def test_an_unknown_route_is_a_404_without_an_envelope(contest: Contest):
    response = contest.get("/nothing")
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


def test_the_log_is_newest_first_and_comes_in_pages(contest: Contest):
    for _ in range(3):
        contest.wrong(3, contest.fresh_challenge())
    whole = contest.get("/admin/activities", contest.admin_token, actor_id=contest.players[3].user_id).json()
    second = contest.get(
        "/admin/activities", contest.admin_token, actor_id=contest.players[3].user_id, limit=1, offset=1
    ).json()
    ids = [int(row["id"]) for row in whole["items"]]
    assert ids == sorted(ids, reverse=True)
    assert second == {"items": whole["items"][1:2], "total": whole["total"], "limit": 1, "offset": 1}
    assert (whole["limit"], whole["offset"]) == (100, 0)


def test_since_and_until_include_their_moment(contest: Contest):
    contest.wrong(3, contest.fresh_challenge())
    newest = contest.rows(event="flag_wrong", limit=1)[0]
    moment = newest["timestamp"]
    assert newest in contest.rows(since=moment)
    assert newest in contest.rows(until=moment, since=moment)
    later = datetime.fromisoformat(moment).replace(year=2100).isoformat()
    assert contest.rows(since=later) == []


def test_a_players_log_holds_the_own_actions_alone(contest: Contest):
    contest.wrong(0, contest.fresh_challenge())
    contest.wrong(4, contest.fresh_challenge())
    own = contest.get("/activities", contest.players[4].token).json()["items"]
    assert {row["actor_id"] for row in own} == {contest.players[4].user_id}


@pytest.mark.parametrize(
    "asked", [{"limit": 10_001}, {"since": "yesterday"}, {"offset": -1}, {"limit": "many"}]
)
def test_a_question_that_makes_no_sense_is_a_422(contest: Contest, asked: Json):
    response = contest.get("/admin/activities", contest.admin_token, **asked)
    assert (response.status_code, response.json()["code"]) == (422, "validation_error")
    assert response.json()["detail"]["message"].startswith(next(iter(asked)))


def test_an_announcement_lies_in_every_inbox_with_its_words(contest: Contest):
    announced = contest.announce("Lunch")
    for token in (contest.players[0].token, contest.admin_token):
        inbox = contest.get("/me/inbox", token).json()
        found = next(item for item in inbox["announcements"] if item["id"] == announced)
        assert (found["title"], found["body"], found["severity"]) == ("Lunch", "everybody", "info")
    assert contest.get("/admin/announcements", contest.admin_token).json()["items"][0]["id"] == announced


@pytest.mark.parametrize("body", [{"body": "no title"}, {"title": "x", "severity": "loud"}])
def test_an_announcement_without_a_title_or_with_an_odd_severity_is_a_422(contest: Contest, body: Json):
    assert contest.post("/admin/announcements", body, contest.admin_token).status_code == 422


def test_players_do_not_announce(contest: Contest):
    refused = contest.post("/admin/announcements", {"title": "x"}, contest.players[0].token)
    assert (refused.status_code, refused.json()["detail"]) == (403, "Admin privileges required")


def test_answers_to_other_teams_and_to_nothing_are_refused(contest: Contest):
    other = contest.instance_id(1, contest.fresh_challenge())
    own = contest.instance_id(0, contest.fresh_challenge())

    def refused(**body: str) -> tuple[int, str]:
        response = contest.post("/submissions", body, contest.players[0].token)
        return response.status_code, response.json()["code"]

    assert refused(instance_id=other, question_id="flag", answer="x") == (403, "wrong_team_for_instance")
    assert refused(instance_id="nope", question_id="flag", answer="x") == (404, "instance_not_found")
    assert refused(instance_id=own, question_id="nope", answer="x") == (422, "unknown_question_id")
    assert refused(instance_id=own, question_id="flag") == (422, "validation_error")
    assert refused(question_id="flag", answer="x") == (422, "validation_error")


def test_an_instance_is_the_own_teams_business(contest: Contest):
    instance_id = contest.instance_id(0, contest.fresh_challenge())
    own = contest.get(f"/instances/{instance_id}", contest.players[0].token).json()
    assert (own["id"], own["team_id"], own["status"]) == (instance_id, contest.players[0].team_id, "ready")
    for stranger in (contest.players[1].token, contest.admin_token):
        refused = contest.get(f"/instances/{instance_id}", stranger)
        assert (refused.status_code, refused.json()["detail"]) == (403, "Not your instance")


def test_what_was_claimed_is_for_the_admins_to_see(contest: Contest):
    challenge = contest.fresh_challenge()
    contest.wrong(0, challenge)
    path = f"/admin/instance-records/{contest.instance_id(0, challenge)}/submissions"
    [claimed] = contest.get(path, contest.admin_token).json()["items"]
    assert (claimed["claimed_flag"], claimed["correct"], claimed["flag_id"]) == (
        "FLAG{not-this-one}",
        False,
        "flag",
    )
    refused = contest.get(path, contest.players[0].token)
    assert (refused.status_code, refused.json()["detail"]) == (403, "Admin privileges required")


def test_the_scoreboard_is_stale_until_its_cache_runs_out(contest: Contest):
    mine = contest.players[5].team_id

    def flags() -> int:
        items = contest.get(f"/competitions/{contest.competition_id}/scoreboard").json()["items"]
        return next(int(item["flags_solved"]) for item in items if item["team_id"] == mine)

    time.sleep(CACHE)  # whoever asked before, the next answer is a new one
    before, asked = flags(), time.monotonic()
    contest.solve(5, contest.fresh_challenge())
    during = flags()
    assert during == before or time.monotonic() - asked >= CACHE
    until(lambda: flags() == before + 1)


def test_the_scoreboard_ranks_teams_by_their_flags(contest: Contest):
    items = contest.get(f"/competitions/{contest.competition_id}/scoreboard").json()["items"]
    assert [item["rank"] for item in items] == list(range(1, len(items) + 1))
    assert {item["team_id"] for item in items} >= {player.team_id for player in contest.players}
    flags = [item["flags_solved"] for item in items]
    assert flags == sorted(flags, reverse=True)


def test_the_breakdown_knows_who_drew_first_blood(contest: Contest):
    challenge = contest.fresh_challenge()
    contest.solve(4, challenge)
    contest.solve(5, challenge)

    def fate() -> Json:
        fates = contest.get(f"/competitions/{contest.competition_id}/challenge-breakdown").json()[
            "challenges"
        ]
        return next(fate for fate in fates if fate["challenge_id"] == contest.challenge_ids[challenge])

    until(lambda: fate()["solves_count"] == 2)
    assert fate()["first_blood_team_id"] == contest.players[4].team_id
    assert fate()["first_blood_team_name"] == contest.players[4].team_name
    assert datetime.fromisoformat(fate()["first_blood_at"]) <= datetime.now(UTC)
    assert fate()["first_blood_anonymous"] is False


ROUTES = [
    ("/me", "player"),
    ("/me", "admin"),
    ("/me/inbox", "player"),
    ("/activities", "player"),
    ("/admin/activities", "admin"),
    ("/admin/announcements", "admin"),
    ("/competitions", "player"),
    ("/competitions/{competition}", "nobody"),
    ("/competitions/{competition}/scoreboard", "admin"),
    ("/competitions/{competition}/scoreboard", "nobody"),
    ("/competitions/{competition}/challenge-breakdown", "nobody"),
    ("/competitions/{competition}/challenges", "player"),
    ("/admin/competitions/{competition}/teams", "admin"),
    ("/challenges", "nobody"),
    ("/teams", "nobody"),
    ("/teams/{team}", "player"),
    ("/instances/{instance}", "player"),
    ("/admin/instance-records/{instance}/submissions", "admin"),
    ("/health", "nobody"),
]


@pytest.mark.parametrize(("path", "who"), ROUTES)
def test_what_the_demo_answers_the_real_one_answers_too(
    demo_contest: Contest, real_contest: Contest, path: str, who: str
):
    """Every field of the demo is one of the real platform, with a value of the same type (or null)."""

    def answer(contest: Contest) -> Any:
        challenge = contest.fresh_challenge()
        contest.announce()
        contest.solve(0, challenge)
        places = {"competition": contest.competition_id, "team": contest.players[0].team_id}
        here = path.format(**places, instance=contest.instance_id(0, challenge))
        return contest.get(here, token_of(contest, who), limit=1).raise_for_status().json()

    differences = list(compare(answer(demo_contest), answer(real_contest), path))
    assert differences == []


def compare(mine: Any, real: Any, where: str) -> list[str]:
    """Where `mine` has a field that `real` lacks, or another type."""
    if isinstance(mine, dict) and isinstance(real, dict):
        if where.endswith((".flag_solves", ".description")):  # keyed by data, not by name
            return []
        extra = [f"{where}.{name} is not the platform's" for name in mine if name not in real]
        return extra + [
            d for name in mine if name in real for d in compare(mine[name], real[name], f"{where}.{name}")
        ]
    if isinstance(mine, list) and isinstance(real, list):
        return compare(mine[0], real[0], f"{where}[]") if mine and real else []
    if mine is None or real is None or type(mine) is type(real):
        return []
    return [f"{where}: {type(mine).__name__}, not {type(real).__name__}"]


def test_every_activity_lists_all_the_details_that_the_platform_lists(
    demo_contest: Contest, real_contest: Contest
):
    def details(contest: Contest) -> list[str]:
        contest.wrong(0, contest.fresh_challenge())
        return list(contest.rows(limit=1)[0]["detail"])

    assert details(demo_contest) == details(real_contest)
