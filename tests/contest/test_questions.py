"""What the platform's routes refuse is told in a sentence that fits what was asked."""

from __future__ import annotations

from typing import Any

import pytest

from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.connection.steps import Answer, Drive, Steps
from ctfy_rx.contest.questions import breakdown, instance, public_teams, standings
from ctfy_rx.errors import HttpError
from ctfy_rx.ledger import Ledger
from ctfy_rx.platform.questions import Identity, Log, identify


def refused(steps: Steps[Any], status: int) -> str:
    asking = Drive(steps)
    with pytest.raises(HttpError) as error:
        asking.answered(Answer(status, {}, b"", "http://ctf.example/api/v1/…", Secrets("")))
    return str(error.value).removeprefix(f"http://ctf.example/api/v1/… answered {status}: ")


def log(status: int) -> str:
    return refused(Log(Identity("7", "root")).catch_up(Ledger(None)), status)


def test_what_is_not_there_is_named():
    assert refused(standings("nope"), 404) == "there is no contest 'nope': check its id"
    assert refused(breakdown("nope"), 404) == "there is no contest 'nope': check its id"
    assert refused(instance("nope"), 404) == "there is no instance 'nope': check its id"
    assert refused(public_teams(), 404) == "the platform has nothing at this address: check the URL"
    assert log(404).startswith("there is no activity log; ")


def test_what_a_token_may_not_see_is_no_reason_to_doubt_it_alone():
    assert refused(instance("a"), 403).startswith("the token is refused, or may not see this: ")
    assert refused(identify(), 403).startswith("the token is refused, or one is needed: ")
    assert log(403).startswith("this token cannot read the log; ")


@pytest.mark.parametrize("steps", [standings("a"), instance("a"), public_teams(), identify()])
def test_a_platform_in_trouble_is_not_said_to_serve_no_stream(steps: Steps[Any]):
    assert refused(steps, 503) == "the server cannot answer this now"
