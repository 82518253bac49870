"""A product of rows with int8 weights, for CPUs, in LLVM's language.

Every row is rounded to some 15 bits, so that next to nothing is lost beside the rounding of the
weights, and multiplied with them in whole numbers. `@dot` is the step that machines are good at:
x86 has it as one instruction (vpmaddwd), ARM as two (smull, addp). Whole numbers are exact and the
few sums in float32 have a fixed order, so the result is the same on every processor and with any
number of threads, and a row does not hear of the others.

Weights lie in the order in which they are read: four columns at a time, 16 of the depth of each.
Two rows of inputs lie together in the same way.

Engine process only; any thread.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

from mula_daemon.engine.lm.machine_code import SUMS, MachineCode, compiled, members, read, structure

STEP: Final = 16
"""Of the depth, which is a multiple of it."""
COLUMNS: Final = 4
"""That are made together."""
AHEAD: Final = 2048
"""Bytes of the weights that are asked for before they are needed."""
LANES: Final = 8
"""Sums that each column of a row is split into, in 32 bits each."""


FIELDS: Final = {
    "x": "ptr",  # float [rows, depth]
    "levels": "ptr",  # int16, room for an even number of rows
    "steps": "ptr",  # float [rows]: what a level is worth
    "weights": "ptr",  # int8, see `Int8LlvmProduct`
    "scales": "ptr",  # float, room for whole blocks of columns
    "out": "ptr",  # float [rows, columns]
    "rows": "i64",
    "depth": "i64",
    "columns": "i64",
    "stride": "i64",
    "add": "i64",  # to what is in ``out``, or write over it
    "most": "float",  # the largest level
}


class Int8Job(ctypes.Structure):
    """One product. Memory has no gaps but ``out``'s, whose rows lie ``stride`` apart."""

    _fields_ = members(FIELDS)


def most(depth: int) -> int:
    """The largest level that inputs of this depth may have without a sum leaving its 32 bits."""
    return min(2**15 - 1, (2**31 - 1) // (127 * -(-depth // LANES)))


@cache
def kernel() -> MachineCode | None:
    """The kernel, where it can be had: it does an `Int8Job`."""
    return compiled(program(), "int8 products")


def program() -> str:
    """All of it, as LLVM reads it."""
    return "\n".join([PROGRAM, block("one", 1), block("two", 2)])


def block(name: str, rows: int) -> str:
    """The function ``name``: so many rows by four columns."""
    both = [(row, column) for row in range(rows) for column in range(COLUMNS)]
    lines = [
        f"define internal void @{name}(ptr %levels, ptr %steps, ptr %weights, ptr %scales,"
        " ptr %out, i64 %depth, i64 %stride, i64 %left, i64 %add) {",
        "entry:",
        "  br label %deeper",
        "deeper:",
        "  %k = phi i64 [0, %entry], [%next, %deeper]",
    ]
    lines += [
        f"  %sum{r}{c} = phi <8 x i32> [zeroinitializer, %entry], [%new{r}{c}, %deeper]"
        for r, c in both
    ]
    lines += [
        f"  %level = mul i64 %k, {rows}",
        f"  %weight = mul i64 %k, {COLUMNS}",
        f"  %soon = add i64 %weight, {AHEAD}",
        "  %there = getelementptr i8, ptr %weights, i64 %soon",
        "  call void @llvm.prefetch.p0(ptr %there, i32 0, i32 3, i32 1)",
    ]
    for r in range(rows):
        lines += [
            f"  %level{r} = add i64 %level, {STEP * r}",
            f"  %atx{r} = getelementptr i16, ptr %levels, i64 %level{r}",
            f"  %x{r} = load <16 x i16>, ptr %atx{r}, align 2",
        ]
    for c in range(COLUMNS):
        lines += [
            f"  %weight{c} = add i64 %weight, {STEP * c}",
            f"  %atw{c} = getelementptr i8, ptr %weights, i64 %weight{c}",
            f"  %byte{c} = load <16 x i8>, ptr %atw{c}, align 1",
            f"  %w{c} = sext <16 x i8> %byte{c} to <16 x i16>",
        ]
    lines += [
        f"  %new{r}{c} = call <8 x i32> @dot(<16 x i16> %x{r}, <16 x i16> %w{c},"
        f" <8 x i32> %sum{r}{c})"
        for r, c in both
    ]
    lines += [
        f"  %next = add i64 %k, {STEP}",
        "  %more = icmp ult i64 %next, %depth",
        "  br i1 %more, label %deeper, label %done",
        "done:",
        "  %scale = load <4 x float>, ptr %scales, align 4",
    ]
    for r in range(rows):
        four = ", ".join(f"<8 x float> %exact{r}{c}" for c in range(COLUMNS))
        lines += [
            f"  %exact{r}{c} = sitofp <8 x i32> %new{r}{c} to <8 x float>" for c in range(COLUMNS)
        ]
        lines += [
            f"  %four{r} = call <4 x float> @gather({four})",
            f"  %atstep{r} = getelementptr float, ptr %steps, i64 {r}",
            f"  %step{r} = load float, ptr %atstep{r}, align 4",
            f"  %in{r} = insertelement <4 x float> poison, float %step{r}, i32 0",
            f"  %all{r} = shufflevector <4 x float> %in{r}, <4 x float> poison,"
            " <4 x i32> zeroinitializer",
            f"  %part{r} = fmul <4 x float> %four{r}, %all{r}",
            f"  %y{r} = fmul <4 x float> %part{r}, %scale",
            f"  %row{r} = mul i64 %stride, {r}",
            f"  %aty{r} = getelementptr float, ptr %out, i64 %row{r}",
            f"  call void @put(ptr %aty{r}, <4 x float> %y{r}, i64 %left, i64 %add)",
        ]
    return "\n".join([*lines, "  ret void", "}"])


def fields(*names: str) -> str:
    """Lines that read some of the fields of ``%job``."""
    return read(FIELDS, *names)


PROGRAM: Final = f"""
{structure(FIELDS)}
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
declare <16 x i32> @llvm.umax.v16i32(<16 x i32>, <16 x i32>)
declare i32 @llvm.vector.reduce.umax.v16i32(<16 x i32>)
declare <16 x float> @llvm.roundeven.v16f32(<16 x float>)

; sums + 16 products of whole numbers, neighbours added.
define internal <8 x i32> @dot(<16 x i16> %a, <16 x i16> %b, <8 x i32> %sums) alwaysinline {{
  %aw = sext <16 x i16> %a to <16 x i32>
  %bw = sext <16 x i16> %b to <16 x i32>
  %m = mul nsw <16 x i32> %aw, %bw
  %even = shufflevector <16 x i32> %m, <16 x i32> poison,
    <8 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14>
  %odd = shufflevector <16 x i32> %m, <16 x i32> poison,
    <8 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15>
  %pair = add nsw <8 x i32> %even, %odd
  %new = add nsw <8 x i32> %pair, %sums
  ret <8 x i32> %new
}}

{SUMS}
; the first "left" of four results where they belong.
define internal void @put(ptr %out, <4 x float> %y, i64 %left, i64 %add) alwaysinline {{
entry:
  %adding = icmp ne i64 %add, 0
  %whole = icmp uge i64 %left, 4
  br i1 %whole, label %four, label %each
four:
  br i1 %adding, label %more, label %write
more:
  %old = load <4 x float>, ptr %out, align 4
  %sum = fadd <4 x float> %old, %y
  store <4 x float> %sum, ptr %out, align 4
  ret void
write:
  store <4 x float> %y, ptr %out, align 4
  ret void
each:
  %i = phi i64 [0, %entry], [%next, %each]
  %at = getelementptr float, ptr %out, i64 %i
  %one = extractelement <4 x float> %y, i64 %i
  %before = load float, ptr %at, align 4
  %together = fadd float %before, %one
  %value = select i1 %adding, float %together, float %one
  store float %value, ptr %at, align 4
  %next = add i64 %i, 1
  %again = icmp ult i64 %next, %left
  br i1 %again, label %each, label %done
done:
  ret void
}}

; blocks "first" to "last" of the columns, for all rows.
define internal void @part(ptr %job, i64 %first, i64 %last) {{
entry:
{fields("levels", "steps", "weights", "scales", "out", "rows", "depth", "columns", "stride", "add")}
  %any = icmp ult i64 %first, %last
  br i1 %any, label %columns4, label %done
columns4:
  %block = phi i64 [%first, %entry], [%block1, %end]
  %column = shl i64 %block, 2
  %left = sub i64 %columns, %column
  %w = mul i64 %column, %depth
  %atw = getelementptr i8, ptr %weights, i64 %w
  %atscale = getelementptr float, ptr %scales, i64 %column
  %atcolumn = getelementptr float, ptr %out, i64 %column
  br label %rows2
rows2:
  %row = phi i64 [0, %columns4], [%row2, %two]
  %rest = sub i64 %rows, %row
  %level = mul i64 %row, %depth
  %atlevel = getelementptr i16, ptr %levels, i64 %level
  %atstep = getelementptr float, ptr %steps, i64 %row
  %down = mul i64 %row, %stride
  %atout = getelementptr float, ptr %atcolumn, i64 %down
  switch i64 %rest, label %two [ i64 0, label %end  i64 1, label %one ]
one:
  call void @one(ptr %atlevel, ptr %atstep, ptr %atw, ptr %atscale, ptr %atout,
    i64 %depth, i64 %stride, i64 %left, i64 %add)
  br label %end
two:
  call void @two(ptr %atlevel, ptr %atstep, ptr %atw, ptr %atscale, ptr %atout,
    i64 %depth, i64 %stride, i64 %left, i64 %add)
  %row2 = add i64 %row, 2
  br label %rows2
end:
  %block1 = add i64 %block, 1
  %more = icmp ult i64 %block1, %last
  br i1 %more, label %columns4, label %done
done:
  ret void
}}

define internal i64 @pieces(ptr %job) alwaysinline {{
{fields("columns")}
  %up = add i64 %columns, 3
  %blocks = lshr i64 %up, 2
  ret i64 %blocks
}}

; the levels and steps of all rows; pairs of rows lie together, 16 of each in turns.
define internal void @prepare(ptr %job) {{
entry:
{fields("x", "levels", "steps", "rows", "depth", "most")}
  br label %rows1
rows1:
  %row = phi i64 [0, %entry], [%row1, %end]
  %start = mul i64 %row, %depth
  %atx = getelementptr float, ptr %x, i64 %start
  %odd = and i64 %row, 1
  %pair = sub i64 %row, %odd
  %beside = add i64 %pair, 1
  %alone = icmp eq i64 %beside, %rows
  %width = select i1 %alone, i64 1, i64 2
  %over = mul i64 %pair, %depth
  %shift = mul i64 %odd, {STEP}
  %place = add i64 %over, %shift
  %atlevel = getelementptr i16, ptr %levels, i64 %place
  br label %find
find: ; the largest: floats without their sign are ordered as whole numbers
  %i = phi i64 [0, %rows1], [%i16, %find]
  %high = phi <16 x i32> [zeroinitializer, %rows1], [%higher, %find]
  %ati = getelementptr i32, ptr %atx, i64 %i
  %bits = load <16 x i32>, ptr %ati, align 4
  %size = and <16 x i32> %bits, splat (i32 2147483647)
  %higher = call <16 x i32> @llvm.umax.v16i32(<16 x i32> %high, <16 x i32> %size)
  %i16 = add i64 %i, {STEP}
  %further = icmp ult i64 %i16, %depth
  br i1 %further, label %find, label %found
found:
  %top.bits = call i32 @llvm.vector.reduce.umax.v16i32(<16 x i32> %higher)
  %top = bitcast i32 %top.bits to float
  %step = fdiv float %top, %most
  %atstep = getelementptr float, ptr %steps, i64 %row
  store float %step, ptr %atstep, align 4
  %zero = fcmp olt float %step, 0x3810000000000000 ; 2**-126: its inverse may be infinite
  %fine = fdiv float 1.0, %step
  %factor = select i1 %zero, float 0.0, float %fine
  %first = insertelement <16 x float> poison, float %factor, i32 0
  %factors = shufflevector <16 x float> %first, <16 x float> poison, <16 x i32> zeroinitializer
  br label %round
round:
  %j = phi i64 [0, %found], [%j16, %round]
  %atj = getelementptr float, ptr %atx, i64 %j
  %value = load <16 x float>, ptr %atj, align 4
  %scaled = fmul <16 x float> %value, %factors
  %even = call <16 x float> @llvm.roundeven.v16f32(<16 x float> %scaled)
  %sound = fcmp ord <16 x float> %even, zeroinitializer ; the step is no number either, then
  %safe = select <16 x i1> %sound, <16 x float> %even, <16 x float> zeroinitializer
  %whole = fptosi <16 x float> %safe to <16 x i32>
  %level = trunc <16 x i32> %whole to <16 x i16>
  %to = mul i64 %j, %width
  %atto = getelementptr i16, ptr %atlevel, i64 %to
  store <16 x i16> %level, ptr %atto, align 2
  %j16 = add i64 %j, {STEP}
  %on = icmp ult i64 %j16, %depth
  br i1 %on, label %round, label %end
end:
  %row1 = add i64 %row, 1
  %more = icmp ult i64 %row1, %rows
  br i1 %more, label %rows1, label %done
done:
  ret void
}}
"""
