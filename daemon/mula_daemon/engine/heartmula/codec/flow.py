"""Flow matching: from noise and codes to latents, by Euler steps with guidance.

A window may begin with in-context latents, which are known already: there the walk from noise is
laid out in advance, so that the rest is drawn to match it. The takes of a job are rows of one walk.
Engine process only.

Letters: N takes, B rows of the estimator (N, or 2 N with guidance), Q levels, K codes per level, W
codebook width, T frames, L = 2 T latents, C known ones, D latent width, E condition width.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mula_daemon.engine.heartmula.codec.config import LATENTS_PER_FRAME, CodecConfig
from mula_daemon.engine.heartmula.codec.estimator import Estimator
from mula_daemon.engine.heartmula.codec.precision import Arithmetic, full_precision
from mula_daemon.engine.lm import sent

LEAST_NOISE: Final = 1e-6  # what is left of it at the end of the walk


class Flow(nn.Module):
    """The condition and the velocities. Names of parameters are those of the checkpoint.

    The estimator may be of a narrower type than the rest; latents stay float32.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self._config = config
        self._narrow: list[Estimator] = []  # no module of its own: the checkpoint has none
        self.vq_embed = ResidualQuantiser(config)
        self.cond_feature_emb = nn.Linear(config.condition_width, config.condition_width)
        self.estimator = Estimator(config)

    @torch.inference_mode()
    def solve(
        self,
        codes: Tensor,
        context: Tensor,
        noise: Tensor,
        steps: int,
        guidance: float,
        arithmetic: Arithmetic = Arithmetic.LOADED,
    ) -> Tensor:
        """The latents of one window of every take, float32 [N, L, D].

        ``codes`` [N, Q, T] are checked already; ``context`` [N, C, D] are the latents that the
        window begins with, C <= L; ``noise`` float32 [N, L, D] is standard normal. The velocity is
        ``u + guidance * (c - u)``, ``u`` from a condition of zeros; at 1 that is ``c``, so one
        row a take is enough.
        """
        walk = Walk(self, noise, context, arithmetic, guided=guidance != 1.0)
        return walk.follow(codes, context, noise, steps, guidance)

    def condition(self, codes: Tensor) -> Tensor:
        """[N, Q, T] -> [N, L, E]: every frame's vector, once for each of its latents."""
        vectors = self.cond_feature_emb(self.vq_embed(codes))  # [N, T, E]
        return torch.repeat_interleave(vectors, LATENTS_PER_FRAME, dim=-2)

    def velocities(self, inputs: Tensor, time: Tensor, arithmetic: Arithmetic) -> Tensor:
        """[B, L, 2 D + E] -> float32 [B, L, D]; ``time`` is `Estimator.forward`'s."""
        estimator = self._estimator(arithmetic)
        with full_precision(tf32=arithmetic is Arithmetic.TF32):
            out: Tensor = estimator(inputs.to(estimator.scale_shift_table.dtype), time)
        return out.float()

    def forget(self) -> None:
        """Give up the copy in bfloat16, which takes half the memory of a float32 transformer."""
        self._narrow.clear()

    @property
    def _is_narrow(self) -> bool:
        return self.estimator.scale_shift_table.dtype == torch.bfloat16

    def _estimator(self, arithmetic: Arithmetic) -> Estimator:
        """In that arithmetic; a copy is made when it is first asked for."""
        if arithmetic is not Arithmetic.BFLOAT16 or self._is_narrow:
            return self.estimator
        if not self._narrow:
            with torch.device("meta"):
                narrow = Estimator(self._config)
            weights = {
                name: weight.to(torch.bfloat16)
                for name, weight in self.estimator.state_dict().items()
            }
            narrow.load_state_dict(weights, assign=True)
            self._narrow.append(narrow.requires_grad_(False))
        return self._narrow[0]


class Walk:
    """One window's way from noise to latents, on memory of its own.

    Whatever changes from step to step, or from window to window, is a tensor that stays where it
    is, so that `step` may be recorded once and done again. ``noise`` and ``context`` give shapes
    and device.
    """

    def __init__(
        self,
        flow: Flow,
        noise: Tensor,
        context: Tensor,
        arithmetic: Arithmetic = Arithmetic.LOADED,
        *,
        guided: bool,
    ) -> None:
        self._flow = flow
        self._arithmetic = arithmetic
        self._guided = guided
        self._moment = torch.zeros(5, device=noise.device)
        """A row of `schedule`."""
        self._x = torch.empty_like(noise)
        self._known = torch.empty_like(context)
        self._start = torch.empty_like(context)
        """The noise where the latents are known."""
        takes, latents, width = noise.shape
        rows = 2 * takes if guided else takes
        beside = width + flow.cond_feature_emb.out_features
        self._beside = torch.zeros(rows, latents, beside, device=noise.device)
        """What the estimator sees beside the latents: the known ones, and the condition."""

    def follow(
        self,
        codes: Tensor,
        context: Tensor,
        noise: Tensor,
        steps: int,
        guidance: float,
        step: Callable[[], None] | None = None,
    ) -> Tensor:
        """As `Flow.solve`; ``step`` does what `step` does."""
        self._begin(codes, context, noise)
        for moment in sent(schedule(steps, guidance), noise.device):
            self._moment.copy_(moment)
            (step or self.step)()
        # On memory that no later window writes to.
        return torch.cat([self._known, self._x[:, self._known.shape[1] :]], dim=1)

    def _begin(self, codes: Tensor, context: Tensor, noise: Tensor) -> None:
        takes, known, width = context.shape
        self._x.copy_(noise)
        self._known.copy_(context)
        self._start.copy_(noise[:, :known])
        rows = self._beside.view(-1, takes, *self._beside.shape[1:])  # [1 or 2, N, L, D + E]
        rows[..., :known, :width] = context
        rows[-1, ..., width:] = self._flow.condition(codes)

    def step(self) -> None:
        """Go on by one Euler step."""
        time, now, left, size, guidance = self._moment
        known = self._known.shape[1]
        self._x[:, :known] = left * self._start + now * self._known
        x = torch.cat([self._x, self._x]) if self._guided else self._x
        inputs = torch.cat([x, self._beside], dim=-1)
        velocity = self._flow.velocities(inputs, time, self._arithmetic)
        if self._guided:
            without, given = velocity.chunk(2)
            velocity = without + guidance * (given - without)
        self._x += size * velocity


def schedule(steps: int, guidance: float) -> Tensor:
    """What each step goes by, float32 [steps, 5], on the host.

    That is: time as `Estimator.forward` counts it, and from 0 to 1; how much noise is left where
    latents are known; how far to go; guidance.
    """
    times = torch.linspace(0.0, 1.0, steps + 1).tolist()
    return torch.tensor(
        [
            (1000.0 * now, now, 1.0 - (1.0 - LEAST_NOISE) * now, then - now, guidance)
            for now, then in pairwise(times)
        ]
    )


class ResidualQuantiser(nn.Module):
    """Every level's codebook refines what the levels before it left over, so vectors add up.

    Names of parameters are those of the published checkpoint.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Level(config) for _ in range(config.quantisers))
        self.project_out = nn.Linear(config.codebook_width, config.condition_width)

    def forward(self, codes: Tensor) -> Tensor:
        """[N, Q, T] codes in 0..K-1, checked by the caller -> [N, T, E]."""
        levels = zip(self.layers, codes.unbind(-2), strict=True)
        looked_up = [level(row) for level, row in levels]  # each [N, T, W]
        out: Tensor = self.project_out(torch.stack(looked_up).sum(0))
        return out


class _Level(nn.Module):
    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        table = torch.empty(1, config.codebook_size, config.codebook_width)
        self._codebook = nn.ParameterDict({"embed": table})  # [1, K, W]

    def forward(self, codes: Tensor) -> Tensor:
        """[N, T] -> [N, T, W]."""
        return F.embedding(codes, self._codebook["embed"][0])
