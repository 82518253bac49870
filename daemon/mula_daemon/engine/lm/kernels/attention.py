"""Attention of new positions to a cache, with the turning and the writing before it.

A program has one row and one key-value head, and the queries that share it: it turns them and the
new key by their position, writes key and value to their slot, and attends to the slots before.
Where the cache is long, more programs share the slots in chunks of `CHUNK`, each with a softmax
of its own, and a second kernel joins them, always in the same order. Slots that nothing was
written to are not read, however long the recording's extent is: a chunk knows the slot from the
device. A slot's chunk depends on nothing else, so the sums of an extent are those of a longer one.

Scores and sums are float32; weights of the softmax are rounded to the type of the values, as in
all fused attention.

Nobody has run it on a card: what is known are its results in Triton's interpreter and the machine
code that comes of it (`tests/daemon/engine/lm/kernels`).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from mula_daemon.engine.lm.kernels.launching import launch, power_of_2

CHUNK: Final = 512
"""Slots of a program. One is enough for the 40 seconds of a first recording: joining costs a
launch, and saves less than that there."""
HEIGHT: Final = 16
"""Queries of a program at least: what matrix units take."""
BLOCK: Final = 64
"""Slots of a step, for heads of up to 128; of wider ones so many that as much is on its way."""


def mix(
    qkv: Tensor,
    turns: Tensor,
    pairs: Tensor,
    slot: Tensor,
    extent: int,
    bias: Tensor | None = None,
    new: int = 1,
) -> Tensor:
    """Attention of ``new`` positions a row, [R * new, M * (G + 2) * H] -> [R * new, M * G * H].

    ``qkv`` holds for each key-value head its queries, scaled already, key and value. The positions
    go into ``slot`` (int64 [1]) and the next, which lie below ``extent``, of one layer's ``pairs``
    [B, 2, slots, H]; each attends to itself and all before. ``turns`` (complex64 [slots, G + 2,
    H / 2]) is `StackState.turns`. ``bias`` [B, 1, extent or more] is added to the scores. Of the
    cache nothing from ``slot`` on is read.
    """
    from mula_daemon.engine.lm.kernels.attention_kernel import attend, join  # need Triton

    batch, _, slots, head = pairs.shape
    group = turns.shape[1] - 2
    heads = qkv.shape[1] // ((group + 2) * head)
    # Only slots before the new ones are shared out.
    chunks = max(1, -(-(extent - new) // CHUNK))
    wide = power_of_2(head)
    out = torch.empty(len(qkv), heads * group * head, dtype=qkv.dtype, device=qkv.device)
    parts, tops = out, out
    if chunks > 1:
        queries = batch * chunks * group * new
        parts = torch.empty(queries, head, dtype=torch.float32, device=qkv.device)
        tops = torch.empty(queries, 2, dtype=torch.float32, device=qkv.device)
    launch(
        attend,
        (batch, chunks),
        qkv,
        torch.view_as_real(turns),
        pairs,
        slot,
        qkv if bias is None else bias,
        parts,
        tops,
        slots,
        0 if bias is None else bias.stride(0),
        chunks,
        heads=heads,
        group=group,
        head=head,
        new=new,
        biased=bias is not None,
        parted=chunks > 1,
        chunk=CHUNK,
        block=max(16, min(BLOCK * 128 // max(wide, 128), CHUNK)),
        height=max(HEIGHT, power_of_2(group * new)),
        wide=wide,
        num_warps=4,
        num_stages=3,
    )
    if chunks > 1:
        launch(
            join,
            (batch, group * new),
            parts,
            tops,
            out,
            chunks,
            heads=heads,
            group=group,
            head=head,
            new=new,
            wide=wide,
            num_warps=4,
        )
    return out
