"""How each event looks to people, in ``ctfy-rx watch`` and in notebooks: its mark, its colour, its sentence.
Those that have none are listed field by field.

A sentence names fields of the event's data in braces, and ``{actor}``, who did it. What stands in brackets
is left out where one of its fields is not known.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["AGAIN", "CODES", "COUNTERS", "FIRST_BLOOD", "FOUND_A_FLAG", "OWN", "SENTENCES", "Sentence"]


class Sentence(NamedTuple):
    """A mark in a colour, and the words after it."""

    mark: str
    style: str
    words: str


_GOOD, _BAD, _MILD, _NEWS, _PRIZE, _QUIET = "bold green", "bold red", "red", "magenta", "yellow", "dim"

COUNTERS = frozenset({"meta_stats", "node_status", "scoreboard_updated"})
"""Events that come with nearly every other one: a person is spared them unless asked for by name."""

FOUND_A_FLAG = Sentence(
    "✓", "green", "{actor} found a flag of {challenge_id}[: {flag_id}][ after {solve_time_s}]"
)
"""A right answer that did not finish its challenge."""

FIRST_BLOOD = Sentence("♦", _BAD, "{actor} drew first blood on {challenge_id}")
"""The first right answer of all teams."""

AGAIN = Sentence("·", _QUIET, "{actor} gave a right answer to {challenge_id} again")
"""A right answer that the team had given before."""

CODES = {
    "auto_stop_after_solve": "it was solved",
    "ttl_expired": "its time was up",
    "user_stopped": "",  # whoever stopped it is named
    "leave": "",
}
"""What the platform's codes mean; of the others it is guessed from their words."""

OWN: dict[str, Sentence] = {
    "ops_failed": Sentence("✖", _BAD, "{counter} has risen by {rise} to {total}"),
    "stream_gap": Sentence("…", "yellow", "events of the last {seconds} s may be missing here"),
    "stream_dropped": Sentence("…", "yellow", "{total} events were dropped here"),
}
"""Those of `EventStream.alerts` that are ours, not the platform's."""

SENTENCES: dict[str, Sentence] = {
    "flag_correct": Sentence("✔", _GOOD, "{actor} solved {challenge_id}[ in {solve_time_s}]"),
    "flag_wrong": Sentence("✘", _MILD, "{actor} gave a wrong answer to {challenge_id}"),
    "achievement_unlocked": Sentence("★", _PRIZE, "{actor} unlocked {achievement_name}[ ({tier})]"),
    "instance_started": Sentence("▸", "blue", "{actor} started {challenge_id}"),
    "instance_ready": Sentence("●", "cyan", "{challenge_id} is ready for {actor}"),
    "instance_renewed": Sentence("↻", "blue", "{actor} renewed {challenge_id}"),
    "instance_stopped": Sentence("■", _QUIET, "{actor} stopped {challenge_id}[: {reason}]"),
    "instance_error": Sentence("✖", _BAD, "{challenge_id} failed for {actor}[: {error}]"),
    "instance_answers_revealed": Sentence("◌", "blue", "{actor} looked up the answers of {challenge_id}"),
    "announcement_created": Sentence("◆", _NEWS, "a new announcement[: {title}][ - {body}]"),
    "announcement_updated": Sentence("◆", _NEWS, "an announcement was changed[: {announcement_id}]"),
    "announcement_deleted": Sentence("◆", _NEWS, "an announcement was withdrawn[: {announcement_id}]"),
    "node_registered": Sentence("▲", "green", "node {node_id} joined[ at {url}]"),
    "node_unhealthy": Sentence("▼", _BAD, "node {node_id} is unhealthy[: {error_message}]"),
    "node_recovered": Sentence("▲", _GOOD, "node {node_id} has recovered[ after {downtime_seconds}]"),
    "node_removed": Sentence("▼", "yellow", "node {node_id} was removed"),
    "node_status": Sentence("·", _QUIET, "node {node_id}:[ cpu {cpu_percent} %][ memory {memory_percent} %]"),
    "meta_stats": Sentence(
        "·",
        _QUIET,
        "{running_instances} instances, {solves_total} solves[, {nodes_healthy} of {nodes_total} nodes]",
    ),
    "scoreboard_updated": Sentence("·", _QUIET, "the scoreboard has changed"),
    "competition_created": Sentence("◆", _NEWS, "a new contest: {competition_id}"),
    "competition_updated": Sentence("◆", _NEWS, "the contest {competition_id} was changed"),
    "competition_deleted": Sentence("◆", _NEWS, "the contest {competition_id} was deleted"),
    "competition_registered": Sentence("+", "green", "{actor} entered {competition_title}"),
    "competition_unregistered": Sentence("-", "yellow", "{actor} left {competition_title}"),
    "team_registered": Sentence("+", "green", "{actor} is a new team"),
    "team_deleted": Sentence("-", "yellow", "the team {team_name} was deleted"),
    "team_member_joined": Sentence("+", "green", "{actor} joined a team"),
    "team_member_left": Sentence("-", "yellow", "{actor} left a team"),
    "team_member_kicked": Sentence("-", "yellow", "{actor} put {target_user_name} out of the team"),
    "team_disqualified": Sentence("✖", _BAD, "{actor} disqualified a team[: {reason}]"),
    "foreign_answer_submitted": Sentence("⚑", _BAD, "{actor} gave another team's answer to {challenge_id}"),
    "awd_round_settled": Sentence("◷", "cyan", "round {tick} of {competition_id} is settled"),
    "patch_submitted": Sentence("▸", "blue", "{actor} sent a patch for {challenge_id}"),
    "patch_judged": Sentence("●", "cyan", "the patch of {actor} for {challenge_id}: {verdict}"),
    "task_failed": Sentence("✖", _BAD, "the task {task_kind} failed[: {error}]"),
    "task_succeeded": Sentence("✓", "green", "the task {task_kind} is done[: {summary}]"),
    "user_login": Sentence("→", _QUIET, "{actor} logged in[ with {provider}]"),
    "user_login_failed": Sentence("✘", _MILD, "{actor} could not log in[ with {provider}]"),
    "user_registered": Sentence("+", "green", "{actor} has a new account"),
}
