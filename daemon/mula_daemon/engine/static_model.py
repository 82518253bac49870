"""HeartMuLa's language model made for generating: a fused, immutable view of its weights.

Letters: R rows, P prompt positions, D backbone width, E local decoder width, C codebooks,
V audio ids. Engine process only; one thread at a time.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mula_daemon.engine.lm import LanguageModel
from mula_daemon.engine.static_stack import StackState, StaticStack
from mula_daemon.engine.transformer import causal_mask


class StaticModel:
    """A `LanguageModel` packed for one device and one type of weights.

    Do not train ``model`` while this is in use: some weights are shared with it, some are copies.
    Heads and logits are float32 whatever ``dtype`` is, for codebooks 1 and up are reported
    corrupt when sampled from bfloat16 logits.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: LanguageModel,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.config = model.config
        self.device = torch.device(device)
        self.dtype = dtype
        self.backbone = StaticStack(model.backbone, self.device, dtype)
        self.decoder = StaticStack(model.decoder, self.device, dtype)

        def place(weight: Tensor) -> Tensor:
            return weight.detach().to(self.device, dtype)

        self.text = place(model.text_embeddings.weight)  # [text ids, D]
        self.audio = place(model.audio_embeddings.weight)  # [C * V, D]
        self.nothing = place(model.unconditional_text_embedding.weight)[0]  # [D]
        self.reserved = place(model.embed_reserved())  # [D]
        # Hidden states arrive scaled to length 1: what reads them takes in the last norm.
        norm = model.backbone.norm.scale
        self.open_projection = self.backbone.lay(model.projection.weight, norm)  # [D, E]
        self.projection = self.backbone.lay(model.projection.weight)  # [D, E]
        self.heads = [_head(model.codebook0_head.weight.t(), norm, self.device)] + [
            _head(weight, model.decoder.norm.scale, self.device) for weight in model.audio_head
        ]  # C times [D or E, V]
        codebooks, vocab = self.config.codebooks, self.config.audio_vocab
        self.tables = self.audio.view(codebooks, vocab, -1).unbind(0)  # C times [V, D]
        self.columns = torch.arange(codebooks, device=self.device) * vocab

    def backbone_state(self, rows: int, slots: int) -> StackState:
        """A zeroed cache for ``rows`` rows of up to ``slots`` positions."""
        return StackState(self.backbone, rows, slots)

    def decoder_state(self, rows: int) -> StackState:
        """A cache for one frame at a time; every frame overwrites it, so it needs no reset."""
        return StackState(self.decoder, rows, self.config.codebooks)

    def prefill(self, x: Tensor, counts: Tensor, state: StackState) -> Tensor:
        """[R, P, D] into slots ``0..P-1``; the last position's hidden state [R, D].

        ``counts`` (bool [R, P]) is False at padding, which must lie on the left.
        """
        return self.backbone.start(x, state, causal_mask(counts))[:, -1]

    def embed_frames(self, codes: Tensor, text: Tensor | None = None) -> Tensor:
        """[..., C] codes (and text ids that broadcast to [...]) -> [..., D]."""
        x = F.embedding(codes + self.columns, self.audio).sum(-2)
        return x if text is None else x + F.embedding(text, self.text)

    def logits(self, codebook: int, hidden: Tensor) -> Tensor:
        """float32 [R, V] from the backbone (codebook 0) or the local decoder (the others)."""
        return torch.mm(hidden.float(), self.heads[codebook])

    def open_frame(self, hidden: Tensor, codes: Tensor, state: StackState) -> Tensor:
        """Backbone state [R, D] and codes [N] of codebook 0 -> state [R, E] for codebook 1."""
        first = torch.mm(hidden, self.open_projection)  # [R, E]
        x = torch.stack([first, self._inside(0, codes, len(hidden))], dim=1)  # [R, 2, E]
        return self.decoder.start(x, state)[:, 1]

    def next_codebook(self, codebook: int, codes: Tensor, state: StackState) -> Tensor:
        """Codes [N] of ``codebook`` (1..C-2) -> state [R, E] that predicts the next one."""
        x = self._inside(codebook, codes, len(state.qkv))
        return self.decoder.one(x, state, codebook + 2)  # codebook 0 has slot 1

    def _inside(self, codebook: int, codes: Tensor, rows: int) -> Tensor:
        """Codes [N] -> the local decoder's input [R, E]; every row hears its take's code."""
        x = torch.mm(self.tables[codebook].index_select(0, codes), self.projection)  # [N, E]
        return torch.cat([x] * (rows // len(codes)))


def _head(weight: Tensor, scale: Tensor, device: torch.device) -> Tensor:
    """[in, V] float32 on the device, taking in the ``scale`` [in] of the norm before it."""
    folded: Tensor = weight.detach().float() * (scale.detach().float() * len(scale) ** 0.5)[:, None]
    return folded.contiguous().to(device)
