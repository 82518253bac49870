"""Flow matching: from noise and codes to latents, by Euler steps with guidance.

A window may begin with in-context latents, which are known already: there the walk from noise is
laid out in advance, so that the rest is drawn to match it. Engine process only.

Letters: Q levels, K codes per level, W codebook width, T frames, L = 2 T latents, D latent width,
E condition width.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mula_daemon.engine.heartmula.codec.config import LATENTS_PER_FRAME, CodecConfig
from mula_daemon.engine.heartmula.codec.estimator import Estimator
from mula_daemon.engine.heartmula.codec.precision import full_precision

LEAST_NOISE = 1e-6  # what is left of it at the end of the walk


class Flow(nn.Module):
    """The condition and the velocities. Names of parameters are those of the checkpoint.

    The estimator may be of a narrower type than the rest; latents stay float32.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.vq_embed = ResidualQuantiser(config)
        self.cond_feature_emb = nn.Linear(config.condition_width, config.condition_width)
        self.estimator = Estimator(config)

    @torch.inference_mode()
    def solve(
        self, codes: Tensor, context: Tensor, noise: Tensor, steps: int, guidance: float
    ) -> Tensor:
        """The latents of one window, float32 [L, D].

        ``codes`` [Q, T] are checked already; ``context`` [C, D] are the latents that the window
        begins with, C <= L; ``noise`` float32 [L, D] is standard normal. The velocity is
        ``u + guidance * (c - u)``, ``u`` from a condition of zeros; at 1 that is ``c``, so one
        row is enough.
        """
        condition = self.condition(codes)  # [L, E]
        given = torch.zeros_like(noise)
        given[: len(context)] = context
        rows = condition[None]  # [B, L, E]
        if guidance != 1.0:
            rows = torch.stack([torch.zeros_like(condition), condition])
        beside = torch.cat([given.expand(len(rows), -1, -1), rows], dim=-1)  # [B, L, D + E]

        times = torch.linspace(0.0, 1.0, steps + 1).tolist()
        x = noise.clone()
        for now, then in pairwise(times):
            left = 1.0 - (1.0 - LEAST_NOISE) * now
            x[: len(context)] = left * noise[: len(context)] + now * context
            velocities = self._velocities(x, beside, now)  # [B, L, D]
            velocity = velocities[0]
            if len(rows) == 2:
                velocity = velocity + guidance * (velocities[1] - velocity)
            x = x + (then - now) * velocity
        x[: len(context)] = context
        return x

    def condition(self, codes: Tensor) -> Tensor:
        """[Q, T] -> [L, E]: every frame's vector, once for each of its latents."""
        vectors = self.cond_feature_emb(self.vq_embed(codes))  # [T, E]
        return torch.repeat_interleave(vectors, LATENTS_PER_FRAME, dim=0)

    def _velocities(self, x: Tensor, beside: Tensor, time: float) -> Tensor:
        inputs = torch.cat([x.expand(len(beside), -1, -1), beside], dim=-1)  # [B, L, 2 D + E]
        narrow = self.estimator.scale_shift_table.dtype
        with full_precision():
            out: Tensor = self.estimator(inputs.to(narrow), time)
        return out.float()


class ResidualQuantiser(nn.Module):
    """Every level's codebook refines what the levels before it left over, so vectors add up.

    Names of parameters are those of the published checkpoint.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Level(config) for _ in range(config.quantisers))
        self.project_out = nn.Linear(config.codebook_width, config.condition_width)

    def forward(self, codes: Tensor) -> Tensor:
        """[Q, T] codes in 0..K-1, checked by the caller -> [T, E]."""
        looked_up = [level(row) for level, row in zip(self.layers, codes, strict=True)]
        out: Tensor = self.project_out(torch.stack(looked_up).sum(0))  # [T, W] -> [T, E]
        return out


class _Level(nn.Module):
    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        table = torch.empty(1, config.codebook_size, config.codebook_width)
        self._codebook = nn.ParameterDict({"embed": table})  # [1, K, W]

    def forward(self, codes: Tensor) -> Tensor:
        """[T] -> [T, W]."""
        return F.embedding(codes, self._codebook["embed"][0])
