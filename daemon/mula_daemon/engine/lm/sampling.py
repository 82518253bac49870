"""From logits to codes: guidance, temperature, top-k, one random choice, and what is ruled out.

Pure functions on float32 tensors, with knobs as 0-d tensors so that a captured graph still
hears them.

The choice is made with exponential noise: ``argmax(p / noise)`` draws from ``p`` (the
"exponential race"), done in logarithms. The noise belongs to ranks, not to
codes, and its amount depends on shapes alone, so turning a knob never shifts the randomness
of later frames. Engine process only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mula_daemon.engine.lm.upload import uploaded

MAX_TOP_K = 250  # candidates considered at most; the knob is clamped to it
MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-4, 1e4  # below: greedy; above: all the same, and finite
TINY = 1e-30  # noise of exactly 0 would win against -inf


def choices(vocab: int) -> int:
    """The fixed number K of candidates for a vocabulary of ``vocab`` ids."""
    return min(MAX_TOP_K, vocab)


@dataclass(frozen=True)
class KnobTensors:
    """The knobs of one job as 0-d float32 tensors, written in place by `load` and `copy`.

    ``cfg`` any number (1 is the plain model), ``temperature`` >= 0 (0 is greedy), ``top_k``
    1..K (clamped), ``morph`` 0 for prompt A to 1 for prompt B (unused with one prompt).
    """

    cfg: Tensor
    temperature: Tensor
    top_k: Tensor
    morph: Tensor
    values: Tensor
    """[4]: their memory, in this order."""

    @classmethod
    def create(
        cls,
        cfg: float = 1.5,
        temperature: float = 1.0,
        top_k: float = 50,
        morph: float = 0.0,
        device: torch.device | str = "cpu",
    ) -> "KnobTensors":
        """New tensors; the defaults are the HeartMuLa paper's."""
        values = torch.empty(4, device=device)
        made = cls(values[0], values[1], values[2], values[3], values)
        made.load(cfg=cfg, temperature=temperature, top_k=top_k, morph=morph)
        return made

    def copy(self, other: "KnobTensors") -> None:
        """Take over the values of ``other``, without the host reading them."""
        self.values.copy_(other.values)

    def load(
        self,
        *,
        cfg: float | None = None,
        temperature: float | None = None,
        top_k: float | None = None,
        morph: float | None = None,
    ) -> None:
        """Overwrite the values given, in place; the others stay."""
        tensors = (self.cfg, self.temperature, self.top_k, self.morph)
        for tensor, value in zip(tensors, (cfg, temperature, top_k, morph), strict=True):
            if value is not None:
                tensor.fill_(value)


@dataclass(frozen=True)
class CodePolicy:
    """What the sampler may choose, per codebook.

    ``valid``: codes ``valid`` and up are ruled out (one number, or one per codebook); None rules
    nothing out, which is what HeartMuLa's reference does. ``eos``: codes ``eos`` and up end a
    take, but never in its first frame; None: nothing ends it. With ``valid`` set, codebook 0 alone
    keeps ``eos``, and loses it too in the first frame or if ``may_end`` is False, the policy for
    "go on to the asked length".
    """

    valid: int | Sequence[int] | None = None
    eos: int | None = None
    may_end: bool = True

    def bans(
        self, codebooks: int, vocab: int, device: torch.device | str = "cpu"
    ) -> tuple[Tensor, Tensor] | None:
        """What to add to guided logits, float32 [codebooks, vocab]: in frame 0, and later.

        0 where a code may be chosen and -inf where not; None if nothing is ruled out. Raises
        ``ValueError`` when the numbers do not fit.
        """
        if self.valid is None:
            return None
        limits = [self.valid] * codebooks if isinstance(self.valid, int) else list(self.valid)
        if len(limits) != codebooks or not all(1 <= limit <= vocab for limit in limits):
            raise ValueError(f"valid codes {self.valid} do not fit {codebooks} x {vocab}")
        ids = torch.arange(vocab, device=device)
        limit = uploaded(limits, torch.device(device))[:, None]  # [C, 1]
        first = torch.zeros(codebooks, vocab, device=device).masked_fill_(ids >= limit, -torch.inf)
        later = first.clone()
        if self.eos is not None and self.may_end:
            later[0, self.eos] = 0.0
        return first, later

    def ends(self, frame: int, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """For ``codes`` [takes, codebooks] of frame number ``frame``: bool [takes]."""
        if self.eos is None or frame == 0:
            return np.zeros(len(codes), dtype=np.bool_)
        return np.asarray((codes >= self.eos).any(axis=1), dtype=np.bool_)


@dataclass(frozen=True)
class Draw:
    """One frame's randomness and knobs, ready for C quick choices."""

    scale: Tensor  # 0-d: 1 / temperature
    starts: tuple[Tensor, ...]  # C times [N, K]: log noise by rank; +inf beyond the top k


def draw_noise(generators: Sequence[torch.Generator], noise: Tensor) -> None:
    """Fill ``noise`` [N, C, K] with exponential noise for one frame, one generator per take.

    Each generator advances by the same amount whatever the knobs are.
    """
    for take, generator in zip(noise, generators, strict=True):
        take.exponential_(generator=generator)


def prepare(noise: Tensor, temperature: Tensor, top_k: Tensor) -> Draw:
    """Bind ``noise`` [N, C, K] and the 0-d knobs ``temperature`` and ``top_k`` for one frame."""
    ranks = torch.arange(noise.shape[-1], device=noise.device)
    kept = (top_k * (temperature >= MIN_TEMPERATURE)).clamp(min=1.0)  # rank 0 always stays
    starts = noise.clamp(min=TINY).log_().masked_fill_(ranks >= kept, torch.inf)
    scale = temperature.clamp(MIN_TEMPERATURE, MAX_TEMPERATURE).reciprocal()
    return Draw(scale, starts.unbind(1))


def guide(logits: Tensor, cfg: Tensor, morph: Tensor, takes: int) -> Tensor:
    """Classifier-free guidance ``u + cfg * (c - u)``: [R, V] -> [N, V].

    Rows are [A x takes, (B x takes), U x takes]; with two prompts ``c = (1-m) * A + m * B``.
    At ``cfg`` 1 the result is exactly ``c``, at 0 exactly ``u``. Formula: Ho & Salimans 2022,
    as used by HeartMuLa (arXiv 2601.10547).
    """
    parts = logits.chunk(len(logits) // takes)
    if len(parts) == 2:
        return torch.lerp(parts[1], parts[0], cfg)
    return torch.lerp(parts[2], torch.lerp(parts[0], parts[1], morph), cfg)


def choose(guided: Tensor, draw: Draw, codebook: int, ban: Tensor | None = None) -> Tensor:
    """Codes int64 [N] from guided logits [N, V].

    ``ban`` [V] is added first: -inf rules a code out. Exactly k candidates are kept, so ties at
    the threshold never leak.
    """
    if ban is not None:
        guided = guided + ban
    start = draw.starts[codebook]
    values, ids = guided.topk(start.shape[-1])  # [N, K], best first
    race = torch.addcmul(
        start, values, draw.scale, value=-1
    )  # log of noise / p, but for a constant
    return ids.gather(1, race.argmin(-1, True)).view(-1)
