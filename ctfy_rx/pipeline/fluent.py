"""Which of reactivex's operators keep the item, and so give a stream again: iterable, closable, on the same
connection.

Each does what reactivex says of it; only the type of what it returns differs. Operators that are not here
make something else of the items (`map`, `buffer`, `scan` …) and return a plain `Observable`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self, TypeVar

from reactivex import Observable, abc, typing
from typing_extensions import override

from ctfy_rx.delivery.guarded import Guarded
from ctfy_rx.pipeline.lineage import remembering

__all__ = ["ItemKeeping"]

T = TypeVar("T", covariant=True)  # noqa: PLC0105 - as reactivex names it
Scheduler = abc.SchedulerBase | None
_slice = slice  # `slice` below is the operator


@remembering
class ItemKeeping(Guarded[T]):
    """An Observable whose item-keeping operators return its own type, made by `derived`."""

    _has_state = False

    derived_by = ""
    """The methods that made it of its root, as they were called."""

    @property
    @abstractmethod
    def closed_with(self) -> object:
        """What all streams on one connection have in common."""

    @abstractmethod
    def derived(self, source: Observable[Any]) -> Self:
        """A stream like this one, of the items of `source`."""

    @override
    def filter(self, predicate: typing.Predicate[T]) -> Self:
        return self.derived(super().filter(predicate))

    @override
    def filter_indexed(self, predicate_indexed: typing.PredicateIndexed[T]) -> Self:
        return self.derived(super().filter_indexed(predicate_indexed))

    @override
    def take(self, count: int) -> Self:
        return self.derived(super().take(count))

    @override
    def take_last(self, count: int) -> Self:
        return self.derived(super().take_last(count))

    @override
    def take_while(self, predicate: typing.Predicate[T], inclusive: bool = False) -> Self:
        return self.derived(super().take_while(predicate, inclusive))

    @override
    def take_while_indexed(
        self, predicate_indexed: typing.PredicateIndexed[T], inclusive: bool = False
    ) -> Self:
        return self.derived(super().take_while_indexed(predicate_indexed, inclusive))

    @override
    def take_until(self, other: Observable[Any]) -> Self:
        return self.derived(super().take_until(other))

    @override
    def take_with_time(self, duration: typing.RelativeTime, scheduler: Scheduler = None) -> Self:
        return self.derived(super().take_with_time(duration, scheduler))

    @override
    def take_last_with_time(self, duration: typing.RelativeTime, scheduler: Scheduler = None) -> Self:
        return self.derived(super().take_last_with_time(duration, scheduler))

    @override
    def take_until_with_time(
        self, end_time: typing.AbsoluteOrRelativeTime, scheduler: Scheduler = None
    ) -> Self:
        return self.derived(super().take_until_with_time(end_time, scheduler))

    @override
    def skip(self, count: int) -> Self:
        return self.derived(super().skip(count))

    @override
    def skip_last(self, count: int) -> Self:
        return self.derived(super().skip_last(count))

    @override
    def skip_while(self, predicate: typing.Predicate[T]) -> Self:
        return self.derived(super().skip_while(predicate))

    @override
    def skip_while_indexed(self, predicate_indexed: typing.PredicateIndexed[T]) -> Self:
        return self.derived(super().skip_while_indexed(predicate_indexed))

    @override
    def skip_until(self, other: Observable[Any]) -> Self:
        return self.derived(super().skip_until(other))

    @override
    def skip_with_time(self, duration: typing.RelativeTime, scheduler: Scheduler = None) -> Self:
        return self.derived(super().skip_with_time(duration, scheduler))

    @override
    def skip_last_with_time(self, duration: typing.RelativeTime, scheduler: Scheduler = None) -> Self:
        return self.derived(super().skip_last_with_time(duration, scheduler))

    @override
    def skip_until_with_time(
        self, start_time: typing.AbsoluteOrRelativeTime, scheduler: Scheduler = None
    ) -> Self:
        return self.derived(super().skip_until_with_time(start_time, scheduler))

    @override
    def first(self, predicate: typing.Predicate[T] | None = None) -> Self:
        return self.derived(super().first(predicate))

    @override
    def last(self, predicate: typing.Predicate[T] | None = None) -> Self:
        return self.derived(super().last(predicate))

    @override
    def single(self, predicate: typing.Predicate[T] | None = None) -> Self:
        return self.derived(super().single(predicate))

    @override
    def element_at(self, index: int) -> Self:
        return self.derived(super().element_at(index))

    @override
    def slice(self, start: int | None = None, stop: int | None = None, step: int | None = None) -> Self:
        return self.derived(super().slice(start, stop, step))

    @override
    def __getitem__(self, key: _slice | int) -> Self:
        return self.derived(super().__getitem__(key))

    @override
    def distinct(
        self, key_mapper: typing.Mapper[T, Any] | None = None, comparer: typing.Comparer[Any] | None = None
    ) -> Self:
        return self.derived(super().distinct(key_mapper, comparer))

    @override
    def distinct_until_changed(
        self, key_mapper: typing.Mapper[T, Any] | None = None, comparer: typing.Comparer[Any] | None = None
    ) -> Self:
        return self.derived(super().distinct_until_changed(key_mapper, comparer))

    @override
    def ignore_elements(self) -> Self:
        return self.derived(super().ignore_elements())

    @override
    def sample(self, sampler: typing.RelativeTime | Observable[Any], scheduler: Scheduler = None) -> Self:
        return self.derived(super().sample(sampler, scheduler))

    @override
    def debounce(self, duetime: typing.RelativeTime, scheduler: Scheduler = None) -> Self:
        return self.derived(super().debounce(duetime, scheduler))

    @override
    def throttle_first(self, window_duration: typing.RelativeTime, scheduler: Scheduler = None) -> Self:
        return self.derived(super().throttle_first(window_duration, scheduler))

    @override
    def throttle_with_timeout(self, duetime: typing.RelativeTime, scheduler: Scheduler = None) -> Self:
        return self.derived(super().throttle_with_timeout(duetime, scheduler))

    @override
    def throttle_with_mapper(self, throttle_duration_mapper: Callable[[T], Observable[Any]]) -> Self:
        return self.derived(super().throttle_with_mapper(throttle_duration_mapper))

    @override
    def delay(self, duetime: typing.RelativeTime, scheduler: Scheduler = None) -> Self:
        return self.derived(super().delay(duetime, scheduler))

    @override
    def delay_with_mapper(
        self,
        subscription_delay: Observable[Any] | Callable[[Any], Observable[Any]] | None = None,
        delay_duration_mapper: Callable[[T], Observable[Any]] | None = None,
    ) -> Self:
        return self.derived(super().delay_with_mapper(subscription_delay, delay_duration_mapper))

    @override
    def delay_subscription(self, duetime: typing.AbsoluteOrRelativeTime, scheduler: Scheduler = None) -> Self:
        return self.derived(super().delay_subscription(duetime, scheduler))

    @override
    def timeout(
        self,
        duetime: typing.AbsoluteOrRelativeTime,
        other: Observable[T] | None = None,
        scheduler: Scheduler = None,
    ) -> Self:
        return self.derived(super().timeout(duetime, other, scheduler))

    @override
    def timeout_with_mapper(
        self,
        first_timeout: Observable[Any] | None = None,
        timeout_duration_mapper: Callable[[T], Observable[Any]] | None = None,
        other: Observable[T] | None = None,
    ) -> Self:
        return self.derived(super().timeout_with_mapper(first_timeout, timeout_duration_mapper, other))

    @override
    def observe_on(self, scheduler: abc.SchedulerBase) -> Self:
        return self.derived(super().observe_on(scheduler))

    @override
    def subscribe_on(self, scheduler: abc.SchedulerBase) -> Self:
        return self.derived(super().subscribe_on(scheduler))

    @override
    def merge(self, *sources: Observable[Any], max_concurrent: int | None = None) -> ItemKeeping[Any]:
        return self.derived(super().merge(*sources, max_concurrent=max_concurrent))

    @override
    def concat(self, *sources: Observable[Any]) -> ItemKeeping[Any]:
        return self.derived(super().concat(*sources))

    @override
    def __add__(self, other: Observable[Any]) -> ItemKeeping[Any]:
        return self.derived(super().__add__(other))

    @override
    def __iadd__(self, other: Observable[Any]) -> ItemKeeping[Any]:
        return self.derived(super().__iadd__(other))

    @override
    def start_with(self, *args: Any) -> Self:
        return self.derived(super().start_with(*args))

    @override
    def amb(self, right_source: Observable[T]) -> Self:
        return self.derived(super().amb(right_source))

    @override
    def catch(self, handler: Observable[T] | Callable[[Exception, Observable[T]], Observable[T]]) -> Self:
        return self.derived(super().catch(handler))

    @override
    def on_error_resume_next(self, second: Observable[T]) -> Self:
        return self.derived(super().on_error_resume_next(second))

    @override
    def retry(self, retry_count: int | None = None) -> Self:
        return self.derived(super().retry(retry_count))

    @override
    def repeat(self, repeat_count: int | None = None) -> Self:
        return self.derived(super().repeat(repeat_count))

    @override
    def do_while(self, condition: typing.Predicate[Observable[T]]) -> Self:
        return self.derived(super().do_while(condition))

    @override
    def while_do(self, condition: typing.Predicate[Observable[T]]) -> Self:
        return self.derived(super().while_do(condition))

    @override
    def do_action(
        self,
        on_next: typing.OnNext[T] | None = None,
        on_error: typing.OnError | None = None,
        on_completed: typing.OnCompleted | None = None,
    ) -> Self:
        return self.derived(super().do_action(on_next, on_error, on_completed))

    @override
    def do(
        self,
        on_next: typing.OnNext[T] | None = None,
        on_error: typing.OnError | None = None,
        on_completed: typing.OnCompleted | None = None,
    ) -> Self:
        return self.derived(super().do(on_next, on_error, on_completed))

    @override
    def finally_action(self, action: typing.Action) -> Self:
        return self.derived(super().finally_action(action))
