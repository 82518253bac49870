"""What stands for streams, events, graphs and generators of a card that is not there."""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from support.stream_order.clocks import Clock, Memory

if TYPE_CHECKING:
    from support.stream_order.card import PretendedCard

CUDA = torch.device("cuda", 0)
PRODUCT = "mula_daemon"


class Stream:
    """Stands for `torch.cuda.Stream`."""

    def __init__(self, card: PretendedCard, name: str, priority: int = 0) -> None:
        self._card = card
        self.priority = priority
        self.number = card.clocks.open(name)
        self.cuda_stream = self.number
        self.device = CUDA

    def wait_stream(self, other: Stream) -> None:
        clocks = self._card.clocks
        if self._card.heeds("wait_stream"):
            clocks.stream_waits(self.number, clocks.record(other.number))

    def wait_event(self, event: Event) -> None:
        event.wait(self)

    def record_event(self, event: Event | None = None) -> Event:
        event = event or Event(self._card)
        event.record(self)
        return event

    def synchronize(self) -> None:
        if self._card.heeds("synchronize"):
            self._card.wait(self._card.clocks.record(self.number), "Stream.synchronize")

    def query(self) -> bool:
        return False


class Event:
    """Stands for `torch.cuda.Event`."""

    def __init__(self, card: PretendedCard) -> None:
        self._card = card
        self._clock: Clock = {}
        self._asked = 0

    def record(self, stream: Stream | None = None) -> None:
        self._clock = self._card.clocks.record((stream or self._card.current).number)
        self._asked = 0

    def wait(self, stream: Stream | None = None) -> None:
        if self._card.heeds("wait_event"):
            self._card.clocks.stream_waits((stream or self._card.current).number, self._clock)

    def synchronize(self) -> None:
        if self._card.heeds("synchronize"):
            self._card.wait(self._clock, "Event.synchronize")

    def query(self) -> bool:
        self._asked += 1
        if self._card.patient and self._asked == 1:
            return False
        self._card.clocks.host_knows(self._clock)
        self._card.settle(self._card.clocks.host)
        return True

    def elapsed_time(self, _end: Event) -> float:
        return 1.0


class Graph:
    """Stands for `torch.cuda.CUDAGraph`: does what it has noted again, on the same memory.

    What was made while it was recorded is its own. The rest is not kept alive by it, as on a card.
    """

    def __init__(self, card: PretendedCard) -> None:
        self._card = card
        self._noted: list[tuple[Any, list[Memory], list[Memory]]] = []
        self._own: dict[int, Any] = {}
        self._pool = Memory(0, "a pool of graphs")
        self.priority = 0
        self.replays = 0

    @contextlib.contextmanager
    def recording(self, pool: Memory | None, stream: Stream | None) -> Iterator[None]:
        card = self._card
        card.wait_for_all("recording")
        stream = stream or card.recording_stream()
        self._pool, self.priority = pool or self._pool, stream.priority
        with card.on(stream):
            card._graph = self
            try:
                yield
            finally:
                card._graph = None

    def pool(self) -> Memory:
        return self._pool

    def own(self, storage: Any) -> None:
        self._own[storage._cdata] = storage

    def note(self, work: Any, reads: list[Memory], writes: list[Memory]) -> None:
        self._noted.append((mapped(work, Tensor, self._hold), reads, writes))

    def _hold(self, x: Tensor) -> Tensor | _Lent:
        number = not x.dim() and self._card.known(x) is None
        mine = x.untyped_storage()._cdata in self._own
        return x if mine or number else _Lent(x, site())

    @torch.inference_mode()
    def replay(self) -> None:
        card = self._card
        self.replays += 1
        stream, here = card.current.number, site()
        card.clocks.launch(stream, [], [self._pool], f"replay at {here}")
        with _disable_current_modes():
            for noted, reads, writes in self._noted:
                try:
                    func, args, kwargs, made = mapped(noted, _Lent, _Lent.back)
                except ReferenceError as error:
                    card.clocks.report(f"replayed when it is gone: {error}")
                    continue
                again = func(*args, **kwargs)
                for old, new in zip(leaves(made), leaves(again), strict=True):
                    if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)
                card.clocks.launch(stream, reads, writes, f"replay at {here}")
        card.clocks.launch(stream, [], [self._pool], f"replay at {here}")


class _Lent:
    """A tensor that a graph has seen and does not keep."""

    def __init__(self, x: Tensor, site: str) -> None:
        self._storage = weakref.ref(x.untyped_storage())
        self._meta = x.storage_offset(), x.size(), x.stride()
        self._dtype = x.dtype
        self._site = site

    def back(self) -> Tensor:
        """Raises ``ReferenceError``."""
        storage = self._storage()
        if storage is None:
            raise ReferenceError(self._site)
        return torch.empty(0, dtype=self._dtype).set_(storage, *self._meta)


class Generator(torch.Generator):
    """Draws on the CPU whatever the card it is asked for."""

    def __new__(cls, device: torch.device | str = "cpu") -> Self:
        return super().__new__(cls, "cpu")


class Patch:
    """Attributes replaced, and put back."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def __call__(self, owner: Any, name: str, value: Any) -> None:
        self._before.append((owner, name, vars(owner).get(name)))
        setattr(owner, name, value)

    def undo(self) -> None:
        for owner, name, value in reversed(self._before):
            if value is None:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


def site(*, line: bool = True) -> str:
    """The innermost place in the product: file, line and function."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if PRODUCT in code.co_filename:
            name = code.co_filename.rsplit("/", 1)[-1]
            return (
                f"{name}:{frame.f_lineno} {code.co_qualname}"
                if line
                else f"{name} {code.co_qualname}"
            )
        frame = frame.f_back  # type: ignore[assignment]
    return "a test"


def leaves(value: Any) -> Iterator[Any]:
    """What lies in tuples and lists."""
    if isinstance(value, tuple | list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def mapped(value: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """The same with everything of that kind changed."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, tuple | list):
        return [mapped(each, kind, change) for each in value]
    if isinstance(value, dict):
        return {key: mapped(each, kind, change) for key, each in value.items()}
    return value
