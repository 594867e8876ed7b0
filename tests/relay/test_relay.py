"""From a platform to the broker: each stored event once, late but not lost, whatever befalls the broker."""

from __future__ import annotations

import pytest

import ctfy_rx
from ctfy_rx.errors import BrokerRefused, ConfigurationError
from ctfy_rx.relay import Limits, SignalsDropped
from ctfy_rx.status import Open, Waiting

from ..support.waiting import until


def stored(p):
    return [event.log_id for event in ctfy_rx.history(p.url, token=p.admin_token)]


def heard(broker, **options):
    """The events in the broker from the start, in a list that grows."""
    events = []
    stream = ctfy_rx.from_nats(broker.url, since="start", initial=0.05, **options)
    stream.subscribe(events.append)
    return events, stream


def ids(events):
    return [event.log_id for event in events if event.log_id is not None]


def test_what_the_log_holds_is_published_with_all_that_is_known_of_it(p, broker, relay):
    p.solve(team=0, challenge=0)
    p.wrong(team=1, challenge=0)
    (expected, *_) = ctfy_rx.history(p.url, token=p.admin_token)
    relay()
    events, stream = heard(broker)
    with stream:
        assert until(lambda: len(ids(events)) == 2)
    first = events[0]
    assert first.data == expected.data
    assert (first.event, first.log_id, first.logged, first.team_id, first.team_name, first.origin) == (
        expected.event,
        expected.log_id,
        expected.logged,
        expected.team_id,
        expected.team_name,
        "log",
    )
    assert [event.id for event in events] == [str(number) for number in range(1, len(events) + 1)]


def test_two_relays_publish_each_stored_event_once(p, broker, relay):
    first, second = relay(), relay()
    events, stream = heard(broker)
    with stream:
        for team in range(3):
            for challenge in range(4):
                p.solve(team=team, challenge=challenge)
        assert until(lambda: len(ids(events)) >= 12)
        assert until(lambda: first.stats.published + first.stats.duplicates == 12)
        assert until(lambda: second.stats.published + second.stats.duplicates == 12)
    assert sorted(ids(events)) == stored(p)
    assert first.stats.published + second.stats.published == 12
    assert first.stats.duplicates + second.stats.duplicates == 12


def test_a_relay_that_starts_goes_on_after_what_was_published_last(p, broker, relay):
    p.solve(team=0, challenge=0)
    first = relay()
    assert until(lambda: first.stats.published == 1)
    first.close()
    p.solve(team=1, challenge=0)
    second = relay()
    assert until(lambda: second.stats.published == 1)
    assert second.stats.duplicates == 0
    events, stream = heard(broker)
    with stream:
        assert until(lambda: len(ids(events)) == 2)
    assert ids(events) == stored(p)


def test_signals_are_published_without_an_id_and_marked(p, broker, relay):
    one = relay()
    assert until(lambda: isinstance(one.upstream.current, Open))
    p.announce("Lunch")
    events, stream = heard(broker, events="announcement_created")
    with stream:
        assert until(lambda: events)
    (signal,) = events
    assert (signal.log_id, signal.origin) == (None, "live")
    assert until(lambda: one.stats.signals)


def test_while_the_broker_is_down_events_come_late_and_signals_are_counted_as_dropped(p, broker, relay):
    one = relay()
    told = []
    one.status.subscribe(told.append)
    assert until(lambda: isinstance(one.upstream.current, Open))
    broker.kill()
    assert until(lambda: isinstance(one.status.current, Waiting))
    p.solve(team=0, challenge=0)
    p.announce("Lunch")
    assert until(lambda: one.stats.signals_dropped)
    broker.start()
    events, stream = heard(broker)
    with stream:
        assert until(lambda: ids(events) == stored(p))
    assert "announcement_created" not in [event.event for event in events]
    assert any(isinstance(status, SignalsDropped) for status in told)
    assert any(isinstance(status, Waiting) for status in told)


def test_a_broker_that_is_full_is_told_of_and_gets_everything_later(p, broker, relay):
    one = relay(limits=Limits(max_bytes=1_000_000))
    assert until(lambda: isinstance(one.status.current, Open))
    edit(broker, max_bytes=1, discard="new")
    p.solve(team=0, challenge=0)
    assert until(lambda: isinstance(one.status.current, Waiting))
    assert "maximum bytes exceeded" in str(one.status.current)
    edit(broker, max_bytes=1_000_000, discard="new")
    assert until(lambda: one.stats.published == 1)


def test_a_broker_that_does_not_let_us_in_is_told_of_and_tried_again(p, broker, relay):
    broker.configure('authorization: {user: relay, password: "s3cret-of-the-relay"}')
    broker.restart()
    one = relay(nats={"user": "relay", "password": "wr0ng-one"})
    assert until(lambda: isinstance(one.status.current, Waiting))
    assert isinstance(one.status.current.cause, BrokerRefused)
    assert "does not allow it" in str(one.status.current)
    p.solve(team=0, challenge=0)
    broker.configure('authorization: {user: relay, password: "wr0ng-one"}')
    broker.restart()
    assert until(lambda: one.stats.published == 1)


def test_no_password_of_the_broker_is_in_what_is_told(p, broker, relay):
    broker.configure('authorization: {user: relay, password: "s3cret-of-the-relay"}')
    broker.restart()
    one = relay(to=f"nats://relay:wr0ng-one@127.0.0.1:{broker.port}")
    assert until(lambda: isinstance(one.status.current, Waiting))
    assert "wr0ng-one" not in str(one.status.current) + repr(one.status.current) + one.address


def test_a_broker_that_answers_nothing_more_is_left_and_gets_everything_later(p, broker, relay):
    one = relay(nats={"ping_interval": 0.5})
    assert until(lambda: isinstance(one.status.current, Open))
    broker.pause()
    p.solve(team=0, challenge=0)
    assert until(lambda: isinstance(one.status.current, Waiting))
    broker.resume()
    events, stream = heard(broker)
    with stream:
        assert until(lambda: ids(events) == stored(p))


def test_an_event_that_is_larger_than_the_broker_takes_holds_up_nothing(p, broker, relay, caplog):
    broker.configure("max_payload: 1500")  # of which the headers may take most
    broker.restart()
    p.solve(team=0, challenge=0)
    one = relay()
    assert until(lambda: one.stats.published == 1)
    events, stream = heard(broker)
    with stream:
        assert until(lambda: ids(events) == stored(p))
    assert (events[0].event, events[0].data) == ("flag_correct", "")
    assert "larger than the broker takes" in caplog.text


def test_a_stream_that_is_not_fit_for_events_is_refused(p, broker, relay):
    edit(broker, create=True, duplicate_window=120.0)
    one = relay()
    assert until(lambda: one.status.current.state == "closed")
    assert isinstance(one.status.current.cause, ConfigurationError)
    assert "duplicate window is 120 s" in str(one.status.current.cause)


def test_a_stream_with_other_limits_than_asked_for_is_refused(p, broker, relay):
    one = relay()
    assert until(lambda: isinstance(one.status.current, Open))
    other = relay(limits=Limits(max_age=7200.0))
    assert until(lambda: other.status.current.state == "closed")
    assert "its max_age is 0.0, not 7200.0" in str(other.status.current.cause)


def test_a_token_that_cannot_read_the_log_ends_the_relay(p, broker, relay):
    one = relay(token="pt_unknown")
    assert until(lambda: one.status.current.state == "closed")
    assert isinstance(one.status.current.cause, ctfy_rx.TokenRefused)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"replicas": 2}, "replicas must be 1, 3 or 5"),
        ({"max_age": -1.0}, "max_age must be more than 0"),
        ({"max_age": 60.0, "duplicate_window": 120.0}, "must not exceed max_age"),
    ],
)
def test_limits_that_cannot_be_are_refused(limits, says):
    with pytest.raises(ConfigurationError, match=says):
        Limits(**limits)


def edit(broker, *, create: bool = False, **config):
    """Change the stream, as an administrator of the broker does."""
    import asyncio

    import nats

    async def change():
        client = await nats.connect(broker.url)
        js = client.jetstream()
        if create:
            await js.add_stream(name="CTFY", subjects=["ctfy.events.>"], **config)
        else:
            before = (await js.stream_info("CTFY")).config
            await js.update_stream(before.evolve(**config))
        await client.close()

    asyncio.run(change())
