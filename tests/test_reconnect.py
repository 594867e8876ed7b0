"""When to try again: the rules, without a clock."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctfy_rx.errors import (
    BadRedirect,
    CertificateRejected,
    ConfigurationError,
    ConnectionFailed,
    ConnectionTimedOut,
    FrameTooLarge,
    HttpError,
    LoopClosed,
    NotAnEventStream,
    StreamClosed,
    TokenRefused,
    TooManyStreams,
)
from ctfy_rx.reconnect import RETRY_CEILING, RETRY_FLOOR, Attempts, Backoff, Ended, Session, is_transient


def test_the_numbers_of_a_program_that_has_seeded_its_own_are_left_alone():
    before = random.getstate()
    assert 0.5 <= Backoff().delay(1) <= 1.0
    assert random.getstate() == before


seconds = st.floats(0, 1e6)
shares = st.floats(0, 1)
counts = st.integers(0, 10_000)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionFailed("broke"),
        ConnectionTimedOut("silence"),
        ConnectionResetError(),
        TimeoutError(),
        TooManyStreams("too many", status=429),
        *(HttpError("later", status=status) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
    ids=repr,
)
def test_what_may_be_gone_at_the_next_attempt_is_transient(error):
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        CertificateRejected("self-signed"),
        TokenRefused("no", status=401),
        TokenRefused("no", status=403),
        NotAnEventStream("a page", status=200),
        BadRedirect("round in circles", status=302),
        *(HttpError("no", status=status) for status in (204, 400, 404, 410)),
        FrameTooLarge(10),
        LoopClosed("ended"),
        StreamClosed("closed"),
        ConfigurationError("wrong"),
        ValueError("a bug"),
    ],
    ids=repr,
)
def test_what_will_be_the_same_at_the_next_attempt_is_not_transient(error):
    assert not is_transient(error)


policies = st.builds(
    lambda chance, **options: Backoff(**options, random=lambda: chance),
    chance=shares,
    initial=seconds,
    maximum=seconds,
    factor=st.floats(1, 1e300),
    jitter=shares,
)


@given(policies, counts, st.none() | seconds)
def test_a_delay_is_never_negative_and_never_above_the_maximum_whatever_retry_asks(backoff, failures, retry):
    assert 0 <= backoff.delay(failures, retry=retry) <= backoff.maximum


@given(jitter=shares, chance=shares, failures=st.integers(1, 10_000))
def test_chance_takes_off_no_more_than_its_share(jitter, chance, failures):
    without = Backoff(jitter=0).delay(failures)
    delay = Backoff(jitter=jitter, random=lambda: chance).delay(failures)
    assert without * (1 - jitter) <= delay <= without


@given(failures=counts)
def test_another_failure_never_shortens_the_delay(failures):
    assert Backoff(jitter=0).delay(failures + 1) >= Backoff(jitter=0).delay(failures)


@given(asked=st.floats(0, 1e300), jitter=shares, chance=shares, failures=counts)
def test_retry_after_is_never_undercut_and_has_a_bound_of_its_own(asked, jitter, chance, failures):
    backoff = Backoff(jitter=jitter, random=lambda: chance)
    heard = min(max(asked, RETRY_FLOOR), RETRY_CEILING)
    assert backoff.delay(failures, retry_after=asked) == pytest.approx(heard * (1 + jitter * chance))


@given(asked=st.floats(0, 1e300), jitter=shares, chance=shares, failures=counts)
def test_retry_is_never_undercut_but_where_chance_would_exceed_the_maximum(asked, jitter, chance, failures):
    backoff = Backoff(jitter=jitter, random=lambda: chance)
    assert backoff.delay(failures, retry=asked) >= min(max(asked, RETRY_FLOOR), 30 / (1 + jitter))


@pytest.mark.parametrize(
    ("failures", "asked"),
    [(0, {}), (1, {}), (9, {}), (0, {"retry": 1}), (9, {"retry": 1}), (1, {"retry": 60})]
    + [(failures, {"retry_after": seconds}) for failures in (1, 9) for seconds in (0, 60, 1000)],
    ids=str,
)
def test_clients_that_were_sent_away_together_come_back_over_a_share_of_the_delay(failures, asked):
    seeds = random.Random(1)
    delays = sorted(Backoff(random=seeds.random).delay(failures, **asked) for _ in range(1000))
    assert delays[-1] - delays[0] > 0.3 * delays[-1]
    assert max(later - earlier for earlier, later in pairwise(delays)) < 0.02 * delays[-1]


def test_retry_after_counts_before_retry():
    assert Backoff(jitter=0).delay(3, retry=5.0, retry_after=7.0) == 7.0


@pytest.mark.parametrize("jitter", [0, 0.5, 1])
@pytest.mark.parametrize(("retry", "failures"), [(60.0, 1), (60.0, 9), (1.0, 9)])
def test_retry_and_what_chance_adds_end_at_the_maximum(jitter, retry, failures):
    backoff = Backoff(jitter=jitter, random=lambda: 1.0)
    assert backoff.delay(failures, retry=retry) == pytest.approx(30.0)


# Which connections count as failures


def after(*connections, **options):
    """The delays after each of `connections`."""
    attempts = Attempts(Backoff(jitter=0, **options))
    delays = []
    for ended in connections:
        assert attempts.after(ended) is None
        delays.append(attempts.delay)
    return delays


LOST = ConnectionFailed("lost")
NOTHING = Ended(error=LOST)
ROTATED = Ended(delivered=True, uptime=30)


@pytest.mark.parametrize(
    "ended",
    [
        ROTATED,
        Ended(delivered=True),  # a page that answers a poll
        Ended(uptime=60),  # quiet, but it lasted
    ],
    ids=str,
)
def test_a_clean_close_of_a_healthy_connection_is_followed_by_the_initial_delay(ended):
    assert after(*[ended] * 5) == [1] * 5
    assert after(NOTHING, NOTHING, NOTHING, ended, ended) == [1, 2, 4, 1, 1]


def test_it_does_not_grow_by_such_a_close_either():
    assert after(ROTATED, ROTATED, NOTHING, NOTHING) == [1, 1, 1, 2]


@pytest.mark.parametrize("delivered", [True, False])
def test_after_a_clean_close_the_server_waits_for_what_it_asked(delivered):
    assert after(*[Ended(delivered=delivered, retry=3.0)] * 5) == [3] * 5


def test_what_the_server_asked_holds_for_the_connections_after_it():
    asking = Ended(delivered=True, retry=3.0)
    assert after(asking, ROTATED, NOTHING, NOTHING, Ended()) == [3, 3, 3, 6, 12]


def test_a_server_that_accepts_and_closes_with_nothing_is_left_alone_longer_and_longer():
    assert after(*[Ended(uptime=1)] * 6) == [1, 2, 4, 8, 16, 30]


@pytest.mark.parametrize(("uptime", "delay"), [(3.9, 8), (4, 1), (59, 1)])
def test_growth_begins_anew_after_one_that_delivered_and_was_open_as_long_as_the_wait_before_it(
    uptime, delay
):
    ended = Ended(error=LOST, delivered=True, uptime=uptime)
    assert after(NOTHING, NOTHING, NOTHING, ended) == [1, 2, 4, delay]


@pytest.mark.parametrize(("uptime", "delay"), [(59, 4), (60, 1)])
def test_without_an_event_growth_begins_anew_after_reset_after(uptime, delay):
    assert after(NOTHING, NOTHING, Ended(error=LOST, uptime=uptime)) == [1, 2, delay]


# Giving up


def gives_up_with(*connections, max_attempts):
    """The error after the last of `connections`; there was none before."""
    attempts = Attempts(Backoff(max_attempts=max_attempts))
    *before, last = connections
    assert [attempts.after(ended) for ended in before] == [None] * len(before)
    return attempts.after(last)


def test_max_attempts_counts_connections_in_a_row_that_delivered_nothing():
    broken = Ended(error=LOST, delivered=True)
    assert gives_up_with(*[broken] * 9, *[ROTATED] * 9, NOTHING, NOTHING, max_attempts=2) is LOST
    assert gives_up_with(NOTHING, broken, NOTHING, Ended(uptime=60), NOTHING, max_attempts=2) is None


def test_without_any_error_it_says_what_the_server_does():
    error = gives_up_with(Ended(), Ended(retry=1), Ended(), max_attempts=3)
    assert isinstance(error, ConnectionFailed)
    assert str(error) == "the server closed 3 connections in a row without sending an event"


def test_the_error_is_the_last_real_one_of_those_that_came_to_nothing():
    earlier = ConnectionFailed("earlier")
    assert gives_up_with(Ended(error=earlier), NOTHING, Ended(), max_attempts=3) is LOST
    last = gives_up_with(Ended(error=earlier, delivered=True), Ended(), Ended(), max_attempts=2)
    assert "without sending an event" in str(last)


@pytest.mark.parametrize(
    "options",
    [
        {"initial": -0.1},
        {"maximum": -0.1},
        {"factor": 0.9},
        {"jitter": 1.5},
        {"reset_after": -1},
        {"max_attempts": 0},
    ],
)
def test_a_policy_without_a_meaning_is_refused(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Backoff(**options)


def test_a_new_session_knows_nothing_but_where_to_begin():
    session = Session("41")
    session.on_open()
    assert (session.last_event_id, session.retry, session.loop) == ("41", None, None)
