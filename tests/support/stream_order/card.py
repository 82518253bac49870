"""A card that is not there: real work on the CPU, with everything that orders it on a GPU noted.

Inside ``with PretendedCard() as card`` the product believes in one NVIDIA card. Tensors "on cuda"
are the CPU's, known by their memory; `torch.cuda`'s streams, events and graphs are stand-ins that
keep `Clocks`. Every operation is noted with what it reads and writes on the current stream:
``card.clocks.faults`` says what would go wrong on a card whatever its speed.

A copy between pageable memory and the card holds the host up until its stream comes there, as on a
card. One to pinned memory arrives when the host has waited for it: until then the host sees noise.

Whatever orders work is listed in ``card.orderings``, by what it is and where; that in
``card.ignored`` has no effect, which the clocks should find.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from mula_daemon.engine.lm.rope import rotation_table
from support.stream_order.clocks import Clock, Clocks, Memory
from support.stream_order.stand_ins import (
    CUDA,
    Event,
    Generator,
    Graph,
    Patch,
    Stream,
    leaves,
    site,
)

GIGABYTES = 80 * 10**9

_ASKING = {  # they need what is on the card to go on
    "aten::_local_scalar_dense",
    "aten::equal",
    "aten::is_nonzero",
    "aten::masked_select",
    "aten::nonzero",
    "aten::_unique2",
}
_PRODUCTS = {
    "aten::mm",
    "aten::addmm",
    "aten::bmm",
    "aten::baddbmm",
    "aten::matmul",
    "aten::linear",
}
"""cuBLAS scribbles on memory that torch keeps for each stream, recorded or not."""
_EMPTY = ("aten::empty", "aten::new_empty")
_LIKE = ("aten::new_", "aten::empty_like", "aten::zeros_like", "aten::ones_like", "aten::full_like")


class PretendedCard:
    """One card, there while in ``with``, as often as one likes; for one thread.

    ``base`` is the stream that the thread begins on.
    """

    def __init__(self) -> None:
        self.clocks = Clocks()
        self.base = Stream(self, "the default stream")
        self.current = self.base
        self._workspaces: dict[int, Memory] = {}
        self._recording: Stream | None = None
        self.patient = True
        """Whether `Event.query` says no at first, as it does on a busy card."""
        self.orderings: set[str] = set()
        self.ignored: str | None = None
        self._memory: dict[int, tuple[weakref.ref[Any], Memory]] = {}
        self._arriving: list[tuple[Clock, Tensor, Tensor]] = []
        self._leaving: list[tuple[Clock, Tensor, Tensor, str]] = []
        self._graph: Graph | None = None
        self._scalar = False
        self._making = False
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        rotation_table.cache_clear()  # of a card that was there before
        patch = Patch()
        self._stack.callback(patch.undo)
        for name, stand_in in self._stand_ins().items():
            patch(torch.cuda, name, stand_in)
        patch(torch, "Generator", Generator)
        patch(torch.Tensor, "record_stream", self._record_stream())
        self._stack.enter_context(_Functions(self))
        self._stack.enter_context(_Operations(self))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        rotation_table.cache_clear()

    def _stand_ins(self) -> dict[str, Any]:
        card = self
        return {
            "Stream": lambda device=None, priority=0, **_: Stream(
                card, f"{site()}'s stream", priority
            ),
            "Event": lambda *_, **__: Event(card),
            "CUDAGraph": lambda *_, **__: Graph(card),
            "graph": lambda graph, pool=None, stream=None, **_: graph.recording(pool, stream),
            "graph_pool_handle": lambda: Memory(0, "a pool of graphs"),
            "stream": card.on,
            "current_stream": lambda device=None: card.current,
            "default_stream": lambda device=None: card.base,
            "set_stream": card.set_stream,
            "synchronize": lambda device=None: card.synchronize(),
            "is_available": lambda: True,
            "device_count": lambda: 1,
            "mem_get_info": lambda device=None: (GIGABYTES, GIGABYTES),
            "empty_cache": lambda: None,
            "get_device_capability": lambda device=None: (9, 0),
            "get_arch_list": lambda: ["sm_90"],
            "get_device_name": lambda device=None: "a pretended card",
            "is_current_stream_capturing": lambda: card._graph is not None,
        }

    def heeds(self, ordering: str) -> bool:
        """Note something that orders work; whether it is to have an effect."""
        named = f"{ordering} in {site(line=False)}"
        self.orderings.add(named)
        return named != self.ignored

    # Streams

    @contextlib.contextmanager
    def on(self, stream: Stream | None) -> Iterator[None]:
        before = self.current
        self.current = stream or before
        try:
            yield
        finally:
            self.current = before

    def set_stream(self, stream: Stream) -> None:
        self.current = stream

    def synchronize(self) -> None:
        if self.heeds("synchronize"):
            self.wait_for_all("synchronize")

    def wait_for_all(self, what: str) -> None:
        """The host waits for everything."""
        until: Clock = {}
        for stream in range(len(self.clocks.streams)):
            until.update({stream: self.clocks.streams[stream].get(stream, 0)})
        self.wait(until, what)

    def wait(self, until: Clock, what: str) -> None:
        """The host waits for the work of ``until``."""
        if self._graph is not None:
            self.clocks.report(f"wait while recording: {site()}")
        self.clocks.host_waits(until, what, site())
        self.settle(self.clocks.host)

    def _record_stream(self) -> Callable[[Tensor, Stream], None]:
        def record_stream(x: Tensor, stream: Stream) -> None:
            memory = self.known(x)
            if memory is not None and self.heeds("record_stream"):
                memory.recorded.add(stream.number)

        return record_stream

    def settle(self, known: Clock) -> None:
        """What is known to have arrived can be seen; what has left may be changed."""

        def done(clock: Clock) -> bool:
            return all(tick <= known.get(stream, 0) for stream, tick in clock.items())

        with _disable_current_modes():
            for clock, host, data in self._arriving:
                if done(clock):
                    host.copy_(data)
            for clock, host, data, site in self._leaving:
                if done(clock) and not torch.equal(host, data):
                    self.clocks.report(f"changed by the host while in use: copied at {site}")
        self._arriving = [each for each in self._arriving if not done(each[0])]
        self._leaving = [each for each in self._leaving if not done(each[0])]

    def recording_stream(self) -> Stream:
        """Torch's own, on which is recorded what names none."""
        self._recording = self._recording or Stream(self, "torch's stream for recording")
        return self._recording

    # Memory

    def _workspace(self) -> Memory:
        number = self.current.number
        return self._workspaces.setdefault(number, Memory(number, "cuBLAS's workspace"))

    def known(self, tensor: Tensor) -> Memory | None:
        """The card's, or pinned, memory of ``tensor``; None for any other."""
        storage = tensor.untyped_storage()
        found = self._memory.get(storage._cdata)
        return None if found is None else found[1]

    def is_here(self, value: object) -> bool:
        """Whether it lies on the card."""
        memory = self.known(value) if isinstance(value, Tensor) else None
        return memory is not None and not memory.pinned

    def adopt(self, tensor: Tensor, *, pinned: bool = False) -> Memory:
        """Have the memory of ``tensor`` be the card's own, or pinned."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        memory = Memory(self.current.number, site(), pinned)

        def gone(_: object) -> None:
            if self._memory.pop(key, None):
                self.clocks.free(memory)

        self._memory[key] = (weakref.ref(storage, gone), memory)
        if self._graph is not None and not pinned:
            self._graph.own(storage)
        return memory

    def pin(self, tensor: Tensor) -> None:
        """Have the memory of ``tensor`` be pinned."""
        if self.heeds("pin_memory"):
            self.adopt(tensor, pinned=True)

    @contextlib.contextmanager
    def making(self) -> Iterator[None]:
        """What is made meanwhile lies on the card."""
        self._making = True
        try:
            yield
        finally:
            self._making = False

    # Work

    def launch(self, reads: list[Memory], writes: list[Memory], work: Any) -> None:
        """Queue it on the current stream, or record it; ``work`` does it again."""
        if self._graph is not None:
            self._graph.note(work, reads, writes)
        else:
            self.clocks.launch(self.current.number, reads, writes, site())

    def note(self, func: Any, args: Any, kwargs: Any, made: Any) -> None:
        """An operation that was done: on the card, if anything of it lies there."""
        name = func._schema.name
        if name == "aten::copy_":
            self._copy(func, args, kwargs, made)
            return
        read, written = _touched(func, args, kwargs)
        given = {id(m): m for m in map(self.known, read + written) if m is not None}
        here = self._making or any(not memory.pinned for memory in given.values())
        if not here:
            self._on_host(read, written)
            return
        self._refuse_mixed(name, read + written)
        reads = [] if name.startswith(_LIKE) else [m for m in map(self.known, read) if m]
        writes = [m for m in map(self.known, written) if m]
        if name in _ASKING:
            self.clocks.launch(self.current.number, reads, writes, site())
            self.wait(self.clocks.record(self.current.number), f"{name.removeprefix('aten::')}")
        fresh = [x for x in leaves(made) if isinstance(x, Tensor) and self.known(x) is None]
        if not fresh and not writes:
            return  # a view
        if name != "aten::_local_scalar_dense":
            memories = [self.adopt(x) for x in fresh]
            writes += [] if name.startswith(_EMPTY) else memories
        if name in _PRODUCTS:
            writes.append(self._workspace())
        self.launch(reads, writes, (func, args, kwargs, made))

    def _on_host(self, read: list[Tensor], written: list[Tensor]) -> None:
        for memory in filter(None, map(self.known, read)):
            self.clocks.host_reads(memory, site())
        for memory in filter(None, map(self.known, written)):
            self.clocks.host_writes(memory, site())

    def _refuse_mixed(self, name: str, tensors: list[Tensor]) -> None:
        strangers = [x for x in tensors if not self.is_here(x) and x.dim()]
        if name in ("aten::index", "aten::index_put_", "aten::_index_put_impl_"):
            if strangers:
                self.wait(self.clocks.record(self.current.number), "pageable copy")
            if any(x.dtype in (torch.bool, torch.uint8) for x in tensors[1:]):
                self.wait(self.clocks.record(self.current.number), "index by mask")
        elif strangers:
            self.clocks.report(f"tensors of two devices: {name} at {site()}")

    def _copy(self, func: Any, args: Any, kwargs: Any, made: Any) -> None:
        target, source = args[:2]
        if not target.numel():
            return
        waits = not (args[2] if len(args) > 2 else kwargs.get("non_blocking", False))
        into, out_of = self.known(target), self.known(source)
        here, there = self.is_here(target), self.is_here(source)
        if not here and not there:
            self._on_host([source], [target])
            return
        if (here and there) or (here and self._scalar):
            reads = [out_of] if out_of is not None else []
            writes = [into] if into is not None else []
            self.launch(reads, writes, (func, args, kwargs, made))
            return
        outside = source if here else target
        pinned = self.known(outside)
        straight = target.dtype == source.dtype and outside.is_contiguous()
        pageable = pinned is None or not straight
        if here and pinned is not None:
            self.clocks.host_reads(pinned, site())
        self.launch(
            [m for m in (out_of,) if m], [m for m in (into,) if m], (func, args, kwargs, made)
        )
        until = self.clocks.record(self.current.number)
        waits = waits or not self.heeds("non_blocking")
        if waits or pageable:
            self.wait(until, "read" if there else "pageable copy" if pageable else "copy")
        elif self._graph is not None:
            pass  # nothing moves yet
        elif here:
            self._leaving.append((until, source, source.clone(), site()))
        else:
            self._arriving.append((until, target, target.clone()))
            target.view(torch.uint8).fill_(0xFF) if target.dim() else None

    def to_card(self, given: Tensor, dtype: torch.dtype | None, non_blocking: bool) -> Tensor:
        made = torch.empty_strided(given.shape, given.stride(), dtype=dtype or given.dtype)
        self.adopt(made)
        made.copy_(given)
        self._copy(torch.ops.aten.copy_.default, (made, given, non_blocking), {}, made)
        return made

    def to_host(self, given: Tensor, dtype: torch.dtype | None, non_blocking: bool) -> Tensor:
        made = torch.empty(given.shape, dtype=dtype or given.dtype)
        made.copy_(given)
        self._copy(torch.ops.aten.copy_.default, (made, given, non_blocking), {}, made)
        return made


class _Operations(TorchDispatchMode):
    """Notes every operation after it was done."""

    def __init__(self, card: PretendedCard) -> None:
        super().__init__()
        self._card = card

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch's compiler is imported, which takes seconds and is not here

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        made = func(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            self._card.note(func, args, kwargs, made)
        return made


class _Functions(TorchFunctionMode):
    """Has tensors say that they are on the card, and moves them there and back."""

    def __init__(self, card: PretendedCard) -> None:
        super().__init__()
        self._card = card
        self._stand_ins: dict[Any, Callable[..., Any]] = {
            Tensor.device.__get__: self._device,  # type: ignore[attr-defined]
            Tensor.is_cuda.__get__: card.is_here,  # type: ignore[attr-defined]
            Tensor.to: self._to,
            Tensor.cuda: lambda x, *_, non_blocking=False: self._move(x, CUDA, None, non_blocking),
            Tensor.cpu: lambda x, *_: self._move(x, torch.device("cpu"), None, False),
            Tensor.numpy: self._numpy,
            Tensor.tolist: lambda x: self._to_look_at(x).tolist(),
            Tensor.__array__: lambda x, *args: self._to_look_at(x).numpy(),
            Tensor.pin_memory: self._pin,
            Tensor.is_pinned: self._is_pinned,
            Tensor.__setitem__: self._set,
            torch.tensor: self._tensor,
            torch.as_tensor: self._tensor,
        }

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        stand_in = self._stand_ins.get(func)
        if stand_in is not None:
            return stand_in(*args, **kwargs)
        pinned = kwargs.pop("pin_memory", False)
        if "device" in kwargs and _is_cuda(kwargs["device"]):
            kwargs["device"] = torch.device("cpu")
            with self._card.making():
                return func(*args, **kwargs)
        made = func(*args, **kwargs)
        if pinned:
            self._card.pin(made)
        return made

    def _device(self, x: Tensor) -> torch.device:
        return CUDA if self._card.is_here(x) else Tensor.device.__get__(x)  # type: ignore[attr-defined, no-any-return]

    def _to(self, x: Tensor, *args: Any, copy: bool = False, **kwargs: Any) -> Tensor:
        if args and isinstance(args[0], Tensor):
            args = (self._device(args[0]), args[0].dtype, *args[1:])
        device, dtype, non_blocking, _ = torch._C._nn._parse_to(*args, **kwargs)
        if device is None or (device.type == "cuda") == self._card.is_here(x):
            wanted = dtype or x.dtype
            return x.to(wanted, copy=True) if copy else x.to(wanted)
        return self._move(x, device, dtype, non_blocking)

    def _move(
        self, x: Tensor, device: torch.device, dtype: torch.dtype | None, non_blocking: bool
    ) -> Tensor:
        if (device.type == "cuda") == self._card.is_here(x):
            return x
        with _disable_current_modes():
            if device.type == "cuda":
                made = self._card.to_card(x.detach(), dtype, non_blocking)
            else:
                made = self._card.to_host(x.detach(), dtype, non_blocking)
        return made

    def _to_look_at(self, x: Tensor) -> Tensor:
        if self._card.is_here(x):
            return self._move(x, torch.device("cpu"), None, False)
        if (memory := self._card.known(x)) is not None:
            self._card.clocks.host_reads(memory, site())
        return x

    def _numpy(self, x: Tensor, *, force: bool = False) -> Any:
        if self._card.is_here(x) and not force:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return self._to_look_at(x).numpy(force=force)

    def _pin(self, x: Tensor, *_: object) -> Tensor:
        if self._is_pinned(x):
            return x
        made = x.clone()
        self._card.pin(made)
        return made

    def _is_pinned(self, x: Tensor, *_: object) -> bool:
        memory = self._card.known(x)
        return memory is not None and memory.pinned

    def _set(self, x: Tensor, index: Any, value: Any) -> None:
        self._card._scalar = not isinstance(value, Tensor)
        try:
            x[index] = value
        finally:
            self._card._scalar = False

    def _tensor(self, data: Any, **kwargs: Any) -> Tensor:
        device = kwargs.pop("device", None)
        pinned = kwargs.pop("pin_memory", False)
        made = torch.tensor(data, **kwargs)
        if pinned:
            self._card.pin(made)
        return self._move(made, CUDA, None, False) if _is_cuda(device) else made


def _is_cuda(device: object) -> bool:
    return device is not None and torch.device(device).type == "cuda"  # type: ignore[call-overload, no-any-return]


def _touched(func: Any, args: Any, kwargs: Any) -> tuple[list[Tensor], list[Tensor]]:
    """The tensors that an operation reads, and those that it writes."""
    read: list[Tensor] = []
    written: list[Tensor] = []
    schema = func._schema.arguments
    named = {argument.name: argument for argument in schema}
    given = [*zip(schema, args, strict=False), *((named[n], v) for n, v in kwargs.items())]
    for argument, value in given:
        writes = argument.alias_info is not None and argument.alias_info.is_write
        into = written if writes else read
        into += [leaf for leaf in leaves(value) if isinstance(leaf, Tensor)]
    return read, written
