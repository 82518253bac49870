"""Programs of ours in LLVM's language, as this processor's machine code.

For the few places where torch has no kernel that a CPU does fast: see `products.int8_llvm` and
`attention_llvm`. A program is text, compiled once a process in some tenths of a second. It works
through pieces that have nothing to do with each other, on the threads of torch's own OpenMP
(`GOMP_parallel` of libgomp, libomp or libiomp5): a second pool would fight it for the cores.

Nobody has run it on macOS. Windows has no such function, and keeps to torch's kernels.
Engine process only; any thread.
"""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Mapping
from typing import Any, Final

import torch

KINDS: Final[dict[str, Any]] = {
    "ptr": ctypes.c_void_p,
    "i64": ctypes.c_int64,
    "float": ctypes.c_float,
}
"""LLVM's names for what a job may be made of."""

OPENMP: Final = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")

log = logging.getLogger(__name__)


class MachineCode:
    """A program that defines three functions on a job, which is a structure.

    ``@prepare(ptr %job)`` is done first, by one thread; ``i64 @pieces(ptr %job)`` says how many
    there are; ``@part(ptr %job, i64 %first, i64 %last)`` does some of them. Raises ``ImportError``
    without llvmlite, and ``OSError`` or ``AttributeError`` without OpenMP.
    """

    def __init__(self, program: str) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        for name in OPENMP:
            llvm.add_symbol(name, openmp(name))
        target = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=3,
            jit=True,
        )
        module = llvm.parse_assembly(program + TEAM)
        module.triple = llvm.get_process_triple()
        module.data_layout = str(target.target_data)
        module.verify()
        passes = llvm.create_pass_builder(target, llvm.PipelineTuningOptions(speed_level=2))
        passes.getModulePassManager().run(module, passes)
        self._engine: Any = llvm.create_mcjit_compiler(module, target)  # owns the code
        self._engine.finalize_object()
        find = self._engine.get_function_address
        self._alone = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(find("alone"))
        self._together = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int)(find("together"))

    def run(self, job: ctypes.Structure, most: int) -> None:
        """Do ``job`` on as many threads as torch may use, up to ``most``."""
        threads = min(torch.get_num_threads(), most)
        if threads > 1:
            self._together(ctypes.addressof(job), threads)
        else:
            self._alone(ctypes.addressof(job))


def compiled(program: str, what: str) -> MachineCode | None:
    """``program``, or None where it cannot be had: torch then does ``what``."""
    try:
        return MachineCode(program)
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        log.info("%s: by torch's own kernels (%s)", what, error)
        return None


def openmp(name: str) -> int:
    """The address of a function of the OpenMP library that torch brought into this process.

    Raises ``OSError`` or ``AttributeError`` when there is none.
    """
    if os.name == "nt":
        raise OSError("torch's threads on Windows are not those of GOMP_parallel")
    address = ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value
    assert address is not None
    return address


def structure(fields: Mapping[str, str]) -> str:
    """``%job`` as LLVM's type; ``fields`` maps names to `KINDS`."""
    return f"%job = type {{ {', '.join(fields.values())} }}\n"


def members(fields: Mapping[str, str]) -> list[tuple[str, Any]]:
    """The same for ctypes."""
    return [(name, KINDS[kind]) for name, kind in fields.items()]


def read(fields: Mapping[str, str], *names: str) -> str:
    """Lines that read some of the fields of ``%job``."""
    order = list(fields)
    return "\n".join(
        f"  %{name}.at = getelementptr %job, ptr %job, i32 0, i32 {order.index(name)}\n"
        f"  %{name} = load {fields[name]}, ptr %{name}.at, align 4"
        for name in names
    )


SUMS: Final = """
; 8 floats to 4, those at a distance of 4 added.
define internal <4 x float> @halve(<8 x float> %f) alwaysinline {
  %low = shufflevector <8 x float> %f, <8 x float> poison, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  %high = shufflevector <8 x float> %f, <8 x float> poison, <4 x i32> <i32 4, i32 5, i32 6, i32 7>
  %sum = fadd <4 x float> %low, %high
  ret <4 x float> %sum
}

; neighbours of a and then of b added.
define internal <4 x float> @pairs(<4 x float> %a, <4 x float> %b) alwaysinline {
  %even = shufflevector <4 x float> %a, <4 x float> %b, <4 x i32> <i32 0, i32 2, i32 4, i32 6>
  %odd = shufflevector <4 x float> %a, <4 x float> %b, <4 x i32> <i32 1, i32 3, i32 5, i32 7>
  %sum = fadd <4 x float> %even, %odd
  ret <4 x float> %sum
}

; the sums of four vectors.
define internal <4 x float> @gather(<8 x float> %a, <8 x float> %b, <8 x float> %c,
    <8 x float> %d) alwaysinline {
  %a4 = call <4 x float> @halve(<8 x float> %a)
  %b4 = call <4 x float> @halve(<8 x float> %b)
  %c4 = call <4 x float> @halve(<8 x float> %c)
  %d4 = call <4 x float> @halve(<8 x float> %d)
  %ab = call <4 x float> @pairs(<4 x float> %a4, <4 x float> %b4)
  %cd = call <4 x float> @pairs(<4 x float> %c4, <4 x float> %d4)
  %abcd = call <4 x float> @pairs(<4 x float> %ab, <4 x float> %cd)
  ret <4 x float> %abcd
}
"""
"""For programs: `@gather` makes of four vectors their four sums, always in the same order."""

TEAM: Final = """
declare void @GOMP_parallel(ptr, ptr, i32, i32)
declare i32 @omp_get_thread_num()
declare i32 @omp_get_num_threads()

define void @alone(ptr %job) {
  call void @prepare(ptr %job)
  %pieces = call i64 @pieces(ptr %job)
  call void @part(ptr %job, i64 0, i64 %pieces)
  ret void
}

; what each thread of a team does.
define internal void @share(ptr %job) {
  %n = call i32 @omp_get_thread_num()
  %count = call i32 @omp_get_num_threads()
  %this = sext i32 %n to i64
  %of = sext i32 %count to i64
  %pieces = call i64 @pieces(ptr %job)
  %a = mul i64 %pieces, %this
  %first = udiv i64 %a, %of
  %b = add i64 %a, %pieces
  %last = udiv i64 %b, %of
  call void @part(ptr %job, i64 %first, i64 %last)
  ret void
}

define void @together(ptr %job, i32 %threads) {
  call void @prepare(ptr %job)
  call void @GOMP_parallel(ptr @share, ptr %job, i32 %threads, i32 0)
  ret void
}
"""
