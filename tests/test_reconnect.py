"""When to try again: the rules, without a clock."""

from __future__ import annotations

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
from ctfy_rx.reconnect import RETRY_CEILING, RETRY_FLOOR, Backoff, Session, is_transient

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


@given(policies, counts)
def test_a_delay_is_never_negative_and_never_above_the_maximum(backoff, failures):
    assert 0 <= backoff.delay(failures) <= backoff.maximum


@given(jitter=shares, chance=shares, failures=st.integers(1, 10_000))
def test_chance_takes_off_no_more_than_its_share(jitter, chance, failures):
    without = Backoff(jitter=0).delay(failures)
    delay = Backoff(jitter=jitter, random=lambda: chance).delay(failures)
    assert without * (1 - jitter) <= delay <= without


@given(failures=counts)
def test_another_failure_never_shortens_the_delay(failures):
    assert Backoff(jitter=0).delay(failures + 1) >= Backoff(jitter=0).delay(failures)


@given(asked=st.floats(0, 1e300), jitter=shares, chance=shares, failures=counts)
def test_what_the_server_asks_for_is_never_undercut(asked, jitter, chance, failures):
    backoff = Backoff(jitter=jitter, random=lambda: chance)
    heard = min(max(asked, RETRY_FLOOR), RETRY_CEILING)
    assert heard <= backoff.delay(failures, retry=asked) <= 2 * RETRY_CEILING
    assert heard <= backoff.delay(failures, retry_after=asked) <= RETRY_CEILING + backoff.initial


def test_retry_after_counts_before_retry():
    assert Backoff(jitter=0).delay(3, retry=5.0, retry_after=7.0) == 7.0


def test_retry_above_the_maximum_is_waited_and_does_not_grow():
    assert Backoff(jitter=0).delay(9, retry=60.0) == 60.0


@pytest.mark.parametrize(
    ("uptime", "clean", "failures"),
    [(59.9, True, 4), (59.9, False, 4), (60.0, True, 0), (60.0, False, 1)],
)
def test_failures_in_a_row_end_with_a_connection_that_lasted(uptime, clean, failures):
    assert Backoff(reset_after=60).failures_after(3, uptime=uptime, clean=clean) == failures


@pytest.mark.parametrize(("limit", "failures", "enough"), [(None, 10**9, False), (3, 2, False), (3, 3, True)])
def test_it_gives_up_after_max_attempts(limit, failures, enough):
    assert Backoff(max_attempts=limit).gives_up(failures) is enough


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
