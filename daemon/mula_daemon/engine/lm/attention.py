"""Attention of one new position to all that are known, on the caches of a `StackState`.

B is rows times key-value heads, G the queries that share a key-value head, H the head's width, S
the slots looked at. Engine process only.
"""

import torch
from torch import Tensor

from mula_daemon.engine.lm import attention_llvm
from mula_daemon.engine.lm.attention_llvm import AttentionJob
from mula_daemon.engine.lm.machine_code import MachineCode

LONG = 16
"""Slots from which our kernel is worth calling: the local decoder has fewer."""


def prepare(group: int, head: int, slots: int, device: torch.device) -> None:
    """Compile what `attend` will need, which takes some tenths of a second the first time."""
    if device.type == "cpu" and slots >= LONG:
        attention_llvm.kernel(group, head)


def attend(
    query: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, mixed: Tensor
) -> Tensor:
    """``query`` [B, G, H] on ``keys`` [B, H, S] and ``values`` [B, S, H], into ``mixed``.

    ``query`` is scaled already. ``bias`` [B, 1, S] is added to the scores. Returns ``mixed``
    [B, G, H].
    """
    if query.device.type == "cpu" and query.dtype == torch.float32 and keys.shape[2] >= LONG:
        kernel = attention_llvm.kernel(*query.shape[1:])
        if kernel is not None:
            return in_one(kernel, query, keys, values, bias, mixed)
    return plain(query, keys, values, bias, mixed)


def plain(
    query: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, mixed: Tensor
) -> Tensor:
    """As `attend`, by torch: the reference.

    Of bfloat16 on an NVIDIA card scores come in float32: large ones would lose what tells them
    apart. No other device has such a product.
    """
    if query.is_cuda and query.dtype != torch.float32:
        wide = torch.bmm(query, keys, out_dtype=torch.float32)  # [B, G, S]
        if bias is not None:
            wide.add_(bias)
        return torch.bmm(torch.softmax(wide, -1).to(values.dtype), values, out=mixed)
    # [B, G, S]
    scores = torch.bmm(query, keys) if bias is None else torch.baddbmm(bias, query, keys)
    return torch.bmm(torch.softmax(scores, -1), values, out=mixed)


def in_one(
    kernel: MachineCode,
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    bias: Tensor | None,
    mixed: Tensor,
) -> Tensor:
    """As `attend`, by our kernel: each key and each value is read once for its group."""
    batch, group, head = query.shape
    slots = keys.shape[2]
    if bias is None:
        bias = torch.zeros(1, 1, slots).expand(batch, 1, slots)
    # The kernel goes where it is told: a wrong shape would be somebody else's memory.
    assert keys.shape == (batch, head, slots) and keys.stride()[1:] == (1, head)
    assert values.shape == (batch, slots, head) and values.stride() == keys.mT.stride()
    assert query.stride()[1:] == (head, 1)
    assert bias.shape == (batch, 1, slots) and bias.stride(2) == 1
    assert mixed.shape == query.shape and mixed.is_contiguous()
    room = (slots + 7) // 8 * 8
    scores = torch.empty(batch, group, room)
    job = AttentionJob(
        query.data_ptr(),
        keys.data_ptr(),
        values.data_ptr(),
        bias.data_ptr(),
        mixed.data_ptr(),
        scores.data_ptr(),
        batch,
        slots,
        room,
        query.stride(0),
        keys.stride(0),
        bias.stride(0),
    )
    kernel.run(job, batch)
    return mixed
