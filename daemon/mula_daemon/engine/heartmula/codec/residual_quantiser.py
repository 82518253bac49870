"""Residual vector quantisation, the way back: codes to vectors. Engine process only."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mula_daemon.engine.heartmula.codec.config import CodecConfig


class ResidualQuantiser(nn.Module):
    """Every level's codebook refines what the levels before it left over, so vectors add up.

    Letters: Q levels, K codes per level, W codebook width, D condition width, T frames.
    Names of parameters are those of the published checkpoint.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Level(config) for _ in range(config.quantisers))
        self.project_out = nn.Linear(config.codebook_width, config.condition_width)

    def forward(self, codes: Tensor) -> Tensor:
        """[Q, T] codes in 0..K-1, checked by the caller -> [T, D]."""
        looked_up = [level(row) for level, row in zip(self.layers, codes, strict=True)]
        out: Tensor = self.project_out(torch.stack(looked_up).sum(0))  # [T, W] -> [T, D]
        return out


class _Level(nn.Module):
    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        table = torch.empty(1, config.codebook_size, config.codebook_width)
        self._codebook = nn.ParameterDict({"embed": table})  # [1, K, W]

    def forward(self, codes: Tensor) -> Tensor:
        """[T] -> [T, W]."""
        return F.embedding(codes, self._codebook["embed"][0])
