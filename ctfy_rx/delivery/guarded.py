"""Observables whose subscribers are guarded: `Guarded`, and `Composed`, what operators make of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable
from copy import copy
from functools import wraps
from inspect import isfunction
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from reactivex import ConnectableObservable, Observable, abc, typing
from reactivex import operators as ops
from reactivex.disposable import Disposable
from typing_extensions import override

from ctfy_rx.delivery.guard import UNATTENDED, Guard, Keeper
from ctfy_rx.delivery.iterators import AsyncItems, Items
from ctfy_rx.delivery.last_item import future_of, run
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.threads.coroutines import check_callbacks, refuse_coroutine_functions
from ctfy_rx.threads.loops import running_loop

__all__ = ["Composed", "Guarded"]

T = TypeVar("T", covariant=True)  # noqa: PLC0105 - as reactivex names it


class Guarded(Observable[T]):
    """An Observable whose subscribers are guarded, and those of all that is composed of it by `pipe` and by
    its methods.

    >>> import reactivex
    >>> numbers = Composed(reactivex.of(1, 0))
    >>> numbers.map(lambda number: 1 / number).subscribe(print, lambda error: print("no:", error)).dispose()
    1.0
    no: division by zero
    """

    _keeper: Keeper = UNATTENDED
    _feeds_operator = False
    _has_state = True

    @override
    def subscribe(
        self,
        on_next: abc.ObserverBase[T] | abc.OnNext[T] | None = None,
        on_error: abc.OnError | None = None,
        on_completed: abc.OnCompleted | None = None,
        *,
        scheduler: abc.SchedulerBase | None = None,
    ) -> abc.DisposableBase:
        """As reactivex's, but what a callback raises is reported, and it goes on with the next item; raises
        TypeError for a coroutine function."""
        check_callbacks(on_next, on_error, on_completed)
        if hasattr(on_next, "on_next"):
            observer = cast("abc.ObserverBase[T]", on_next)
            on_next, on_error, on_completed = observer.on_next, observer.on_error, observer.on_completed
        give = cast("Any", on_next)
        # In the place of reactivex's own observer, and not around it: that would take 80 ns an item.
        guard = Guard(give, on_error, on_completed, self._keeper, feeds_operator=self._feeds_operator)
        guard.begin(lambda observer: self._subscribe_core(observer, scheduler))
        return Disposable(guard.dispose)

    if not TYPE_CHECKING:  # its overloads are reactivex's

        def pipe(self, *operators: Callable[[Any], Any]) -> Any:
            """As reactivex's: the operators, one after another."""
            made = self
            for operator in operators:
                made = made._applied(operator) if isinstance(made, Guarded) else operator(made)
            return made

    def __iter__(self) -> Items[T]:
        """The items as they come; blocks while there are none."""
        # Without this Python would ask for item 0, 1, 2 …, of which reactivex makes an Observable each.
        items = Items(self)
        items.refuse_to_block()
        return items

    def __aiter__(self) -> AsyncItems[T]:
        """The same on the running event loop."""
        return AsyncItems(self)

    @override
    def run(self, scheduler: abc.SchedulerBase | None = None) -> T:
        """As reactivex's: block until the end; the last item. Raises `ConfigurationError` on the event loop
        that would have to bring it."""
        return run(self, scheduler)

    @override
    def to_future(self, future_ctor: Any = None) -> Any:
        """As reactivex's: a future of the last item, on the running event loop."""
        loop = running_loop() if future_ctor is None else None
        return super().to_future(future_ctor) if loop is None else future_of(self, loop)

    @override
    def __await__(self) -> Generator[Any, None, T]:
        """The last item, when the end has come."""
        return future_of(self, asyncio.get_running_loop()).__await__()

    @override
    def __add__(self, other: Observable[Any]) -> Observable[Any]:
        return self.pipe(ops.concat(other))

    @override
    def __iadd__(self, other: Observable[Any]) -> Observable[Any]:
        return self + other

    @override
    def sequence_equal(
        self, second: Observable[Any] | Iterable[Any], comparer: typing.Comparer[Any] | None = None
    ) -> Observable[bool]:
        """As reactivex's; its operator for `pipe` takes an Observable that can be looped over for a list, and
        blocks."""
        return self.pipe(
            ops.sequence_equal(_plain(second) if isinstance(second, Observable) else second, comparer)
        )

    @property
    def receipts(self) -> Receipts | None:
        """Where whoever keeps an item for later, as a ``for`` loop does, finds its receipt."""
        return self._keeper.receipts

    @property
    def of_platform(self) -> bool | None:
        """Whether the items are a platform's events, and not another server's; None where that is unknown."""
        return self._keeper.of_platform

    def for_operator(self) -> Guarded[T]:
        """The same for an operator to subscribe to: what its functions raise is the end of its items."""
        if self._has_state:
            return Composed(self, self._keeper).for_operator()
        fed = copy(self)
        fed._feeds_operator = True  # noqa: SLF001 - one of us
        return fed

    def _applied(self, operator: Callable[[Any], Any]) -> Any:
        fed = self.for_operator()
        made = operator(fed)
        return self if made is fed else self._guarded(made)

    def _guarded(self, made: Any) -> Any:
        """`made` with a guard where it is one of reactivex's own making, or has no keeper."""
        kind = cast("type[object]", type(made))
        if kind is list:  # of partition()
            return [self._guarded(each) for each in made]
        if kind is ConnectableObservable:
            return _Connectable(made, self._keeper)
        if self._keeper is UNATTENDED and issubclass(kind, Guarded):
            return made
        if kind is Observable or (issubclass(kind, Guarded) and made._keeper is UNATTENDED):  # noqa: SLF001
            return Composed(made, self._keeper)
        return made


def _plain(source: Observable[Any]) -> Observable[Any]:
    """`source`, not to be looped over."""

    def subscribe(
        observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return source.subscribe(observer, scheduler=scheduler)

    return Observable(subscribe)


def _piped(name: str) -> Callable[..., Any]:
    def method(self: Guarded[Any], *arguments: Any) -> Any:
        return self.pipe(getattr(ops, name)(*arguments))

    return wraps(getattr(Observable, name))(method)


for _name in ("dematerialize", "partition_indexed", "pluck", "ref_count", "sum", "switch_latest"):
    setattr(Guarded, _name, _piped(_name))  # those of reactivex's methods that go without its own `pipe`


def _refusing(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def checked(self: Guarded[Any], *arguments: Any, **named: Any) -> Any:
        refuse_coroutine_functions(name, *filter(isfunction, (*arguments, *named.values())))
        return method(self, *arguments, **named)

    return checked


_OF_NO_FUNCTION = {"subscribe", "pipe", "start_with", "contains", "default_if_empty"}
for _name in dir(Observable):
    _method = getattr(Guarded, _name)
    if isfunction(_method) and not _name.startswith("_") and _name not in _OF_NO_FUNCTION:
        setattr(Guarded, _name, _refusing(_name, _method))


class Composed(Guarded[T]):
    """What an operator made of something guarded."""

    _has_state = False

    def __init__(self, made: Observable[T], keeper: Keeper = UNATTENDED) -> None:
        super().__init__()
        self._made = made
        self._keeper = keeper

    def __repr__(self) -> str:
        is_named = type(self._keeper).__repr__ is not object.__repr__
        return f"<{type(self).__name__} of {self._keeper!r}>" if is_named else f"<{type(self).__name__}>"

    def _subscribe_core(
        self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        # Not `subscribe`: the observer detaches itself already.
        subscription: Any = self._made._subscribe_core(observer, scheduler)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return subscription if hasattr(subscription, "dispose") else Disposable(subscription)


class _Connectable(Guarded[Any], ConnectableObservable[Any]):
    """The same of ``publish()`` and its like."""

    def __init__(self, made: ConnectableObservable[Any], keeper: Keeper) -> None:
        super().__init__(made.source, made.subject)
        self._keeper = keeper

    @override
    def for_operator(self) -> Self:
        return self  # which `ref_count` connects
