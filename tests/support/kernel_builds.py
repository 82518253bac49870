"""Our kernels compiled for cards that are not there, and what the machine code takes of them.

Triton brings NVIDIA's assembler along and needs no card to use it. Types and sizes are those of
the 3B model and its local decoder; the launchers themselves say them, see `launches`.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from mula_daemon.engine.lm.kernels import attention, few_rows, norm

SHARED = 99 * 1024
"""Bytes that a program may have on the cards that give it least (compute capability 8.6, 8.9)."""

POINTERS = {
    torch.bfloat16: "*bf16",
    torch.float32: "*fp32",
    torch.int8: "*i8",
    torch.int16: "*i16",
    torch.int64: "*i64",
}


@dataclass
class Launch:
    """One launch as the product would do it."""

    kernel: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]


@dataclass
class Build:
    """What the machine code of one kernel takes. ``local`` is memory that registers spill to."""

    registers: int
    stack: int
    local: int
    shared: int
    code: str

    def count(self, instruction: str) -> int:
        return len(re.findall(rf"\b{instruction}\b", self.code))

    def __str__(self) -> str:
        return (
            f"{self.registers} registers, {self.shared} B shared, "
            f"stack {self.stack}, spilled {self.local}"
        )


@contextmanager
def launches() -> Iterator[list[Launch]]:
    """What is launched inside is kept and not run."""
    kept: list[Launch] = []

    def launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, **named: Any) -> None:
        kept.append(Launch(kernel, arguments, named))

    with (
        mock.patch.object(attention, "launch", launch),
        mock.patch.object(few_rows, "launch", launch),
        mock.patch.object(norm, "launch", launch),
    ):
        yield kept


def _of(*shape: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def _weights(form: str, columns: int, depth: int) -> few_rows.Weights:
    if form == "bfloat16":
        return few_rows.Weights(_of(columns, depth), None, depth)
    if form == "int8":
        scales = _of(columns, dtype=torch.float32)
        return few_rows.Weights(_of(columns, depth, dtype=torch.int8), scales, depth)
    words = _of(columns, depth // few_rows.LANES, dtype=torch.int16)
    return few_rows.Weights(words, _of(depth // few_rows.GROUP, columns, 2), depth)


def _product(form: str, columns: int, depth: int, **named: Any) -> Callable[[], object]:
    floor = _of(dtype=torch.float32) if named.pop("normed", False) else None
    return lambda: few_rows.product(
        _of(2, depth), _weights(form, columns, depth), floor=floor, **named
    )


def _mix(
    heads: int, group: int, head: int, slots: int, extent: int, new: int, biased: bool
) -> Callable[[], object]:
    return lambda: attention.mix(
        _of(2 * new, heads * (group + 2) * head),
        _of(slots, group + 2, head // 2, dtype=torch.complex64),
        _of(2 * heads, 2, slots, head),
        _of(1, dtype=torch.int64),
        extent,
        _of(2 * heads, 1, slots) if biased else None,
        new,
    )


LAUNCHERS: dict[str, Callable[[], object]] = {
    "queries, keys, values in bfloat16": _product("bfloat16", 5120, 3072, normed=True),
    "gate and up in bfloat16": _product("bfloat16", 16384, 3072, normed=True, gated=True),
    "down in bfloat16": _product("bfloat16", 3072, 8192, out=_of(2, 3072), added=True),
    "a head": _product("bfloat16", 8197, 3072, dtype=torch.float32),
    "queries, keys, values in int8": _product("int8", 5120, 3072, normed=True),
    "gate and up in int8": _product("int8", 16384, 3072, normed=True, gated=True),
    "down in int8": _product("int8", 3072, 8192, out=_of(2, 3072), added=True),
    "queries, keys, values in int4": _product("int4", 5120, 3072, normed=True),
    "gate and up in int4": _product("int4", 16384, 3072, normed=True, gated=True),
    "down in int4": _product("int4", 3072, 8192, out=_of(2, 3072), added=True),
    "the backbone's attention": _mix(8, 3, 128, 512, 512, 1, biased=True),
    "the backbone's, of a long cache": _mix(8, 3, 128, 8192, 8192, 1, biased=True),
    "the local decoder's attention": _mix(4, 2, 384, 8, 8, 1, biased=False),
    "the local decoder's first two": _mix(4, 2, 384, 8, 2, 2, biased=False),
    "a norm": lambda: norm.unit(_of(2, 3072), _of(dtype=torch.float32)),
}


def builds(name: str, capability: int) -> list[Build]:
    """Those of every kernel that the launcher called ``name`` launches."""
    with launches() as kept:
        LAUNCHERS[name]()
    return [build(launch, capability) for launch in kept]


def build(launch: Launch, capability: int) -> Build:
    """Compiled as Triton would at the first launch on such a card."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kernel, names = launch.kernel, launch.kernel.arg_names
    values = dict(zip(names, launch.arguments, strict=False))
    constants = {name: value for name, value in launch.named.items() if name in names}
    options = {name: value for name, value in launch.named.items() if name not in names}
    signature: dict[str, str] = {}
    divisible: dict[tuple[int, ...], list[list[object]]] = {}
    for place, name in enumerate(names):
        value = values.get(name)
        if name in constants:
            signature[name] = "constexpr"
        elif isinstance(value, Tensor):
            signature[name] = POINTERS[value.dtype]
        else:
            signature[name] = "i32"
        if name in values and (isinstance(value, Tensor) or value % 16 == 0):
            divisible[(place,)] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constants, divisible)
    options["enable_fp_fusion"] = True
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernel.cubin"
        file.write_bytes(made.asm["cubin"])
        usage = _reader("--dump-resource-usage", str(file))
        code = _reader("-sass", str(file))
    found = re.search(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)", usage)
    assert found is not None, usage
    registers, stack, local = (int(number) for number in found.groups())
    return Build(registers, stack, local, made.metadata.shared, code)


def _reader(*arguments: str) -> str:
    """What NVIDIA's reader of machine code says, which Triton brings along."""
    done = subprocess.run([_tool(), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@cache
def _tool() -> str:
    import triton

    return str(Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump")
