"""The kernels of `attention`. Import fails where Triton is not installed."""

# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call"
from __future__ import annotations

import triton
import triton.language as tl

LOW = tl.constexpr(-1.0e30)
"""A score below all others, from which differences can still be taken."""


@triton.jit
def attend(
    qkv_ptr,
    turns_ptr,
    pairs_ptr,
    slot_ptr,
    bias_ptr,
    out_ptr,
    tops_ptr,
    slots,
    bias_stride,
    chunks,
    heads: tl.constexpr,
    group: tl.constexpr,
    head: tl.constexpr,
    new: tl.constexpr,
    biased: tl.constexpr,
    parted: tl.constexpr,
    chunk: tl.constexpr,
    block: tl.constexpr,
    height: tl.constexpr,
    wide: tl.constexpr,
):
    """See `attention.mix`. Unless it is ``parted`` ``out`` is the result; else it takes sums that
    `join` divides, and ``tops`` what each chunk's softmax counts from, and its total."""
    batch = tl.program_id(0)
    part = tl.program_id(1)
    row = batch // heads
    own = batch % heads
    slot = tl.load(slot_ptr).to(tl.int32)
    each: tl.constexpr = (group + 2) * head
    spot = tl.arange(0, wide)
    held = spot < head
    odd = spot % 2
    # x0 + i x1 times c + i s: x0 c - x1 s, x1 c + x0 s.
    sign = (2 * odd - 1).to(tl.float32)
    turn = turns_ptr + spot // 2 * 2

    index = tl.arange(0, height)
    place = index // group
    asked = (index < group * new)[:, None] & held[None, :]
    at = (
        qkv_ptr
        + ((row * new + place) * heads + own)[:, None] * each
        + (index % group * head)[:, None]
    )
    query = tl.load(at + spot[None, :], mask=asked, other=0.0).to(tl.float32)
    other = tl.load(at + (spot ^ 1)[None, :], mask=asked, other=0.0).to(tl.float32)
    angle = turn[None, :] + ((slot + place) * each)[:, None]
    query *= tl.load(angle, mask=asked, other=0.0)
    query += other * sign[None, :] * tl.load(angle + 1, mask=asked, other=0.0)
    query = query.to(pairs_ptr.dtype.element_ty)

    keys = pairs_ptr + batch.to(tl.int64) * 2 * slots * head
    values = keys + slots * head
    bias_ptr += batch.to(tl.int64) * bias_stride
    top = tl.full((height,), LOW, dtype=tl.float32)
    total = tl.zeros((height,), dtype=tl.float32)
    sums = tl.zeros((height, wide), dtype=tl.float32)
    if part == 0:
        for later in tl.static_range(new):
            first = qkv_ptr + ((row * new + later) * heads + own) * each + group * head
            facing = turn + (slot + later) * each
            new_key = tl.load(first + spot, mask=held, other=0.0).to(tl.float32)
            beside = tl.load(first + (spot ^ 1), mask=held, other=0.0).to(tl.float32)
            new_key *= tl.load(facing, mask=held, other=0.0)
            new_key += beside * sign * tl.load(facing + 1, mask=held, other=0.0)
            stored = new_key.to(pairs_ptr.dtype.element_ty)
            new_value = tl.load(first + head + spot, mask=held, other=0.0)
            target = (slot + later).to(tl.int64) * head + spot
            tl.store(keys + target, stored, mask=held)
            tl.store(values + target, new_value, mask=held)
            found = tl.sum(query.to(tl.float32) * stored.to(tl.float32)[None, :], axis=1)
            if biased:
                found += tl.load(bias_ptr + slot + later).to(tl.float32)
            found = tl.where(place >= later, found, -float("inf"))
            above = tl.maximum(top, found)
            weight = tl.exp(found - above)
            rest = tl.exp(top - above)
            top = above
            total = total * rest + weight
            sums = sums * rest[:, None] + weight[:, None] * new_value.to(tl.float32)[None, :]
    step = tl.arange(0, block)
    for start in range(part * chunk, tl.minimum((part + 1) * chunk, slot), block):
        known = start + step
        before = known < slot
        here = known.to(tl.int64) * head
        key = tl.load(
            keys + here[None, :] + spot[:, None], mask=before[None, :] & held[:, None], other=0.0
        )
        score = tl.dot(query, key, input_precision="ieee")
        if biased:
            score += tl.load(bias_ptr + known, mask=before, other=0.0).to(tl.float32)[None, :]
        score = tl.where(before[None, :], score, -float("inf"))
        higher = tl.maximum(top, tl.max(score, axis=1))
        share = tl.exp(score - higher[:, None])
        kept = tl.exp(top - higher)
        top = higher
        total = total * kept + tl.sum(share, axis=1)
        value = tl.load(
            values + here[:, None] + spot[None, :], mask=before[:, None] & held[None, :], other=0.0
        )
        sums *= kept[:, None]
        sums = tl.dot(share.to(value.dtype), value, sums, input_precision="ieee")
    if not parted:
        at = ((row * new + place) * heads + own) * group + index % group
        mixed = (sums / total[:, None]).to(out_ptr.dtype.element_ty)
        tl.store(out_ptr + at[:, None] * head + spot[None, :], mixed, mask=asked)
    else:
        at = (batch * chunks + part) * group * new + index
        tl.store(out_ptr + at[:, None] * head + spot[None, :], sums, mask=asked)
        tl.store(tops_ptr + 2 * at, top, mask=index < group * new)
        tl.store(tops_ptr + 2 * at + 1, total, mask=index < group * new)


@triton.jit
def join(
    parts_ptr,
    tops_ptr,
    out_ptr,
    chunks,
    heads: tl.constexpr,
    group: tl.constexpr,
    head: tl.constexpr,
    new: tl.constexpr,
    wide: tl.constexpr,
):
    """One query's ``out`` [H] from what each chunk found; see `attend`."""
    batch = tl.program_id(0)
    index = tl.program_id(1)
    spot = tl.arange(0, wide)
    held = spot < head
    each: tl.constexpr = group * new
    at = batch * chunks * each + index
    top = tl.load(tops_ptr + 2 * at)
    for chunk in range(1, chunks):
        top = tl.maximum(top, tl.load(tops_ptr + 2 * (at + chunk * each)))
    total = top * 0.0
    sums = tl.zeros((wide,), dtype=tl.float32)
    for chunk in range(chunks):
        here = at + chunk * each
        kept = tl.exp(tl.load(tops_ptr + 2 * here) - top)
        total += kept * tl.load(tops_ptr + 2 * here + 1)
        sums += kept * tl.load(parts_ptr + here * head + spot, mask=held, other=0.0)
    row = batch // heads * new + index // group
    place = (row * heads + batch % heads) * group + index % group
    mixed = (sums / total).to(out_ptr.dtype.element_ty)
    tl.store(out_ptr + place * head + spot, mixed, mask=held)
