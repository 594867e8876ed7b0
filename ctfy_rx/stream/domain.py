"""The domain's operators as methods of a stream."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Self, cast, overload

from reactivex import Observable, abc
from typing_extensions import TypeVar, override

from ctfy_rx import operators as op
from ctfy_rx.catalogue import AchievementUnlocked, FlagCorrect, FlagWrong, Payload
from ctfy_rx.delivery.buffer import DEFAULT_BUFFER, Policy, check_buffer
from ctfy_rx.delivery.guarded import Composed
from ctfy_rx.event import Event
from ctfy_rx.operators.of_event import selected
from ctfy_rx.operators.solves import DEFAULT_MAX_KEYS
from ctfy_rx.pipeline.kept import Kept
from ctfy_rx.pipeline.lineage import remembering
from ctfy_rx.stream.shared import SharedStream

if TYPE_CHECKING:
    from ctfy_rx.stream.stream import EventStream

__all__ = ["DomainStream"]

P = TypeVar("P", bound=Payload, covariant=True, default=Payload)  # noqa: PLC0105 - as in `stream`
Q = TypeVar("Q", bound=Payload)


@remembering
class DomainStream(SharedStream[P]):
    """A stream with the domain's operators; each gives a stream again."""

    @overload
    def of_event(self, name: type[Q], /) -> EventStream[Q]: ...
    @overload
    def of_event(self, *names: str | type[Payload]) -> EventStream[Payload]: ...
    def of_event(self, *names: str | type[Payload]) -> EventStream[Any]:
        """The events of some names: names, patterns, payload classes. See `operators.of_event`."""
        return self._with(op.of_event(*cast("tuple[str, str]", names)))

    def solves(self, *, max_keys: int = DEFAULT_MAX_KEYS) -> EventStream[FlagCorrect]:
        """The first right answer of each team to each flag. See `operators.solves`."""
        return self._with(op.solves(max_keys=max_keys))

    def solved_challenges(self, *, max_keys: int = DEFAULT_MAX_KEYS) -> EventStream[FlagCorrect]:
        """The answers that finished a challenge, once for each team. See `operators.solved_challenges`."""
        return self._with(op.solved_challenges(max_keys=max_keys))

    def distinct_by(self, key: Callable[[Event[P]], Hashable], *, max_keys: int = DEFAULT_MAX_KEYS) -> Self:
        """The events whose `key` is not among those met last. See `operators.distinct_by`."""
        return self.derived(self.pipe(op.distinct_by(key, max_keys=max_keys)))

    def wrong_answers(self) -> EventStream[FlagWrong]:
        """Every wrong answer."""
        return self._with(op.wrong_answers())

    def achievements(self) -> EventStream[AchievementUnlocked]:
        """Every achievement that somebody unlocked."""
        return self._with(op.achievements())

    def instances(self) -> EventStream[Payload]:
        """Everything that happens to instances (boxes)."""
        return self._with(op.instances())

    def where(self, **fields: Any) -> Self:
        """The events whose data have these fields with these values. See `operators.where`."""
        return self.derived(self.pipe(op.where(**fields)))

    def by_competition(self, competition_id: str, /, *, and_of_none: bool = False) -> Self:
        """The events of one contest. See `operators.by_competition`."""
        return self.derived(self.pipe(op.by_competition(competition_id, and_of_none=and_of_none)))

    def by_actor(self, actor_id: str, /) -> Self:
        """The events that one actor caused. See `operators.by_actor`."""
        return self.derived(self.pipe(op.by_actor(actor_id)))

    def buffered(self, size: int = DEFAULT_BUFFER, policy: Policy = "drop_oldest") -> Self:
        """These events, each subscriber with a thread and a buffer of its own; the status tells of drops. See
        `operators.buffered`.

        Raises `ConfigurationError` for ``policy="block"`` on a live stream, whose source cannot wait.
        """
        check_buffer(size, policy, source_can_wait=not self._pipeline.live)
        return self.derived(self.pipe(op.buffered(size, policy, make_drops=self._pipeline.drops)))

    if TYPE_CHECKING:  # what comes together may be of different payloads

        @override
        def merge(
            self, *sources: Observable[Event[Q]], max_concurrent: int | None = None
        ) -> EventStream[P | Q]: ...
        @override
        def concat(self, *sources: Observable[Event[Q]]) -> EventStream[P | Q]: ...
        @override
        def __add__(self, other: Observable[Event[Q]]) -> EventStream[P | Q]: ...
        @override
        def __iadd__(self, other: Observable[Event[Q]]) -> EventStream[P | Q]: ...

    def selected(self, matches: Callable[[str], bool]) -> Observable[Event[P]]:
        """The events whose name matches: what `operators.of_event` looks for in its source. `matches` is
        asked once for a name."""
        choice = self._pipeline.choice(matches) if self._source is self._pipeline.events else None
        if choice is None:
            return selected(self, matches)

        def subscribe(
            observer: abc.ObserverBase[Event[P]], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            if not isinstance(scheduler, Kept):
                self._refuse_if_closed()
            return self._pipeline.attach(choice, observer, scheduler)

        chosen = Composed(Observable(subscribe), self._pipeline)
        return chosen.for_operator() if self._feeds_operator else chosen

    def _with(self, operator: Callable[[Observable[Any]], Observable[Event[Q]]]) -> EventStream[Q]:
        return self._stream(self.pipe(operator))
