"""`history`: what has happened so far, as a stream that ends."""

from __future__ import annotations

import httpx
from typing_extensions import Unpack

from ctfy_rx.catalogue import Payload
from ctfy_rx.connection.client_maker import ClientFactory
from ctfy_rx.connection.credentials import Token, url_and_token, with_environment
from ctfy_rx.connection.frames import frames
from ctfy_rx.connection.options import FramesOptions
from ctfy_rx.connection.steps import Steps
from ctfy_rx.contest.absence import absence_from
from ctfy_rx.contest.naming import names_of
from ctfy_rx.event import Event
from ctfy_rx.pipeline.pipeline import Pipeline
from ctfy_rx.platform.questions import Identity
from ctfy_rx.platform.since import Moment, Since, check_moment, checked
from ctfy_rx.platform.whole_log import logged
from ctfy_rx.stream.stream import EventStream

__all__ = ["history"]


def history(
    url: str | httpx.URL | None = None,
    *,
    token: Token = None,
    since: Since = "start",
    until: Moment | None = None,
    competition: str | None = None,
    client_factory: ClientFactory | None = None,
    path: str | None = None,
    **options: Unpack[FramesOptions],
) -> EventStream:
    """The events of the platform's activity log, oldest first; then it completes. Nothing is asked until
    somebody subscribes.

    ::

        log      a--b--c--d--e-- (now)
                 history(since=b)
                                   bcde|

    `since` and `until`, both inclusive, are times: a datetime, a naive one in local time, or how long ago, a
    timedelta or seconds; `since` may also be ``"start"``, or an event or its cursor, after which it goes on.
    An admin gets everybody's events, a player the own ones. `competition` is the id of the one contest to
    read; where there is none, `NoContest` on `status` and in the log says which there are. All other options
    are those of `events` and `frames`. It is read into memory as a whole, and fails with a `CtfyRxError`
    where it cannot be read: `LogUnavailable`, `TokenRefused`, `ConnectionFailed`.

    >>> from ctfy_rx import demo
    >>> with demo.platform(teams=2) as platform:
    ...     solved = platform.solve(team=0, challenge=0)
    ...     [event.event for event in history(platform.url, token=platform.admin_token, since=60.0)]
    ['flag_correct']
    """
    begins = checked(since)
    if until is not None:
        check_moment("until", until)
    url = None if url is None else str(url)
    if client_factory is None or url:
        url, token = url_and_token(url, path, token)
    elif callable(client_factory):
        client_factory, token = with_environment(client_factory, token)
    source = frames(url, token=token, client_factory=client_factory, path=path, **options)

    def then(rows: list[Event[Payload]], me: Identity) -> Steps[None]:
        yield from absence_from(pipeline, rows, me)
        yield from names_of(pipeline, rows)

    pipeline = Pipeline(
        f"history of {source.address}",
        lambda _: logged(source, begins, until, then),
        cold=True,
        competition=competition,
    )
    stream = EventStream(pipeline, pipeline.events)
    return stream if competition is None else stream.by_competition(competition)
