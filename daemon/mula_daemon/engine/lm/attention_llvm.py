"""Attention of one new position on long caches, for CPUs, in LLVM's language.

torch's batched products reach a third of the bandwidth of memory here, for three queries are too
few for them. This reads each key once for all queries of its group and each value likewise, in
the order in which they lie, and asks for what comes next in time. A piece of work is one row's
group; the scores of a group stay in the cache.

A program is made for each shape of group. See `machine_code`.
"""

from __future__ import annotations

import ctypes
import math
import struct
from functools import cache
from itertools import product
from typing import Final

from mula_daemon.engine.lm.machine_code import SUMS, MachineCode, compiled, members, read, structure

KEYS: Final = 4
"""That are scored together."""
WIDTH: Final = 32
"""Of a value, that is summed at a time: four vectors of eight."""
CHUNK: Final = 32
"""Values that are walked through for each width: they stay in the first cache."""
AHEAD: Final = 1024
"""Bytes of the caches that are asked for before they are needed."""

FIELDS: Final = {
    "query": "ptr",  # float [batch, group, head]
    "keys": "ptr",  # float [batch, slots, head]
    "values": "ptr",  # likewise
    "bias": "ptr",  # float [batch, slots]
    "out": "ptr",  # float [batch, group, head]
    "scores": "ptr",  # float [batch, group, room]
    "batch": "i64",
    "slots": "i64",  # at least `KEYS`
    "room": "i64",  # slots, up to a multiple of eight
    # How far apart the first dimension's items lie, in floats.
    "query.step": "i64",
    "cache.step": "i64",
    "bias.step": "i64",  # 0 for one that all share
}


class AttentionJob(ctypes.Structure):
    """Attention of a batch. Only the first dimensions may have gaps."""

    _fields_ = members(FIELDS)


@cache
def kernel(group: int, head: int) -> MachineCode | None:
    """For ``group`` queries of ``head`` numbers: it does an `AttentionJob`, where it can be had.

    One query alone gains nothing, and a model that has no groups need not load a compiler.
    """
    if not 2 <= group <= KEYS or head % WIDTH:
        return None
    return compiled(program(group, head), "attention")


def number(value: float) -> str:
    """A float32, as LLVM writes it: the bits of the float64 that equals it."""
    (single,) = struct.unpack("<f", struct.pack("<f", value))
    return f"0x{struct.pack('>d', single).hex().upper()}"


def splat(value: float) -> str:
    return f"splat (float {number(value)})"


def program(group: int, head: int) -> str:
    """All of it, as LLVM reads it."""
    return "\n".join(
        [HELPERS, score(group, head), mix(group, head), part(group, head)],
    )


def score(group: int, head: int) -> str:
    """``@score``: the scores of four keys for every query, and the largest so far."""
    both = list(product(range(group), range(KEYS)))
    lines = [
        "define internal void @score(ptr %query, ptr %key, ptr %bias, ptr %scores, i64 %room,"
        " ptr %tops) alwaysinline {",
        "entry:",
        "  br label %along",
        "along:",
        "  %h = phi i64 [0, %entry], [%next, %along]",
    ]
    lines += [
        f"  %sum{g}{k} = phi <8 x float> [zeroinitializer, %entry], [%new{g}{k}.1, %along]"
        for g, k in both
    ]
    for k in range(KEYS):
        lines += [
            f"  %from{k} = add i64 %h, {k * head}",
            f"  %at{k} = getelementptr float, ptr %key, i64 %from{k}",
            f"  %soon{k} = getelementptr i8, ptr %at{k}, i64 {AHEAD}",
            f"  call void @llvm.prefetch.p0(ptr %soon{k}, i32 0, i32 3, i32 1)",
        ]
    for half in range(2):
        for g in range(group):
            lines += [
                f"  %q{g}.{half}.h = add i64 %h, {g * head + 8 * half}",
                f"  %q{g}.{half}.at = getelementptr float, ptr %query, i64 %q{g}.{half}.h",
                f"  %q{g}.{half} = load <8 x float>, ptr %q{g}.{half}.at, align 4",
            ]
        for k in range(KEYS):
            lines += [
                f"  %k{k}.{half}.at = getelementptr float, ptr %at{k}, i64 {8 * half}",
                f"  %k{k}.{half} = load <8 x float>, ptr %k{k}.{half}.at, align 4",
            ]
            for g in range(group):
                old = f"%new{g}{k}.0" if half else f"%sum{g}{k}"
                lines.append(
                    f"  %new{g}{k}.{half} = call <8 x float> @add_product(<8 x float>"
                    f" %q{g}.{half}, <8 x float> %k{k}.{half}, <8 x float> {old})"
                )
    lines += [
        "  %next = add i64 %h, 16",
        f"  %more = icmp ult i64 %next, {head}",
        "  br i1 %more, label %along, label %done",
        "done:",
        "  %biases = load <4 x float>, ptr %bias, align 4",
    ]
    for g in range(group):
        four = ", ".join(f"<8 x float> %new{g}{k}.1" for k in range(KEYS))
        lines += [
            f"  %four{g} = call <4 x float> @gather({four})",
            f"  %score{g} = fadd <4 x float> %four{g}, %biases",
            f"  %row{g} = mul i64 %room, {g}",
            f"  %to{g} = getelementptr float, ptr %scores, i64 %row{g}",
            f"  store <4 x float> %score{g}, ptr %to{g}, align 4",
            f"  %top{g}.at = getelementptr <4 x float>, ptr %tops, i64 {g}",
            f"  %top{g} = load <4 x float>, ptr %top{g}.at, align 16",
            f"  %high{g} = call <4 x float> @llvm.maxnum.v4f32(<4 x float> %top{g},"
            f" <4 x float> %score{g})",
            f"  store <4 x float> %high{g}, ptr %top{g}.at, align 16",
        ]
    return "\n".join([*lines, "  ret void", "}"])


def mix(group: int, head: int) -> str:
    """``@mix``: some values, weighted, added to a width of every query's result."""
    vectors = WIDTH // 8
    both = list(product(range(group), range(vectors)))
    lines = [
        "define internal void @mix(ptr %value, ptr %weights, i64 %room, i64 %count, ptr %out)"
        " alwaysinline {",
        "entry:",
    ]
    for g, v in both:
        lines += [
            f"  %out{g}{v} = getelementptr float, ptr %out, i64 {g * head + 8 * v}",
            f"  %old{g}{v} = load <8 x float>, ptr %out{g}{v}, align 4",
        ]
    lines += [
        f"  %row{g} = mul i64 %room, {g}\n  %weight{g} = getelementptr float, ptr %weights,"
        f" i64 %row{g}"
        for g in range(group)
    ]
    lines += ["  br label %down", "down:", "  %s = phi i64 [0, %entry], [%next, %down]"]
    lines += [
        f"  %sum{g}{v} = phi <8 x float> [%old{g}{v}, %entry], [%new{g}{v}, %down]" for g, v in both
    ]
    lines += [
        f"  %from = mul i64 %s, {head}",
        "  %at = getelementptr float, ptr %value, i64 %from",
    ]
    for line in range(WIDTH * 4 // 64):
        lines += [
            f"  %soon{line} = getelementptr i8, ptr %at, i64 {CHUNK * head * 4 + 64 * line}",
            f"  call void @llvm.prefetch.p0(ptr %soon{line}, i32 0, i32 3, i32 1)",
        ]
    for g in range(group):
        lines += [
            f"  %weight{g}.at = getelementptr float, ptr %weight{g}, i64 %s",
            f"  %one{g} = load float, ptr %weight{g}.at, align 4",
            f"  %in{g} = insertelement <8 x float> poison, float %one{g}, i32 0",
            f"  %w{g} = shufflevector <8 x float> %in{g}, <8 x float> poison,"
            " <8 x i32> zeroinitializer",
        ]
    for v in range(vectors):
        lines += [
            f"  %v{v}.at = getelementptr float, ptr %at, i64 {8 * v}",
            f"  %v{v} = load <8 x float>, ptr %v{v}.at, align 4",
        ]
        lines += [
            f"  %new{g}{v} = call <8 x float> @add_product(<8 x float> %w{g}, <8 x float> %v{v},"
            f" <8 x float> %sum{g}{v})"
            for g in range(group)
        ]
    lines += [
        "  %next = add i64 %s, 1",
        "  %more = icmp ult i64 %next, %count",
        "  br i1 %more, label %down, label %done",
        "done:",
    ]
    lines += [f"  store <8 x float> %new{g}{v}, ptr %out{g}{v}, align 4" for g, v in both]
    return "\n".join([*lines, "  ret void", "}"])


def part(group: int, head: int) -> str:
    """``@part``: some groups from beginning to end."""
    names = [*FIELDS]
    lines = [
        "define internal void @part(ptr %job, i64 %first, i64 %last) {",
        "entry:",
        read(FIELDS, *names),
        f"  %tops = alloca [{group} x <4 x float>], align 16",
        "  %last.key = sub i64 %slots, 4",
        "  %last.eight = sub i64 %room, 8",
        "  %any = icmp ult i64 %first, %last",
        "  br i1 %any, label %groups, label %done",
        "groups:",
        "  %b = phi i64 [%first, %entry], [%b1, %end]",
        "  %q.from = mul i64 %b, %query.step",
        "  %q = getelementptr float, ptr %query, i64 %q.from",
        "  %c.from = mul i64 %b, %cache.step",
        "  %k = getelementptr float, ptr %keys, i64 %c.from",
        "  %v = getelementptr float, ptr %values, i64 %c.from",
        "  %bias.from = mul i64 %b, %bias.step",
        "  %bias.b = getelementptr float, ptr %bias, i64 %bias.from",
        f"  %out.from = mul i64 %b, {group * head}",
        "  %out.b = getelementptr float, ptr %out, i64 %out.from",
        f"  %rows = mul i64 %b, {group}",
        "  %scores.from = mul i64 %rows, %room",
        "  %score.b = getelementptr float, ptr %scores, i64 %scores.from",
    ]
    for g in range(group):
        lines += [
            f"  %top{g}.at = getelementptr <4 x float>, ptr %tops, i64 {g}",
            f"  store <4 x float> {splat(-math.inf)}, ptr %top{g}.at, align 16",
            # Scores after the last slot count for nothing.
            f"  %row{g}.from = mul i64 %room, {g}",
            f"  %row{g} = getelementptr float, ptr %score.b, i64 %row{g}.from",
            f"  %end{g} = getelementptr float, ptr %row{g}, i64 %last.eight",
            f"  store <8 x float> {splat(-math.inf)}, ptr %end{g}, align 4",
        ]
    lines += [
        "  br label %each.key",
        "each.key:",
        "  %s = phi i64 [0, %groups], [%s.next, %each.key]",
        f"  %key.from = mul i64 %s, {head}",
        "  %key = getelementptr float, ptr %k, i64 %key.from",
        "  %bias.s = getelementptr float, ptr %bias.b, i64 %s",
        "  %score.s = getelementptr float, ptr %score.b, i64 %s",
        "  call void @score(ptr %q, ptr %key, ptr %bias.s, ptr %score.s, i64 %room, ptr %tops)",
        # The last four overlap those before where slots are no multiple of four.
        "  %s.four = add i64 %s, 4",
        "  %s.next = call i64 @llvm.umin.i64(i64 %s.four, i64 %last.key)",
        "  %scored = icmp eq i64 %s, %last.key",
        "  br i1 %scored, label %weigh, label %each.key",
        "weigh:",
    ]
    for g in range(group):
        lines += [
            f"  %tops{g} = load <4 x float>, ptr %top{g}.at, align 16",
            f"  %top{g} = call float @llvm.vector.reduce.fmax.v4f32(<4 x float> %tops{g})",
            f"  %total{g} = call float @weigh(ptr %row{g}, i64 %room, float %top{g})",
            f"  %share{g} = fdiv float 1.0, %total{g}",
        ]
    count = head // WIDTH
    lines += [
        f"  call void @llvm.memset.p0.i64(ptr %out.b, i8 0, i64 {group * head * 4}, i1 false)",
        "  br label %each.chunk",
        "each.chunk:",
        "  %t = phi i64 [0, %weigh], [%t.next, %each.chunk]",
        "  %left = sub i64 %slots, %t",
        f"  %few = call i64 @llvm.umin.i64(i64 %left, i64 {CHUNK})",
        f"  %value.from = mul i64 %t, {head}",
        "  %value = getelementptr float, ptr %v, i64 %value.from",
        "  %weights = getelementptr float, ptr %score.b, i64 %t",
    ]
    for w in range(count):
        lines += [
            f"  %value{w} = getelementptr float, ptr %value, i64 {w * WIDTH}",
            f"  %out{w} = getelementptr float, ptr %out.b, i64 {w * WIDTH}",
            f"  call void @mix(ptr %value{w}, ptr %weights, i64 %room, i64 %few, ptr %out{w})",
        ]
    lines += [
        "  %t.next = add i64 %t, %few",
        "  %on = icmp ult i64 %t.next, %slots",
        "  br i1 %on, label %each.chunk, label %scale",
        "scale:",
    ]
    for g in range(group):
        lines += [
            f"  %out.row{g} = getelementptr float, ptr %out.b, i64 {g * head}",
            f"  call void @scale(ptr %out.row{g}, i64 {head}, float %share{g})",
        ]
    lines += [
        "  br label %end",
        "end:",
        "  %b1 = add i64 %b, 1",
        "  %more = icmp ult i64 %b1, %last",
        "  br i1 %more, label %groups, label %done",
        "done:",
        "  ret void",
        "}",
    ]
    return "\n".join(lines)


POWERS: Final = [math.log(2) ** n / math.factorial(n) for n in range(7)]
"""2**x = sum of POWERS[n] x**n, to 2e-7 for |x| up to a half."""


def exponential() -> str:
    """``@exponential``: e**x of eight x up to 0, and 0 below -87."""
    lines = [
        "define internal <8 x float> @exponential(<8 x float> %x) alwaysinline {",
        f"  %y = fmul <8 x float> %x, {splat(math.log2(math.e))}",
        "  %least = call <8 x float> @llvm.maxnum.v8f32(<8 x float> %y,"
        f" <8 x float> {splat(-127)})",
        "  %whole = call <8 x float> @llvm.roundeven.v8f32(<8 x float> %least)",
        "  %rest = fsub <8 x float> %least, %whole",
    ]
    last = splat(POWERS[-1])
    for n in reversed(range(len(POWERS) - 1)):
        lines.append(
            f"  %p{n} = call <8 x float> @add_product(<8 x float> {last}, <8 x float> %rest,"
            f" <8 x float> {splat(POWERS[n])})"
        )
        last = f"%p{n}"
    return "\n".join(
        [
            *lines,
            "  %n = fptosi <8 x float> %whole to <8 x i32>",
            "  %biased = add <8 x i32> %n, splat (i32 127)",
            "  %bits = shl <8 x i32> %biased, splat (i32 23)",
            "  %power = bitcast <8 x i32> %bits to <8 x float>",
            f"  %e = fmul <8 x float> %power, {last}",
            "  ret <8 x float> %e",
            "}",
        ]
    )


HELPERS: Final = f"""
{structure(FIELDS)}
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @llvm.umin.i64(i64, i64)
declare float @llvm.vector.reduce.fmax.v4f32(<4 x float>)
declare float @llvm.vector.reduce.fadd.v8f32(float, <8 x float>)
declare <4 x float> @llvm.maxnum.v4f32(<4 x float>, <4 x float>)
declare <8 x float> @llvm.maxnum.v8f32(<8 x float>, <8 x float>)
declare <8 x float> @llvm.roundeven.v8f32(<8 x float>)

define internal void @prepare(ptr %job) alwaysinline {{
  ret void
}}

define internal i64 @pieces(ptr %job) alwaysinline {{
{read(FIELDS, "batch")}
  ret i64 %batch
}}

; a b + c, rounded once where the processor can.
define internal <8 x float> @add_product(<8 x float> %a, <8 x float> %b, <8 x float> %c)
    alwaysinline {{
  %m = fmul contract <8 x float> %a, %b
  %s = fadd contract <8 x float> %m, %c
  ret <8 x float> %s
}}

{SUMS}
{exponential()}

; scores become weights, whose sum is returned.
define internal float @weigh(ptr %scores, i64 %room, float %top) {{
entry:
  %in = insertelement <8 x float> poison, float %top, i32 0
  %tops = shufflevector <8 x float> %in, <8 x float> poison, <8 x i32> zeroinitializer
  br label %each
each:
  %i = phi i64 [0, %entry], [%next, %each]
  %sum = phi <8 x float> [zeroinitializer, %entry], [%new, %each]
  %at = getelementptr float, ptr %scores, i64 %i
  %score = load <8 x float>, ptr %at, align 4
  %below = fsub <8 x float> %score, %tops
  %e = call <8 x float> @exponential(<8 x float> %below)
  store <8 x float> %e, ptr %at, align 4
  %new = fadd <8 x float> %sum, %e
  %next = add i64 %i, 8
  %more = icmp ult i64 %next, %room
  br i1 %more, label %each, label %done
done:
  %total = call reassoc float @llvm.vector.reduce.fadd.v8f32(float -0.0, <8 x float> %new)
  ret float %total
}}

define internal void @scale(ptr %out, i64 %count, float %share) alwaysinline {{
entry:
  %in = insertelement <8 x float> poison, float %share, i32 0
  %shares = shufflevector <8 x float> %in, <8 x float> poison, <8 x i32> zeroinitializer
  br label %each
each:
  %i = phi i64 [0, %entry], [%next, %each]
  %at = getelementptr float, ptr %out, i64 %i
  %old = load <8 x float>, ptr %at, align 4
  %new = fmul <8 x float> %old, %shares
  store <8 x float> %new, ptr %at, align 4
  %next = add i64 %i, 8
  %more = icmp ult i64 %next, %count
  br i1 %more, label %each, label %done
done:
  ret void
}}
"""
