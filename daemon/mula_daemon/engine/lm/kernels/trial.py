"""A small job for each kernel, before anything is entrusted to them.

A compiler or a card that makes something else of them than Triton's interpreter does would be
heard as noise, and nobody could say why. So they are tried once a process, against the same in
plain arithmetic, in a few tenths of a second once they are compiled.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from mula_daemon.engine.lm.kernels.attention import mix
from mula_daemon.engine.lm.kernels.few_rows import GROUP, Weights, pack_int4, product
from mula_daemon.engine.lm.kernels.norm import unit

LIMIT: Final = 0.02
"""Relative L2: some times what rounding to bfloat16 does to the largest of these jobs."""

ROWS, DEPTH, COLUMNS = 2, 128, 64
GROUPED, HEAD, SLOTS, SLOT = 3, 64, 64, 40
"""Queries that share a key-value head; its width; slots of the cache, and the one to be written."""


@torch.inference_mode()
def failed(device: torch.device, dtype: torch.dtype = torch.bfloat16) -> str:
    """Which kernel makes something else on ``device`` than it should; nothing if none does.

    Raises whatever a compiler raises that is missing or too old.
    """
    chance = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=chance).to(device, dtype)

    x, floor = normal(ROWS, DEPTH), torch.tensor(1.0, device=device)
    length = x.float().norm(dim=1, keepdim=True).hypot(floor)
    if _differs(unit(x, floor), x / length):
        return "norm"
    for name, weights in _every_form(normal(2 * COLUMNS, DEPTH), chance).items():
        plain = x.float() @ weights.widened(torch.float32).float().t()
        gate, up = (plain / length).chunk(2, 1)
        found = [product(x, weights, floor=floor, gated=True)]
        wanted = [F.silu(gate) * up]
        if weights.scales is None:  # once is enough: each kind of product is compiled
            total = normal(ROWS, 2 * COLUMNS)
            wanted += [plain, total + plain]
            found += [product(x, weights, dtype=torch.float32)]
            found += [product(x, weights, out=total, added=True)]
        if any(map(_differs, found, wanted)):
            return f"{name} product"
    angle = torch.rand(SLOTS, 1, HEAD // 2, generator=chance).to(device) * 6.0
    turns = torch.polar(torch.ones_like(angle), angle).expand(-1, GROUPED + 1, -1)
    turns = torch.cat([turns, torch.ones_like(turns[:, :1])], dim=1)
    # Not so much that one slot has it all: that would hide the others.
    qkv, pairs = 0.3 * normal(ROWS, (GROUPED + 2) * HEAD), normal(ROWS, 2, SLOTS, HEAD)
    wanted_mix, written = _attended(qkv, turns, pairs)
    found_mix = mix(qkv, turns, pairs, torch.tensor([SLOT], device=device), SLOTS)
    if _differs(found_mix, wanted_mix) or _differs(pairs[:, :, SLOT], written):
        return "attention"
    return ""


def _every_form(weight: Tensor, chance: torch.Generator) -> dict[str, Weights]:
    """``weight``, and as many levels of each other form."""
    device, dtype = weight.device, weight.dtype

    def levels(low: int, high: int) -> Tensor:
        return torch.randint(low, high, weight.shape, generator=chance).to(device)

    scales = torch.rand(DEPTH // GROUP, len(weight), 2, generator=chance).to(device, dtype)
    column = torch.rand(len(weight), generator=chance).to(device) / 127
    return {
        str(dtype).removeprefix("torch."): Weights(weight, None, DEPTH),
        "int8": Weights(levels(-127, 128).to(torch.int8), column, DEPTH),
        "int4": pack_int4(levels(0, 16).to(torch.int32), scales),
    }


def _attended(qkv: Tensor, turns: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """What `mix` gives, [R, G * H], and what it writes, [R, 2, H]; one key-value head a row."""
    each = qkv.float().view(ROWS, GROUPED + 2, HEAD // 2, 2)
    turned = torch.view_as_real(torch.view_as_complex(each) * turns[SLOT]).flatten(2)
    query, written = turned[:, :GROUPED], turned[:, GROUPED:]
    known = torch.cat([pairs[:, :, :SLOT].float(), written[:, :, None]], dim=2)
    shares = torch.softmax(query @ known[:, 0].mT, -1)
    return (shares @ known[:, 1]).flatten(1), written


def _differs(found: Tensor, wanted: Tensor) -> bool:
    distance = (found.float() - wanted.float()).norm() / wanted.float().norm()
    return not bool(distance < LIMIT)  # what is no number differs
