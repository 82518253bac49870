"""Our kernels on the card against float64: true sizes and ragged ones, 1 to 40 rows.

bfloat16, which Triton's interpreter cannot do, is what the card computes in: this is where it is
seen for the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from mula_daemon.bench.card_clock import seconds
from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.bench.gpu.run import say
from mula_daemon.engine.lm import RopeScaling, rotations
from mula_daemon.engine.lm.kernels import (
    GROUP,
    Weights,
    are_meant_for,
    mix,
    pack_int4,
    product,
    unit,
)

TRUE: Final = (
    (3072, 5120, "normed"),
    (3072, 3072, "added"),
    (3072, 16384, "gated"),
    (8192, 3072, "added"),
    (3072, 8197, "wide"),
)
"""Depth, columns, and how they are used: queries, keys and values; output; gate and up; down; a
head. Each is compiled anew, which takes most of the time."""
RAGGED: Final = ((64, 2, "gated"), (320, 66, "wide"), (640, 98, "added"))
TRUE_ROWS: Final = (2, 16, 17, 40)
RAGGED_ROWS: Final = (1, 3, 8, 15, 16, 33)
FORMS: Final = ("bfloat16", "int8", "int4")
LIMIT: Final = 1e-4
"""Relative L2 of float32 results: the sums are float32."""
ROUNDED: Final = 5e-3
"""Of bfloat16 results, which have 8 bits."""
MIXED: Final = 1e-2
"""Of attention, whose queries and softmax are rounded on the way, too."""
ATTENTIONS: Final = (
    # Rows, key-value heads, queries a head, head, slots, extent, slot, new positions.
    (2, 8, 3, 128, 512, 512, 130, 1),
    (8, 8, 3, 128, 2048, 2048, 1700, 1),
    (2, 8, 3, 128, 2048, 2048, 1023, 1),
    (4, 4, 2, 384, 8, 2, 0, 2),
    (16, 4, 2, 384, 8, 8, 7, 1),
    (1, 2, 4, 12, 64, 64, 0, 1),
    (3, 2, 1, 16, 200, 130, 97, 1),
)


def measure(asked: CardQuestions) -> dict[str, Any]:
    """The largest distance of each kind and form, and where it is; how fast a product reads."""
    device = torch.device(asked.device)
    if not are_meant_for(device):
        return {"skipped": "no kernel of ours serves here: they want a card from sm_80 on, Triton"}
    generator = torch.Generator(device).manual_seed(0)
    figures: dict[str, Any] = {"products": {}, "read_gb_per_s": {}}
    wrong = list[str]()
    for form in FORMS:
        worst, where = 0.0, ""
        for name, found, limit in _products(form, device, generator):
            wrong += [] if found <= limit else [f"{form} {name}: {found:.2g}"]
            if found / limit >= worst:
                worst, where = found / limit, f"{name}: {found:.2g}"
        figures["products"][form] = where
        figures["read_gb_per_s"][form] = _speed(form, device, generator)
        say(f"  {form}: worst {where}, reads at {figures['read_gb_per_s'][form]} GB/s")
    for kind, rows, limit in (
        ("attention", _attentions(device, generator), MIXED),
        ("norm", _norms(device, generator), ROUNDED),
    ):
        for name, found in rows:
            figures[f"{kind}, {name}"] = float(f"{found:.2g}")
            wrong += [] if found <= limit else [f"{kind}, {name}: {found:.2g}"]
    if wrong:
        figures["error"] = f"{len(wrong)} results are too far from float64: {'; '.join(wrong[:5])}"
    return figures


def _products(
    form: str, device: torch.device, generator: torch.Generator
) -> Iterator[tuple[str, float, float]]:
    """What was multiplied, how far it is from float64, and how far it may be."""
    shapes = [(*shape, TRUE_ROWS) for shape in TRUE] + [(*shape, RAGGED_ROWS) for shape in RAGGED]
    for depth, columns, use, counts in shapes:
        weights, exact = _matrix(form, columns, depth, device, generator)
        for rows in counts:
            x = torch.randn(rows, depth, device=device, generator=generator).bfloat16()
            found, limit = _used(x, weights, exact, use)
            yield f"{depth} -> {columns}, {rows} rows, {use}", found, limit


def _used(x: Tensor, weights: Weights, exact: Tensor, use: str) -> tuple[float, float]:
    """How far the product is from float64, and how far it may be."""
    wanted = x.double() @ exact.t()
    if use == "wide":
        return _distance(product(x, weights, dtype=torch.float32), wanted), LIMIT
    if use == "added":
        out = torch.ones(wanted.shape, dtype=x.dtype, device=x.device)
        return _distance(product(x, weights, out=out, added=True), wanted + 1.0), ROUNDED
    floor = torch.tensor(0.2, device=x.device)
    wanted = wanted / torch.hypot(x.double().norm(dim=1, keepdim=True), floor.double())
    if use == "gated":
        gate, up = wanted.chunk(2, 1)
        wanted = F.silu(gate) * up
    return _distance(product(x, weights, floor=floor, gated=use == "gated"), wanted), ROUNDED


def _matrix(
    form: str, columns: int, depth: int, device: torch.device, generator: torch.Generator
) -> tuple[Weights, Tensor]:
    """Random weights in one of the forms, and what they stand for in float64."""
    if form == "bfloat16":
        plain = torch.randn(columns, depth, device=device, generator=generator).bfloat16()
        return Weights(plain, None, depth), plain.double()
    if form == "int8":
        size = (columns, depth)
        levels = torch.randint(-127, 128, size, device=device, generator=generator)
        scales = torch.rand(columns, device=device, generator=generator) * 0.01 + 0.001
        return Weights(levels.to(torch.int8), scales, depth), levels * scales.double()[:, None]
    size = (columns, depth)
    nibbles = torch.randint(0, 16, size, device=device, generator=generator).to(torch.int32)
    both = torch.rand(depth // GROUP, columns, 2, device=device, generator=generator).bfloat16()
    scale, middle = both.double().transpose(0, 1)[..., None, :].unbind(-1)
    exact = ((nibbles.view(columns, -1, GROUP) - 8) * scale + middle).flatten(1)
    return pack_int4(nibbles, both), exact


def _speed(form: str, device: torch.device, generator: torch.Generator) -> float:
    """GB/s at which two rows read 64 matrices of 3072 -> 8192, which no cache holds."""
    several = [_matrix(form, 8192, 3072, device, generator)[0] for _ in range(64)]
    x = torch.randn(2, 3072, device=device, generator=generator).bfloat16()

    def all_of_them() -> None:
        for weights in several:
            product(x, weights)

    return round(sum(each.nbytes for each in several) / min(seconds(device, all_of_them)) / 1e9, 1)


def _attentions(device: torch.device, generator: torch.Generator) -> Iterator[tuple[str, float]]:
    for rows, heads, group, head, slots, extent, slot, new in ATTENTIONS:
        turns = rotations(head, slots, RopeScaling(), device)[:, None]
        turns = torch.cat([turns.expand(-1, group + 1, -1), torch.ones_like(turns)], dim=1)
        shape = (rows * new, heads * (group + 2) * head)
        qkv = torch.randn(shape, device=device, generator=generator).bfloat16()
        pairs = torch.randn(rows * heads, 2, slots, head, device=device, generator=generator)
        pairs = pairs.bfloat16()
        pairs[:, :, slot + new :] = torch.nan  # which nobody may read
        wanted = _attended(qkv.double(), turns, pairs, slot, (rows, new, heads, group, head))
        place = torch.tensor([slot], device=device)
        got = mix(qkv, turns, pairs, place, extent, None, new)
        yield f"{rows} rows, {slot} of {extent}, head {head}", _distance(got, wanted)


def _attended(
    qkv: Tensor, turns: Tensor, pairs: Tensor, slot: int, shape: tuple[int, int, int, int, int]
) -> Tensor:
    """[R * new, M * G * H] in float64, from keys and values as the cache rounds them."""
    rows, new, heads, group, head = shape
    each = qkv.view(rows, new, heads, group + 2, head)
    turned = torch.view_as_complex(each.reshape(*each.shape[:-1], -1, 2).contiguous())
    turned = turned * turns[slot : slot + new, None].to(torch.complex128)
    each = torch.view_as_real(turned).flatten(-2).to(pairs.dtype).double()
    written = each[..., group:, :].permute(0, 2, 3, 1, 4).flatten(0, 1)  # [B, 2, new, H]
    known = torch.cat([pairs[:, :, :slot].double(), written], dim=2)
    known = known.view(rows, heads, *known.shape[1:])
    scores = torch.einsum("rnmgh,rmth->rnmgt", each[..., :group, :], known[:, :, 0])
    later = torch.ones(new, slot + new, dtype=torch.bool, device=qkv.device).triu(slot + 1)
    scores = scores.masked_fill(later[None, :, None, None], -torch.inf)
    mixed = torch.einsum("rnmgt,rmth->rnmgh", scores.softmax(-1), known[:, :, 1])
    return mixed.reshape(rows * new, -1)


def _norms(device: torch.device, generator: torch.Generator) -> Iterator[tuple[str, float]]:
    for rows, depth in ((2, 3072), (40, 3072), (3, 24)):
        x = torch.randn(rows, depth, device=device, generator=generator).bfloat16()
        floor = torch.tensor((depth * 1e-5) ** 0.5, device=device)
        length = torch.hypot(x.double().norm(dim=1, keepdim=True), floor.double())
        yield f"{rows} rows of {depth}", _distance(unit(x, floor), x.double() / length)


def _distance(ours: Tensor, exact: Tensor) -> float:
    """Relative L2; infinite for what is no number."""
    found = float((ours.double() - exact).norm() / exact.norm())
    return found if found == found else float("inf")
