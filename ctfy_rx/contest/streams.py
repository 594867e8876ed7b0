"""The contest's streams: methods of `EventStream` that ask the platform what frames do not say."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

import msgspec
import reactivex
from reactivex import Observable, abc
from reactivex import operators as ops
from typing_extensions import TypeVar

from ctfy_rx import operators as op
from ctfy_rx.catalogue import AnnouncementCreated, FlagCorrect, FlagWrong, ForeignAnswerSubmitted, Payload
from ctfy_rx.connection.steps import Steps
from ctfy_rx.contest.admins import for_admins
from ctfy_rx.contest.bloods import drawn, fates
from ctfy_rx.contest.boards import Boards
from ctfy_rx.contest.boxes import Box
from ctfy_rx.contest.directory import Directory, look_up
from ctfy_rx.contest.eventual import Eventual
from ctfy_rx.contest.merge_alongside import merge_alongside
from ctfy_rx.contest.mine import mine
from ctfy_rx.contest.naming import Names, named
from ctfy_rx.contest.questions import Json, announcement, bloods, only_competition, public_teams, standings
from ctfy_rx.contest.refreshing import CACHE, refreshed
from ctfy_rx.contest.values import Scoreboard, Standing
from ctfy_rx.delivery.guarded import Composed
from ctfy_rx.errors import ConfigurationError, HttpError
from ctfy_rx.event import Event
from ctfy_rx.operators.bloods import Bloods, Honour
from ctfy_rx.operators.suspicion import Burst, team_key
from ctfy_rx.pipeline.fluent import ItemKeeping
from ctfy_rx.pipeline.lineage import remembering
from ctfy_rx.pipeline.pipeline import Pipeline
from ctfy_rx.platform.questions import Identity
from ctfy_rx.status import Dropped, Gap, Status

if TYPE_CHECKING:
    from ctfy_rx.stream.stream import EventStream

__all__ = ["ContestStreams"]

P = TypeVar("P", bound=Payload, covariant=True, default=Payload)  # noqa: PLC0105 - as in `stream`

_NOT_FOUND = 404
_TEXT_ATTEMPTS = 4


@remembering
class ContestStreams(ItemKeeping[Event[P]]):
    """What `EventStream` knows of a contest."""

    _pipeline: Pipeline

    def _root(self) -> EventStream[Payload]:
        """All events of the connection."""
        raise NotImplementedError

    def _stream(self, source: Observable[Any]) -> EventStream[Any]:
        """A stream of `source` on the same connection."""
        raise NotImplementedError

    # Names

    @property
    def names(self) -> Names:
        """What ids mean, as far as is known; all streams on one connection share it, and `named` keeps it up
        to date."""
        pipeline = self._pipeline
        if pipeline.names is None:
            contests = frozenset({pipeline.competition} if pipeline.competition else ())

            def ask(wanted: frozenset[str]) -> Observable[Directory]:
                return pipeline.ask(lambda: look_up(wanted))

            pipeline.names = Names(ask if pipeline.platform is not None else None, contests)
        names: Names = pipeline.names
        return names

    def named(self) -> Self:
        """The same events with `team_name`, `challenge_name` and `actor_name`, and their `team_id` where it
        can be known.

        Names are the log's, the frame's, or those that the platform tells: looked up in bulk, kept, and
        looked up again when teams or contests change, or an id comes that is not known. The first events of
        the log wait for them, for 2 s at most; until an id is looked up, it is its own name. None where there
        is no id either.
        """
        return self.derived(self.pipe(named(self.names, self._pipeline.timer)))

    def public_teams(self) -> Eventual[frozenset[str]]:
        """The ids of the teams whose names everybody may know, asked without a token: an administrator hears
        the names of anonymous teams too, and what is shown in public should leave those out."""
        asked = self._pipeline.ask(public_teams, public=True)
        return Eventual(asked)

    def by_team(self, team_id: str, /) -> Self:
        """The events of one team, with names. A frame names no team: whose it is, is looked up."""
        return self.derived(self.named().pipe(op.by_team(team_id)))

    def mine(self) -> Self:
        """The events of whoever the token belongs to, and of the own teams.

        Fails with `ConfigurationError` where nobody knows who that is, for want of a token.
        """
        return self.derived(self.filter(mine(self._identity)))

    def _identity(self) -> Identity | None:  # asked when an event comes: a connection that opens finds it out
        return self._pipeline.identity()

    def verdicts(self) -> EventStream[FlagCorrect | FlagWrong]:
        """What became of the answers that I and my teams gave: `flag_correct` and `flag_wrong`, as they
        come."""
        return self._stream(self.mine().pipe(op.of_event(FlagCorrect, FlagWrong)))

    # First bloods

    def first_bloods(
        self, *, by: Honour = "challenge", poll: bool = False, cache: float = CACHE
    ) -> EventStream[FlagCorrect]:
        """The first right answer of all teams in each contest, with names: to each challenge, to each flag
        (``by="flag"``), or the first to finish a challenge (``by="full"``). See `operators.first_bloods`.

        What was drawn before is asked of the platform, so that a bot that starts anew neither repeats nor
        invents any; with ``since=`` it gives those that it missed. It takes an administrator's token: any
        other hears the own teams alone, and this fails with `NeedsAdmin`. With `poll` it needs none: each
        change of the scoreboard has it look at the public breakdown, which is up to `cache` seconds old and
        tells only challenge, team and time, of one contest (``events(competition=...)``, else the only one
        that runs).

        Raises `ConfigurationError` for ``poll=True`` with another `by` than challenges.
        """
        if poll:
            if by != "challenge":
                raise ConfigurationError("poll=True knows the first bloods of challenges: leave by= away")
            return self._stream(self._polled_bloods(cache))
        admins = for_admins(self._pipeline, "first_bloods()", "poll=True")
        return self._stream(self.pipe(admins, op.first_bloods(by=by, seed=self._seed(by)))).named()

    def _seed(self, by: Honour) -> Callable[[str], Observable[Bloods]]:
        names = self.names

        def learned(told: tuple[Bloods, Directory]) -> Bloods:
            names.learn(told[1])
            return told[0]

        def seed(competition: str) -> Observable[Bloods]:
            if not competition or self._pipeline.platform is None:
                return reactivex.of({})
            # Whoever waits for the seed also gets the names, which cost no event any time then.
            return self._pipeline.ask(lambda: _bloods_and_names(competition, by)).pipe(ops.map(learned))

        return seed

    def _polled_bloods(self, cache: float) -> Observable[Event[FlagCorrect]]:
        competition = self._pipeline.competition
        return self._refreshed(lambda: fates(competition), cache=cache).pipe(drawn())

    # Boards and boxes

    def scoreboard(
        self, competition: str | None = None, *, public: bool = False, cache: float = CACHE
    ) -> Boards:
        """The board of a contest: at once, then each that differs.

        ::

            scoreboard_updated  ----------s--s-------------------------------|
            fetched             b         b  b                    b
                                ---b0------------b1-------------------b2-----|

        It is fetched at once, whenever it has changed, and once more when the platform's own `cache`
        (seconds) has expired; all pages of it. Answers that come too late are discarded. `competition` is
        that of ``events(competition=...)``, else the only one that runs. `public` asks without a token: as
        everybody sees it, anonymous teams under their alias. Iterate with `ctfy_rx.to_iter` or
        `to_async_iter`; its ``live()`` is a score wall.
        """
        wanted = competition or self._pipeline.competition

        def fetch() -> Steps[Scoreboard]:
            return (yield from standings(wanted or (yield from only_competition())))

        boards: Observable[Scoreboard] = self._refreshed(fetch, cache=cache, public=public)
        distinct = boards.pipe(ops.distinct_until_changed(_standings))
        return Boards(distinct, wanted, self._root(), self._pipeline)

    def instance(self, instance_id: str, /) -> Box:
        """One instance (box): its events, and ``.ready(timeout=...)``."""
        return Box(instance_id, self._root(), self._pipeline)

    def _refreshed(
        self, steps: Callable[[], Steps[Any]], *, cache: float, public: bool = False
    ) -> Observable[Any]:
        return (
            self._root()
            .of_event("scoreboard_updated")
            .pipe(
                refreshed(
                    lambda: self._pipeline.ask(steps, public=public),
                    cache=cache,
                    timer_of=self._pipeline.timer,
                )
            )
        )

    # News

    def announcements(self, *, texts: bool = True) -> EventStream[AnnouncementCreated]:
        """Every new announcement, with ``title``, ``body``, ``severity`` and ``starts_at`` in its data, as it
        lies in the inbox of the token's owner.

        One whose words cannot be had (there is no token, or it was withdrawn meanwhile) comes by its id
        alone, as all do with `texts` False. Later ones wait for those before them.
        """
        created = self.pipe(op.announcements())
        return self._stream(created.pipe(ops.concat_map(self._with_text)) if texts else created)

    def _with_text(self, event: Event[AnnouncementCreated]) -> Observable[Event[AnnouncementCreated]]:
        its_id = event.payload.announcement_id or event.payload.changelog_id
        if self._pipeline.identity() is None or its_id is None:
            return reactivex.of(event)

        def with_words(item: Json | None) -> Event[AnnouncementCreated]:
            return _with_words(event, item)

        found = self._pipeline.ask(lambda: announcement(its_id), attempts=_TEXT_ATTEMPTS)
        return found.pipe(ops.map(with_words), ops.catch(lambda _, __: reactivex.of(event)))

    def alerts(self) -> EventStream[Payload]:
        """What an organiser must hear of: nodes, instances and tasks that fail, failures that the platform
        only counts, and gaps in what this very stream has heard. See `operators.alerts`.

        Ours are ``ops_failed``, ``stream_gap {seconds, logged, resumable}`` and ``stream_dropped {total}``.
        """
        own = self._pipeline.status.pipe(
            ops.filter(lambda status: isinstance(status, Gap | Dropped)), ops.map(_own_trouble)
        )
        return self._stream(self.pipe(op.alerts(), merge_alongside(own)))

    def shared_flags(self) -> EventStream[ForeignAnswerSubmitted]:
        """Answers that were made for another team, with names. See `operators.shared_flags`.

        Fails with `NeedsAdmin` for any other token than an administrator's.
        """
        admins = for_admins(self._pipeline, "shared_flags()")
        return self._stream(self.pipe(admins, op.shared_flags())).named()

    def burst(
        self,
        n: int,
        within: float | timedelta,
        *,
        of: str | type[Payload] = FlagWrong,
        key: Callable[[Event[Any]], Hashable] = team_key,
    ) -> Observable[Burst]:
        """A `Burst` whenever `n` wrong answers of one team came `within` seconds. See `operators.burst`."""
        return self.named().pipe(op.burst(n, within, of=of, key=key))

    def rate(self, window: float | timedelta, *, every: float = 1.0) -> Observable[float]:
        """How many of these events came a second, over the last `window`. See `operators.rate`."""

        def subscribe(
            observer: abc.ObserverBase[float], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            counting = op.rate(window, every=every, scheduler=self._pipeline.timer(scheduler))
            return self.pipe(counting).subscribe(observer, scheduler=scheduler)

        op.rate(window, every=every)  # what cannot work is refused here
        return Composed(Observable(subscribe), self._pipeline)


def _standings(board: Scoreboard) -> tuple[Standing, ...]:
    return board.standings


def _bloods_and_names(competition: str, by: Honour) -> Steps[tuple[Bloods, Directory]]:
    try:
        taken = yield from bloods(competition, by)
    except HttpError as error:
        if error.status != _NOT_FOUND:
            raise
        return {}, Directory()  # a contest that is gone: an old answer in the log
    return taken, (yield from look_up({competition}))


def _with_words(event: Event[AnnouncementCreated], item: Json | None) -> Event[AnnouncementCreated]:
    if item is None:
        return event
    return event.with_data(**{name: item.get(name) for name in ("title", "body", "severity", "starts_at")})


def _own_trouble(status: Status) -> Event[Payload]:
    data = msgspec.json.encode(status).decode()
    return Event(f"stream_{status.state}", data, received=time.time())
