"""The kernel of `norm`. Import fails where Triton is not installed."""

# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call"
from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def scale(x_ptr, floor_ptr, out_ptr, depth: tl.constexpr, wide: tl.constexpr):
    """One row; see `norm.unit`."""
    at = tl.program_id(0) * depth + tl.arange(0, wide)
    held = tl.arange(0, wide) < depth
    x = tl.load(x_ptr + at, mask=held, other=0.0).to(tl.float32)
    floor = tl.load(floor_ptr)
    x /= tl.sqrt(tl.sum(x * x, axis=0) + floor * floor)
    tl.store(out_ptr + at, x.to(out_ptr.dtype.element_ty), mask=held)
