"""What people call the events of a contest, and which of the platform's they mean."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MEANINGS", "Meaning", "meaning_of"]


class Meaning(NamedTuple):
    """The name of an event, or the pattern of several, and the `stream` of a stream that gives them."""

    events: str
    stream: str

    def __str__(self) -> str:
        return f"did you mean {self.events!r}?"


MEANINGS = {
    Meaning("flag_correct", "solves"): "solve solves solved flag flags correct right right_answer",
    Meaning("flag_correct", "first_bloods"): "blood bloods first_blood first_bloods firstblood",
    Meaning("flag_wrong", "wrong_answers"): "wrong wrong_answer wrong_answers incorrect",
    Meaning("flag_*", "verdicts"): "verdict verdicts answer answers submission submissions attempt attempts",
    Meaning("achievement_unlocked", "achievements"): "achievement achievements badge badges",
    Meaning("announcement_created", "announcements"): "announcement announcements notification news",
    Meaning("instance_*", "instances"): "instance instances box boxes",
    Meaning("scoreboard_updated", "scoreboard"): "scoreboard board score scores ranking leaderboard",
    Meaning("node_unhealthy", "alerts"): "alert alerts",
    Meaning("foreign_answer_submitted", "shared_flags"): "shared_flag shared_flags cheat cheating",
}
"""Each with the words for it."""

_BY_WORD = {word: meaning for meaning, words in MEANINGS.items() for word in words.split()}


def meaning_of(word: str) -> Meaning | None:
    """What `word` means, None where it is none of the usual ones.

    >>> print(meaning_of("First blood"))
    did you mean 'flag_correct'?
    """
    return _BY_WORD.get(word.strip().lower().replace("-", "_").replace(" ", "_"))
