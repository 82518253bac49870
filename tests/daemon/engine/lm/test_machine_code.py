"""Programs as machine code, and machines on which they cannot be had."""

import ctypes
import os
import sys

import pytest
import torch

from mula_daemon.engine.lm import machine_code
from mula_daemon.engine.lm.machine_code import compiled, members, read, structure

FIELDS = {"out": "ptr", "count": "i64", "step": "float"}
PROGRAM = f"""
{structure(FIELDS)}
define internal void @prepare(ptr %job) {{
{read(FIELDS, "out", "step")}
  store float %step, ptr %out, align 4
  ret void
}}
define internal i64 @pieces(ptr %job) {{
{read(FIELDS, "count")}
  ret i64 %count
}}
; out[i] += i for each piece
define internal void @part(ptr %job, i64 %first, i64 %last) {{
entry:
{read(FIELDS, "out")}
  %any = icmp ult i64 %first, %last
  br i1 %any, label %each, label %done
each:
  %i = phi i64 [%first, %entry], [%next, %each]
  %at = getelementptr float, ptr %out, i64 %i
  %old = load float, ptr %at, align 4
  %more = uitofp i64 %i to float
  %new = fadd float %old, %more
  store float %new, ptr %at, align 4
  %next = add i64 %i, 1
  %on = icmp ult i64 %next, %last
  br i1 %on, label %each, label %done
done:
  ret void
}}
"""


class Counting(ctypes.Structure):
    _fields_ = members(FIELDS)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 5, 100])
def test_every_piece_is_done_once_whatever_the_threads(threads: int, count: int) -> None:
    code = compiled(PROGRAM, "counting")
    if code is None:
        pytest.skip("needs llvmlite, and torch's OpenMP")
    out = torch.zeros(count + 1)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        code.run(Counting(out.data_ptr(), count, 0.5), 4)
    finally:
        torch.set_num_threads(before)
    wanted = torch.arange(count + 1.0)
    wanted[-1] = 0
    wanted[0] += 0.5
    assert torch.equal(out, wanted)


def test_without_a_compiler_torch_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    assert compiled(PROGRAM, "counting") is None


def test_without_torchs_threads_torch_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code, "OPENMP", ("GOMP_parallel", "of_no_such_library"))
    assert compiled(PROGRAM, "counting") is None


def test_windows_has_not_those_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(OSError, match="Windows"):
        machine_code.openmp("GOMP_parallel")
