"""The statuses: what they say to people."""

import msgspec
import pytest

from ctfy_rx import status
from ctfy_rx.status import (
    Closed,
    Connecting,
    Dropped,
    Gap,
    Idle,
    Lagging,
    Late,
    News,
    NoContest,
    Open,
    Status,
    SubscriberFailed,
    Waiting,
)

LOST = ConnectionError("connection refused")

NONE_OF_THAT_NAME = (
    "there is no contest 'Final' that root (admin) may see, so none of its events come: "
    "competition= takes an id, one of a (A), b, c (C), d (D), e (E), …"
)
NONE_OF_THAT_NAME_FOR_NOBODY = (
    "there is no contest 'Final' that everybody may see, so none of its events come: competition= takes an id"
)

SENTENCES = [
    (Idle(), "idle", "idle: the first subscriber opens the connection"),
    (Connecting(), "connecting", "connecting"),
    (Connecting(3), "connecting", "connecting (attempt 3)"),
    (Open(), "open", "connected"),
    (Open("root (admin)"), "open", "connected as root (admin)"),
    (Open(nobody=True), "open", "connected; nobody: signals only"),
    (Open(refused=LOST), "open", "connected; nobody: signals only (connection refused)"),
    (Waiting(4.0, LOST, 2), "waiting", "reconnecting in 4.0 s: connection refused"),
    (Waiting(0.26, None, 2), "waiting", "reconnecting in 0.3 s: the server ended the connection"),
    (Waiting(1, ConnectionResetError(), 2), "waiting", "reconnecting in 1.0 s: ConnectionResetError"),
    (Gap(2.5), "gap", "events of the last 2.5 s may be missing"),
    (Gap(2.5, True), "gap", "events of the last 2.5 s that the log does not hold may be missing"),
    (
        Gap(2.5, resumable=True),
        "gap",
        "events of the last 2.5 s may be missing, if the server cannot give them again",
    ),
    (Late(2.0, LOST), "late", "events come late, the log is read again in 2.0 s: connection refused"),
    (Lagging(3.25), "lagging", "subscribers are slow: events wait 3.2 s for them"),
    (
        NoContest("Final", "root (admin)", tuple(zip("abcdef", ["A", "", *"CDEF"], strict=True))),
        "no_contest",
        NONE_OF_THAT_NAME,
    ),
    (NoContest("Final"), "no_contest", NONE_OF_THAT_NAME_FOR_NOBODY),
    (Dropped(7), "dropped", "a consumer is too slow: 7 events dropped"),
    (
        SubscriberFailed(LOST, 7, "bot.py:12: stream.map(ask)"),
        "subscriber_failed",
        "a subscriber has ended on 7: ConnectionError: connection refused, at bot.py:12: stream.map(ask)",
    ),
    (
        SubscriberFailed(ValueError()),
        "subscriber_failed",
        "a subscriber has ended: ValueError",
    ),
    (Closed(), "closed", "closed"),
    (Closed(LOST), "closed", "closed: connection refused"),
    (Closed(ConnectionResetError()), "closed", "closed: ConnectionResetError"),
]


@pytest.mark.parametrize(
    ("item", "state", "sentence"), SENTENCES, ids=[sentence for *_, sentence in SENTENCES]
)
def test_a_status_has_a_word_and_a_sentence(item, state, sentence):
    assert (item.state, str(item)) == (state, sentence)


def test_statuses_are_values():
    assert Waiting(1.0, LOST, 2) == Waiting(1.0, LOST, 2) != Waiting(1.0, LOST, 3)
    assert len({Open(), Open(), Gap(1.0), Gap(1.0)}) == 2


def test_a_status_cannot_be_changed():
    with pytest.raises(AttributeError):
        Connecting().attempt = 2


def test_every_status_has_a_state_of_its_own():
    kinds = [kind for kind in vars(status).values() if isinstance(kind, type) and issubclass(kind, Status)]
    states = [kind.state for kind in kinds if kind not in {Status, News}]
    assert all(states)
    assert len(set(states)) == len(states) == 11
    assert all(issubclass(kind, msgspec.Struct) for kind in kinds)
