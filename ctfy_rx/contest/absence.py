"""What tells that the one contest of a stream is not there: its events would be waited for in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from reactivex.disposable import Disposable, SerialDisposable

from ctfy_rx.connection.steps import Steps
from ctfy_rx.contest.directory import contest_of
from ctfy_rx.contest.questions import contests_instead_of
from ctfy_rx.errors import CtfyRxError
from ctfy_rx.event import Event
from ctfy_rx.pipeline.pipeline import Pipeline
from ctfy_rx.platform.questions import Identity
from ctfy_rx.status import Closed, Idle, NoContest, Open, Status

__all__ = ["absence", "absence_from"]


def absence(pipeline: Pipeline, competition: str) -> Callable[[Status], None]:
    """What looks at each status of the stream. Each time that it opens the platform is asked, until it has
    answered once, whether there is such a `competition` for us; where there is none, the status tells.

    ::

        status    --connecting--open(nobody)---------------
        platform                 |--GET /competitions/x, 404
                  --connecting--open(nobody)--NoContest(x)-
    """
    asking = SerialDisposable()
    answered = False

    def ask(who: str, *, public: bool) -> None:
        def hear(others: tuple[tuple[str, str], ...] | None) -> None:
            nonlocal answered
            answered = True
            if others is not None:
                pipeline.tell(NoContest(competition, who, others))

        answer = pipeline.ask(lambda: contests_instead_of(competition), public=public)
        asking.disposable = answer.subscribe(hear, _ask_again_when_it_opens)

    def look(status: Status) -> None:
        match status:
            case Open() if not answered and _is_in_doubt(pipeline, status, competition):
                ask(status.who, public=status.nobody)
            case Idle() | Closed():
                asking.disposable = Disposable()
            case _:
                pass

    return look


def _is_in_doubt(pipeline: Pipeline, status: Open, competition: str) -> bool:
    """Whether there is a platform, and it has not said that we play there."""
    me = pipeline.identity()
    return status.nobody if me is None else competition not in me.contests


def _ask_again_when_it_opens(_: Exception) -> None:
    pass


def absence_from(pipeline: Pipeline, rows: Iterable[Event[Any]], me: Identity) -> Steps[None]:
    """The same for the log that was read to its end, once: what must be asked where none of its `rows` is of
    the one contest. There may be some of a contest that is gone."""
    one = pipeline.competition
    if one is None or one in me.contests or any(contest_of(row) == one for row in rows):
        return
    with suppress(CtfyRxError):  # the rows, of which there are none, have come all the same
        others = yield from contests_instead_of(one)
        if others is not None:
            pipeline.tell(NoContest(one, str(me), others))
