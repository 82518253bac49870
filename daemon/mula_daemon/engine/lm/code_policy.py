"""Which codes may be sampled, and which of them end a take. Engine process only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


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
        limit = torch.tensor(limits, device=device)[:, None]  # [C, 1]
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
