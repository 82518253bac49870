"""HeartMuLa's language model made for generating: a fused, immutable view of its weights.

Engine process only; one thread at a time.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mula_daemon.engine.lm.language_model import LanguageModel
from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.products import Product, pack
from mula_daemon.engine.lm.static_stack import StackState, StaticStack, empty
from mula_daemon.engine.lm.transformer import causal_mask


class StaticModel:
    """A `LanguageModel` packed for one device and one precision of weights.

    Do not train ``model`` while this is in use: some weights are shared with it, some are copies.
    With ``release`` it is emptied layer by layer while it is packed, and useless afterwards.
    Logits are float32 whatever the precision, for codebooks 1 and up are reported corrupt when
    sampled from bfloat16 logits.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: LanguageModel,
        device: torch.device | str = "cpu",
        precision: Precision = Precision.FLOAT32,
        *,
        release: bool = False,
    ) -> None:
        self.config = model.config
        self.device = torch.device(device)
        self.precision = precision
        self.dtype = precision.arithmetic(self.device)
        self.backbone = StaticStack(model.backbone, self.device, precision, release)
        self.decoder = StaticStack(model.decoder, self.device, precision.inside, release)
        kept = precision.storage(self.device)

        def place(weight: Tensor) -> Tensor:
            return weight.detach().to(self.device, kept)

        self.text = place(model.text_embeddings.weight)  # [text ids, D]
        self.audio = place(model.audio_embeddings.weight)  # [C * V, D]
        self.nothing = model.unconditional_text_embedding.weight[0].to(
            self.device, self.dtype
        )  # [D]
        self.reserved = model.embed_reserved().to(self.device, self.dtype)  # [D]
        # Hidden states arrive scaled to length 1: what reads them takes in the last norm.
        norm = model.backbone.norm.scale
        # The projection opens the local decoder, and is as fine as that.
        self.open_projection = self.decoder.lay(model.projection.weight, norm)  # [D, E]
        self.projection = self.decoder.lay(model.projection.weight)  # [D, E]
        self.heads = [self._head(model.codebook0_head.weight.detach(), norm)] + [
            self._head(weight.detach().t(), model.decoder.norm.scale) for weight in model.audio_head
        ]  # C times [D or E, V]
        codebooks, vocab = self.config.codebooks, self.config.audio_vocab
        self.tables = self.audio.view(codebooks, vocab, -1).unbind(0)  # C times [V, D]
        self.columns = torch.arange(codebooks, device=self.device) * vocab
        if release:
            empty(model)

    @property
    def frame_nbytes(self) -> int:
        """What one frame reads of the weights: the local decoder for each further codebook."""
        further = self.config.codebooks - 1
        inside = further * (self.decoder.nbytes + self.projection.nbytes)
        return self.backbone.nbytes + inside + sum(head.nbytes for head in self.heads)

    def _head(self, weight: Tensor, scale: Tensor) -> Product:
        """[V, in] packed, taking in the ``scale`` [in] of the norm before it."""
        folded = weight.t().float() * (scale.detach().float() * len(scale) ** 0.5)[:, None]
        return pack(folded.contiguous().t(), self.precision.heads(self.device), self.device)

    def backbone_state(self, rows: int, slots: int) -> StackState:
        """A zeroed cache for ``rows`` rows of up to ``slots`` positions."""
        return StackState(self.backbone, rows, slots)

    def decoder_state(self, rows: int) -> StackState:
        """A cache for one frame at a time; every frame overwrites it, so it needs no reset."""
        return StackState(self.decoder, rows, self.config.codebooks)

    def prefill(self, x: Tensor, counts: Tensor, state: StackState, begin: int = 0) -> Tensor:
        """[R, S, D] into slots ``begin..begin+S-1``; the last position's hidden state [R, D].

        ``counts`` (bool [R, begin+S]) is False at padding, which must lie on the left.
        """
        return self.backbone.start(x, state, causal_mask(counts, begin), begin)

    def embed_frames(self, codes: Tensor, text: Tensor | None = None) -> Tensor:
        """[..., C] codes (and text ids that broadcast to [...]) -> [..., D]."""
        x = F.embedding(codes + self.columns, self.audio).to(self.dtype).sum(-2)
        return x if text is None else x + self.embed_text(text)

    def embed_text(self, ids: Tensor) -> Tensor:
        """[...] text ids -> [..., D]."""
        return F.embedding(ids, self.text).to(self.dtype)

    def logits(self, codebook: int, hidden: Tensor) -> Tensor:
        """float32 [R, V] from the backbone (codebook 0) or the local decoder (the others)."""
        return self.heads[codebook].wide(hidden)

    def open_frame(self, hidden: Tensor, codes: Tensor, state: StackState) -> Tensor:
        """Backbone state [R, D] and codes [N] of codebook 0 -> state [R, E] for codebook 1."""
        first = self.open_projection(hidden)  # [R, E]
        x = torch.stack([first, self._inside(0, codes, len(hidden))], dim=1)  # [R, 2, E]
        return self.decoder.two(x, state)

    def next_codebook(self, codebook: int, codes: Tensor, state: StackState) -> Tensor:
        """Codes [N] of ``codebook`` (1..C-2) -> state [R, E] that predicts the next one."""
        x = self._inside(codebook, codes, state.rows)
        return self.decoder.one(x, state, codebook + 2)  # codebook 0 has slot 1

    def _inside(self, codebook: int, codes: Tensor, rows: int) -> Tensor:
        """Codes [N] -> the local decoder's input [R, E]; every row hears its take's code."""
        x = self.projection(self.tables[codebook].index_select(0, codes).to(self.dtype))  # [N, E]
        return torch.cat([x] * (rows // len(codes)))
