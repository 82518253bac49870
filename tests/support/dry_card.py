"""A card of shapes alone: the code for CUDA run without one, at true sizes, in a moment.

Tensors on "cuda" are fake (they have shapes, types and devices, and no memory), those on the CPU
are real. So every operation's own checks of shapes, types and devices run as on a card, and
anything that would make the host wait for the card is seen: numbers, lists or arrays made of its
tensors, and copies in either direction. What a card would compute is not known: what the host
reads of it is zeros.

On a build of torch without CUDA a few bindings ask for a real card (indexing, ``to``, ``copy_``,
``contiguous``, ``torch.tensor``); they are replaced by the operations that they stand for. Kernels
in Triton are not launched: their tensors must lie on the card, and that is all that is checked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from mula_daemon.engine.lm import kernels
from mula_daemon.engine.lm.rope import rotation_table

CARD = torch.device("cuda", 0)
_ATEN = torch.ops.aten
_ONE_TYPE = frozenset({
    "mm", "bmm", "addmm", "addmm_", "baddbmm", "baddbmm_", "linear", "lerp",
    "convolution", "conv1d", "conv_transpose1d",
    "index_copy_", "index_copy", "_scaled_dot_product_attention_math",
    "scaled_dot_product_attention", "_weight_int4pack_mm",
})  # fmt: skip
"""A card refuses these of several types, which the shapes' own rules let pass."""
_CONVOLUTIONS = ("convolution", "conv1d", "conv_transpose1d")
"""Fake ones ask for a real card; those of shapes alone do not."""
_TO_HOST = (_ATEN._to_copy.default, _ATEN.copy_.default)


class HostRead(AssertionError):
    """The host would have waited for a number on the card."""


class MixedDevices(AssertionError):
    """One operation was given tensors of the host and of the card."""


class MixedTypes(AssertionError):
    """One operation was given types that a card does not multiply."""


@dataclass
class Upload:
    """One copy to the card: pageable memory makes the host wait for what is queued before it."""

    shape: tuple[int, ...]
    pinned: bool


@dataclass
class DryCard:
    """What was seen. ``reads`` are shapes of what the host has waited for, in order; ``arrivals``
    of what is copied to pinned memory, which an event tells of."""

    reads: list[tuple[int, ...]] = field(default_factory=list)
    arrivals: list[tuple[int, ...]] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    launches: list[str] = field(default_factory=list)
    """Names of the Triton kernels that would have run."""
    recordings: int = 0
    replays: int = 0
    is_recording: bool = False
    operations: int = 0
    """All that would be kernels, but for those inside others."""

    @property
    def waits(self) -> list[tuple[int, ...]]:
        """Shapes of copies to the card that the host waits for: from pageable memory."""
        return [upload.shape for upload in self.uploads if not upload.pinned]

    def clear(self) -> None:
        """Forget what was seen so far."""
        self.reads.clear()
        self.arrivals.clear()
        self.uploads.clear()
        self.launches.clear()
        self.operations = self.recordings = self.replays = 0


@contextlib.contextmanager
def dry_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[DryCard]:
    """Everything on "cuda" is dry inside."""
    seen = DryCard()
    pinned: dict[int, Tensor] = {}  # by the address of their memory; kept alive with it
    fake = FakeTensorMode()
    rotation_table.cache_clear()  # what is kept there would outlive the mode
    _patch(monkeypatch, seen)
    try:
        with _Operations(seen, fake, pinned), _Bindings(seen, pinned):
            yield seen
    finally:
        rotation_table.cache_clear()


class _Operations(TorchDispatchMode):
    """Gives the card's operations to ``fake``, and leaves the others alone."""

    def __init__(self, seen: DryCard, fake: FakeTensorMode, pinned: dict[int, Tensor]) -> None:
        super().__init__()
        self._seen = seen
        self._fake = fake
        self._pinned = pinned

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_card = [tensor for tensor in tensors if tensor.device.type == "cuda"]
        target = kwargs.get("device")
        asked = target is not None and torch.device(target).type == "cuda"
        if not on_card and not asked:
            return func(*args, **kwargs)
        if func in _TO_HOST and (moved := self._moved(func, args, kwargs)) is not None:
            return moved
        if func is _ATEN._local_scalar_dense.default:
            raise HostRead("the host reads a number of the card")
        if not on_card and tensors:  # as ``empty_like`` of another device's
            args, kwargs = tree_map(self._shape, (args, kwargs))
        elif len(on_card) not in (0, len(tensors)):
            shapes = [f"{tuple(each.shape)} on {each.device}" for each in tensors]
            raise MixedDevices(f"{func} of {', '.join(shapes)}")
        if func.overloadpacket.__name__ in _ONE_TYPE:
            kinds = {tensor.dtype for tensor in on_card if tensor.is_floating_point()}
            if len(kinds) > 1 and "out_dtype" not in kwargs:
                raise MixedTypes(f"{func} of {kinds}")
        if not func.is_view and "empty" not in func.overloadpacket.__name__:
            self._seen.operations += 1
        if func.overloadpacket.__name__ in _CONVOLUTIONS:
            made = func(*tree_map(_meta, args), **tree_map(_meta, kwargs))
            with self._fake:
                return torch.empty(made.shape, dtype=made.dtype, device=CARD)
        with self._fake:
            return func(*args, **kwargs)

    def _moved(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a copy between host and card gives; None for one within the card."""
        if func is _ATEN.copy_.default:
            into, source = args[:2]
            there, here = into.device.type, source.device.type
            if there == here:
                return None
            torch.broadcast_shapes(into.shape, source.shape)
            waits = not (args[2] if len(args) > 2 else kwargs.get("non_blocking", False))
            if there == "cpu" and not waits and self._is_pinned(into):
                self._seen.arrivals.append(tuple(source.shape))
            else:
                self._note(source)
            if there == "cpu":
                into.zero_()
            return into
        source = args[0]
        here = source.device.type
        there = torch.device(kwargs.get("device") or source.device).type
        if there == here:
            return None
        self._note(source)
        dtype = kwargs.get("dtype") or source.dtype
        if there == "cpu":
            return torch.zeros(source.shape, dtype=dtype)
        with self._fake:
            return torch.empty_strided(source.shape, source.stride(), dtype=dtype, device=CARD)

    def _shape(self, leaf: Any) -> Any:
        return self._fake.from_tensor(leaf) if isinstance(leaf, Tensor) else leaf

    def _is_pinned(self, host: Tensor) -> bool:
        return host.untyped_storage().data_ptr() in self._pinned

    def _note(self, source: Tensor) -> None:
        shape = tuple(source.shape)
        if self._seen.is_recording:
            raise HostRead(f"a copy of {shape} between host and card, while recording")
        if source.device.type == "cuda":
            self._seen.reads.append(shape)
        elif source.numel():
            self._seen.uploads.append(Upload(shape, self._is_pinned(source)))


class _Bindings(TorchFunctionMode):
    """Replaces the bindings that want a real card, and those that have no dispatch."""

    def __init__(self, seen: DryCard, pinned: dict[int, Tensor]) -> None:
        super().__init__()
        self._seen = seen
        self._pinned = pinned
        self._replaced: dict[Any, Callable[..., Any]] = {
            Tensor.__getitem__: _get,
            Tensor.__setitem__: _set,
            Tensor.to: _to,
            Tensor.cuda: lambda x: _to(x, CARD),
            Tensor.copy_: lambda x, y, non_blocking=False: _ATEN.copy_(x, y, non_blocking),
            Tensor.contiguous: lambda x, **_: x if x.is_contiguous() else x.clone(),
            Tensor.numpy: self._numpy,
            Tensor.__float__: _refuse,
            Tensor.__int__: _refuse,
            Tensor.__bool__: _refuse,
            Tensor.item: _refuse,
            Tensor.record_stream: lambda x, stream: None,
            Tensor.type_as: lambda x, other: _to(x, other.device, other.dtype),
        }

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if isinstance(kwargs.get("generator"), DryGenerator):
            kwargs["generator"] = None
        if func is Tensor.pin_memory or kwargs.pop("pin_memory", False):
            made = args[0].clone() if func is Tensor.pin_memory else func(*args, **kwargs)
            self._pinned[made.untyped_storage().data_ptr()] = made
            return made
        if func in (torch.tensor, torch.as_tensor):
            device = kwargs.pop("device", None)
            made = func(*args, **kwargs)
            return made if device is None else _to(made, torch.device(device))
        if func is Tensor.is_pinned:
            return args[0].untyped_storage().data_ptr() in self._pinned
        replaced = self._replaced.get(func)
        first = args[0] if args else None
        if replaced is not None and _concerns_card(args, kwargs, first):
            return replaced(*args, **kwargs)
        return func(*args, **kwargs)

    def _numpy(self, x: Tensor, *, force: bool = False) -> Any:
        assert force, "a tensor of the card is no array"
        self._seen.reads.append(tuple(x.shape))
        return np.zeros(x.shape, dtype=torch.empty(0, dtype=x.dtype).numpy().dtype)


def _refuse(x: Tensor) -> None:
    raise HostRead(f"the host reads a number of {tuple(x.shape)}")


def _meta(leaf: Any) -> Any:
    """The same shape, type and strides, of no device."""
    if not isinstance(leaf, Tensor):
        return leaf
    return torch.empty_strided(leaf.shape, leaf.stride(), dtype=leaf.dtype, device="meta")


def _concerns_card(args: tuple[Any, ...], kwargs: dict[str, Any], first: Any) -> bool:
    for leaf in tree_leaves((args, kwargs)):
        if isinstance(leaf, Tensor):
            if leaf.device.type == "cuda":
                return True
        elif isinstance(leaf, torch.device):
            if leaf.type == "cuda":
                return True
        elif isinstance(leaf, str) and leaf.startswith("cuda"):
            return True
    return False


def _get(x: Tensor, index: Any) -> Tensor:
    """``x[index]``, by the operations that it stands for."""
    parts = list(index) if isinstance(index, tuple) else [index]
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    if Ellipsis in [part if not isinstance(part, Tensor) else None for part in parts]:
        where = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[where : where + 1] = [slice(None)] * (x.dim() - taken)
    dim, chosen = 0, list[Tensor | None]()
    for part in parts:
        if part is None:
            x = x.unsqueeze(dim)
            chosen.append(None)
            dim += 1
        elif isinstance(part, slice):
            if part != slice(None):
                x = _ATEN.slice(
                    x, dim, part.start, part.stop, 1 if part.step is None else part.step
                )
            chosen.append(None)
            dim += 1
        elif isinstance(part, Tensor):
            chosen.append(part)
            dim += 1
        else:
            assert isinstance(part, int) and not isinstance(part, bool), part
            x = _ATEN.select(x, dim, part)
    if any(part is not None for part in chosen):
        return _ATEN.index(x, chosen)  # type: ignore[no-any-return]
    return _ATEN.alias(x)  # type: ignore[no-any-return]


def _set(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value`` for an index without tensors."""
    place = _get(x, index)
    assert place.untyped_storage()._cdata == x.untyped_storage()._cdata, "an index of tensors"
    if isinstance(value, Tensor):
        _ATEN.copy_(place, value)
    else:
        place.fill_(value)


def _to(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``x.to(...)`` in all its forms."""
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    for one in args:
        if isinstance(one, torch.dtype):
            dtype = one
        elif isinstance(one, (str, torch.device)):
            device = one
        elif isinstance(one, Tensor):
            device, dtype = one.device, one.dtype
    there = x.device if device is None else torch.device(device)
    kind = x.dtype if dtype is None else dtype
    if there.type == x.device.type and kind == x.dtype and not kwargs.get("copy"):
        return x
    blocking = not kwargs.get("non_blocking", False)
    made: Tensor = _ATEN._to_copy(x, dtype=kind, device=there, non_blocking=not blocking)
    return made


class DryGenerator(torch.Generator):
    """A generator of the card, from which nothing comes."""

    def __new__(cls) -> DryGenerator:
        return super().__new__(cls)

    @property
    def device(self) -> torch.device:
        return CARD


class DryStream:
    """A stream, in which nothing waits."""

    def __init__(self, device: object = None, priority: int = 0, **_: object) -> None:
        self.priority = priority
        self.device = CARD
        self.cuda_stream = id(self)

    def wait_stream(self, other: object) -> None: ...

    def wait_event(self, event: object) -> None: ...

    def record_event(self, event: object = None) -> DryEvent:
        return DryEvent()

    def synchronize(self) -> None: ...

    def query(self) -> bool:
        return True

    def __enter__(self) -> DryStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class DryEvent:
    """An event that has always happened."""

    def __init__(self, **_: object) -> None: ...

    def record(self, stream: object = None) -> None: ...

    def wait(self, stream: object = None) -> None: ...

    def synchronize(self) -> None: ...

    def query(self) -> bool:
        return True

    def elapsed_time(self, other: object) -> float:
        return 1.0


class DryGraph:
    """A graph that was recorded, and does nothing."""

    def __init__(self, seen: DryCard) -> None:
        self._seen = seen

    def replay(self) -> None:
        self._seen.replays += 1

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """What the host does inside must be nothing but launching."""
        self._seen.recordings += 1
        self._seen.is_recording = True
        try:
            yield
        finally:
            self._seen.is_recording = False


def dry_record(work: Callable[[], None]) -> Callable[[], None]:
    """A recorder: what is recorded is run again for every replay."""
    work()
    return work


def _patch(monkeypatch: pytest.MonkeyPatch, seen: DryCard) -> None:
    """Stand-ins for what is no operation: streams, events, generators, kernels in Triton."""
    current = DryStream()
    real = torch.Generator
    # No kernel makes anything here that could be looked at.
    monkeypatch.setattr(kernels, "are_right", lambda device: True)

    def generator(device: Any = "cpu") -> Any:
        return DryGenerator() if torch.device(device).type == "cuda" else real(device)

    monkeypatch.setattr(torch, "Generator", generator)
    for name, value in {
        "_lazy_init": lambda: None,
        "Stream": DryStream,
        "Event": DryEvent,
        "stream": lambda stream: contextlib.nullcontext() if stream is None else stream,
        "current_stream": lambda device=None: current,
        "default_stream": lambda device=None: current,
        "synchronize": lambda device=None: None,
        "set_stream": lambda stream: None,
        "CUDAGraph": lambda *_, **__: DryGraph(seen),
        "graph": lambda graph, *_, **__: graph.recording(),
        "graph_pool_handle": lambda: (0, 0),
        "is_current_stream_capturing": lambda: seen.is_recording,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_arch_list": lambda: ["sm_90"],
        "get_device_name": lambda device=None: "a dry card",
        "get_device_capability": lambda device=None: (9, 0),
        "empty_cache": lambda: None,
        "mem_get_info": lambda device=None: (80 * 10**9, 80 * 10**9),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)

    def launch(self: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        name = getattr(self, "__name__", str(self))
        for each in tree_leaves((args, kwargs)):
            if isinstance(each, Tensor) and each.device.type != "cuda":
                raise MixedDevices(f"kernel {name} of {tuple(each.shape)} on {each.device}")
        seen.launches.append(name)
        seen.operations += 1

    try:
        from triton.runtime.interpreter import InterpretedFunction
        from triton.runtime.jit import JITFunction
    except ImportError:
        return
    monkeypatch.setattr(JITFunction, "run", launch)
    monkeypatch.setattr(InterpretedFunction, "run", launch)
