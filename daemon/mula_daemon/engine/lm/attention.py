"""Attention of one new position to all that are known, on the caches of a `StackState`.

B is rows times key-value heads, G the queries that share a key-value head, H the head's width, S
the slots looked at. Engine process only.
"""

import torch
from torch import Tensor


def attend(
    query: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, mixed: Tensor
) -> Tensor:
    """``query`` [B, G, H] on ``keys`` [B, H, S] and ``values`` [B, S, H], into ``mixed``.

    ``query`` is scaled already. ``bias`` [B, 1, S] is added to the scores. Returns ``mixed``
    [B, G, H]. Of bfloat16 on an NVIDIA card scores come in float32: large ones would lose what
    tells them apart.
    """
    if query.is_cuda and query.dtype != torch.float32:
        scores = torch.bmm(query, keys, out_dtype=torch.float32)  # [B, G, S]
        if bias is not None:
            scores.add_(bias)
        return torch.bmm(torch.softmax(scores, -1).to(values.dtype), values, out=mixed)
    # [B, G, S]
    scores = torch.bmm(query, keys) if bias is None else torch.baddbmm(bias, query, keys)
    return torch.bmm(torch.softmax(scores, -1), values, out=mixed)
