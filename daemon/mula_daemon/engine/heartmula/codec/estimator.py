"""The flow transformer: which way a noisy latent moves at a given time.

Two stages of the same kind of block, the second twice as wide; every position sees every other.
Time does not enter as a token: it shifts, scales and gates what each block adds (adaptive layer
norm with one table per block, as in PixArt-alpha, arXiv 2310.00426). Names of parameters are
those of the published checkpoint. Engine process only.

Letters: B rows, L latents, D width, H head width, I input width.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mula_daemon.engine.heartmula.codec.config import CodecConfig
from mula_daemon.engine.lm import RopeScaling, rotate, rotations

EPS = 1e-6
TIME_WAVES = 256  # cosines, and as many sines
TURNS = 1024  # positions; more than a window has
ROPE = RopeScaling(theta=10_000.0, factor=1.0)  # plain: nothing is stretched


class Estimator(nn.Module):
    """Velocities from latents, in-context latents and conditions, side by side in one input."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width, wide = config.width, 2 * config.width
        inputs = 2 * config.latent_width + config.condition_width
        heads = config.heads
        self.proj_in = Projection(inputs, width)
        self.transformer_blocks = nn.ModuleList(
            EstimatorBlock(width, heads) for _ in range(config.layers)
        )
        self.scale_shift_table = nn.Parameter(torch.empty(2, width))
        self.adaln_single = TimestepEmbedding(width)
        self.connection_proj = Projection(inputs + width, wide)
        self.transformer_blocks_2 = nn.ModuleList(
            EstimatorBlock(wide, heads) for _ in range(config.layers_2)
        )
        self.scale_shift_table_2 = nn.Parameter(torch.empty(2, wide))
        self.adaln_single_2 = TimestepEmbedding(wide)
        self.proj_out = Projection(wide, config.latent_width)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """[B, L, I] at ``time`` -> velocities [B, L, latent width].

        ``time`` is a float32 number on the device, 0 (noise) to 1000 (latents): a recording goes
        by what it holds then.
        """
        first = (self.adaln_single, self.transformer_blocks, self.scale_shift_table)
        second = (self.adaln_single_2, self.transformer_blocks_2, self.scale_shift_table_2)
        y = _stage(self.proj_in(x), time, *first)
        y = _stage(self.connection_proj(torch.cat([x, y], dim=-1)), time, *second)
        out: Tensor = self.proj_out(y)
        return out


def _stage(
    x: Tensor, time: Tensor, clock: nn.Module, blocks: nn.ModuleList, last: Tensor
) -> Tensor:
    """[B, L, D] through ``blocks`` and the last norm, which ``last`` [2, D] and time modulate."""
    moment, modulation = clock(time)  # [D], [6, D]
    for block in blocks:
        x = block(x, modulation)
    shift, scale = last + moment
    out: Tensor = F.layer_norm(x, x.shape[-1:], eps=EPS) * (1 + scale) + shift
    return out


class Projection(nn.Module):
    """A convolution over three neighbours, then a linear layer."""

    KERNEL = 3

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.ffn_1 = nn.Conv1d(inputs, outputs, self.KERNEL, padding=self.KERNEL // 2)
        self.ffn_2 = nn.Linear(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, inputs] -> [B, L, outputs]."""
        mixed = self.ffn_1(x.mT).mT * self.KERNEL**-0.5
        out: Tensor = self.ffn_2(mixed)
        return out


class TimestepEmbedding(nn.Module):
    """Time as vectors: waves of many lengths through two layers, and one layer for the blocks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.emb = nn.ModuleDict({"timestep_embedder": TwoLayers(2 * TIME_WAVES, width)})
        self.linear = nn.Linear(width, 6 * width)

    def forward(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """0-d, 0 to 1000 -> the moment [D], and what it does to every block [6, D]."""
        weight = self.linear.weight
        steps = torch.arange(TIME_WAVES, device=weight.device, dtype=torch.float32) / TIME_WAVES
        angles = time * torch.exp(-math.log(10_000.0) * steps)
        waves = torch.cat([angles.cos(), angles.sin()]).to(weight.dtype)
        moment: Tensor = self.emb["timestep_embedder"](waves)
        return moment, self.linear(F.silu(moment)).view(6, -1)


class TwoLayers(nn.Module):
    """``linear_2(silu(linear_1 x))``."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(inputs, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear_2(F.silu(self.linear_1(x)))
        return out


class EstimatorBlock(nn.Module):
    """Attention and feed-forward, each normalised and modulated before, gated and added after."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn_norm = nn.RMSNorm(width, eps=EPS)
        self.attn = EstimatorAttention(width, heads)
        self.mlp_norm = nn.RMSNorm(width, eps=EPS)
        self.mlp = EstimatorFeedForward(width)
        self.scale_shift_table = nn.Parameter(torch.empty(6, width))

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """[B, L, D], [6, D] -> [B, L, D]."""
        parts = self.scale_shift_table + modulation
        attn_shift, attn_scale, attn_gate, mlp_shift, mlp_scale, mlp_gate = parts  # each [D]
        x = x + attn_gate * self.attn(self.attn_norm(x) * (1 + attn_scale) + attn_shift)
        out: Tensor = x + mlp_gate * self.mlp(self.mlp_norm(x) * (1 + mlp_scale) + mlp_shift)
        return out


class EstimatorAttention(nn.Module):
    """Multi-head attention in both directions, with rotary positions."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.head_width = width // heads
        self._turns: dict[tuple[int, torch.device], Tensor] = {}
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, D] -> [B, L, D]."""
        turns = self._rotations(x.shape[1], x.device)

        def heads(y: Tensor) -> Tensor:  # [B, L, h * H] -> [B, L, h, H]
            return y.view(*y.shape[:2], -1, self.head_width)

        mixed = F.scaled_dot_product_attention(
            rotate(heads(self.q_proj(x)), turns).transpose(1, 2),
            rotate(heads(self.k_proj(x)), turns).transpose(1, 2),
            heads(self.v_proj(x)).transpose(1, 2),
        )  # [B, h, L, H]
        out: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(2))
        return out

    def _rotations(self, latents: int, device: torch.device) -> Tensor:
        """[L, 1, H / 2]. They are kept for good: a recording reads them where they lie."""
        size = -(-latents // TURNS) * TURNS
        if (size, device) not in self._turns:
            turns = rotations(self.head_width, size, ROPE, device)
            self._turns[size, device] = turns[:, None]
        return self._turns[size, device][:latents]


class EstimatorFeedForward(nn.Module):
    """``down(silu(gate x) * up x)``; inside it is 8/3 as wide, rounded up to 256s."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = -(-(8 * width // 3) // 256) * 256
        self.gate = nn.Linear(width, inner, bias=False)
        self.up = nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return out
