"""Llama-style transformer stacks as plain modules: the trainable, cacheless form.

Parameter names are those of the published HeartMuLa checkpoint, so a state dict goes in
and out unchanged. Generation runs on a fused view of the same weights (`static_model`).
Engine process only.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mula_daemon.engine.lm.rope import RopeScaling, rotate, rotations


@dataclass(frozen=True)
class Flavour:
    """The size of one stack. ``max_positions`` is the longest sequence it was made for.

    Raises ``ValueError`` when the heads do not divide the width or the head groups are uneven.
    """

    layers: int
    heads: int
    kv_heads: int
    width: int
    feed_forward: int
    max_positions: int

    def __post_init__(self) -> None:
        if self.width % self.heads or self.heads % self.kv_heads or self.head_dim % 2:
            raise ValueError(
                f"{self.heads} heads and {self.kv_heads} key-value heads do not fit width "
                f"{self.width}"
            )

    @property
    def head_dim(self) -> int:
        return self.width // self.heads


class RMSNorm(nn.Module):
    """``x / rms(x) * scale`` over the last axis; no mean is taken out."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.scale, self.eps)


class Attention(nn.Module):
    """Grouped-query attention with its real number of key-value heads."""

    def __init__(self, flavour: Flavour) -> None:
        super().__init__()
        inner = flavour.kv_heads * flavour.head_dim
        self.head_dim = flavour.head_dim
        self.q_proj = nn.Linear(flavour.width, flavour.width, bias=False)
        self.k_proj = nn.Linear(flavour.width, inner, bias=False)
        self.v_proj = nn.Linear(flavour.width, inner, bias=False)
        self.output_proj = nn.Linear(flavour.width, flavour.width, bias=False)

    def forward(self, x: Tensor, turns: Tensor, mask: Tensor | None) -> Tensor:
        def heads(y: Tensor) -> Tensor:  # [R, S, h * H] -> [R, S, h, H]
            return y.view(*y.shape[:2], -1, self.head_dim)

        mixed = F.scaled_dot_product_attention(
            rotate(heads(self.q_proj(x)), turns).transpose(1, 2),
            rotate(heads(self.k_proj(x)), turns).transpose(1, 2),
            heads(self.v_proj(x)).transpose(1, 2),
            attn_mask=mask,
            is_causal=mask is None,
            enable_gqa=True,
        )  # [R, heads, S, H]
        out: Tensor = self.output_proj(mixed.transpose(1, 2).flatten(2))
        return out


class FeedForward(nn.Module):
    """``w2(silu(w1 x) * w3 x)``: gate w1, up w3, down w2."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, inner, bias=False)
        self.w2 = nn.Linear(inner, width, bias=False)
        self.w3 = nn.Linear(width, inner, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.w2(F.silu(self.w1(x)) * self.w3(x))
        return out


class Block(nn.Module):
    """One layer: attention and feed-forward, each normalised before and added after."""

    def __init__(self, flavour: Flavour, eps: float) -> None:
        super().__init__()
        self.attn = Attention(flavour)
        self.mlp = FeedForward(flavour.width, flavour.feed_forward)
        self.sa_norm = RMSNorm(flavour.width, eps)
        self.mlp_norm = RMSNorm(flavour.width, eps)

    def forward(self, x: Tensor, turns: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.attn(self.sa_norm(x), turns, mask)
        out: Tensor = x + self.mlp(self.mlp_norm(x))
        return out


class Stack(nn.Module):
    """The layers and the last norm."""

    def __init__(self, flavour: Flavour, scaling: RopeScaling, eps: float) -> None:
        super().__init__()
        self.flavour = flavour
        self.scaling = scaling
        self.layers = nn.ModuleList(Block(flavour, eps) for _ in range(flavour.layers))
        self.norm = RMSNorm(flavour.width, eps)

    def forward(self, x: Tensor, counts: Tensor | None = None) -> Tensor:
        """Hidden states [R, S, D] of embeddings ``x`` [R, S, D], causal, with gradients.

        ``counts`` (bool [R, S]) is False at padding, which nobody else attends to. Padding may
        lie on either side; padding on the right needs no ``counts`` at all, being in the future.
        """
        length = x.shape[1]
        turns = rotations(self.flavour.head_dim, length, self.scaling, x.device)[:, None]
        mask = None if counts is None else causal_mask(counts)
        for layer in self.layers:
            x = layer(x, turns, mask)
        out: Tensor = self.norm(x)
        return out


def causal_mask(counts: Tensor, begin: int = 0) -> Tensor:
    """Who may be attended to: bool [R, 1, S - begin, S] from ``counts`` bool [R, S].

    Rows are the positions from ``begin`` on. Every position may see itself, so that padding has a
    finite softmax.
    """
    length = counts.shape[1]
    past = torch.ones(length - begin, length, dtype=torch.bool, device=counts.device).tril(begin)
    own = past.triu(begin)
    return ((past & counts[:, None, :]) | own)[:, None]
