"""HeartMuLa's language model at any size: backbone, local decoder, embeddings, heads.

A frame is ``codebooks`` codes. The backbone reads one summed embedding per position and
predicts codebook 0 of the next frame; the local decoder then runs inside that frame and
predicts the other codebooks one after another. Names of parameters are those of the
published checkpoint. Structure: HeartMuLa, arXiv 2601.10547. Engine process only.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mula_daemon.engine.lm.rope import RopeScaling
from mula_daemon.engine.lm.transformer import Flavour, Stack

__all__ = ["FLAVOURS", "Flavour", "LMConfig", "LanguageModel"]

FLAVOURS = {  # by the names that a checkpoint's config.json uses; published sizes,
    "llama-3B": Flavour(28, 24, 8, 3072, 8192, 8192),
    "llama-7B": Flavour(32, 32, 8, 4096, 14336, 8192),
    "llama-300M": Flavour(3, 8, 4, 3072, 8192, 2048),
    "llama-400M": Flavour(4, 8, 4, 3072, 8192, 2048),
    # and those of the toy that reference vectors come with: for benchmarks without weights.
    "llama-tiny": Flavour(3, 4, 2, 64, 160, 2048),
    "llama-tiny-decoder": Flavour(2, 2, 1, 48, 96, 16),
}


@dataclass(frozen=True)
class LMConfig:
    """Everything that fixes the shapes and the arithmetic of a `LanguageModel`.

    ``text_vocab`` and ``audio_vocab`` count ids; audio ids are per codebook. ``rope_context`` is
    in positions. The widths of backbone and local decoder may differ.
    """

    backbone: Flavour
    decoder: Flavour
    text_vocab: int
    audio_vocab: int
    codebooks: int = 8
    muq_dim: int = 512
    rope_theta: float = 500_000.0
    rope_scale: float = 32.0
    rope_low: float = 1.0
    rope_high: float = 4.0
    rope_context: int = 8192
    norm_eps: float = 1e-5

    @property
    def scaling(self) -> RopeScaling:
        return RopeScaling(
            self.rope_theta, self.rope_scale, self.rope_low, self.rope_high, self.rope_context
        )


class LanguageModel(nn.Module):
    """The weights, and the cacheless forward pass with gradients.

    Training and tests use this form; generation uses `static_model.StaticModel`, a fused view
    of the same weights. New weights are random (normal, 0.02, as in GPT-2).
    """

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.config = config
        width, inner = config.backbone.width, config.decoder.width
        self.text_embeddings = _table(config.text_vocab, width)
        self.audio_embeddings = _table(config.audio_vocab * config.codebooks, width)
        self.unconditional_text_embedding = _table(1, width)
        self.muq_linear = nn.Linear(config.muq_dim, width)
        self.backbone = Stack(config.backbone, config.scaling, config.norm_eps)
        self.projection = nn.Linear(width, inner, bias=False)
        self.decoder = Stack(config.decoder, config.scaling, config.norm_eps)
        self.codebook0_head = nn.Linear(width, config.audio_vocab, bias=False)
        self.audio_head = nn.Parameter(torch.empty(config.codebooks - 1, inner, config.audio_vocab))
        if not self.audio_head.is_meta:
            self._initialise()

    def _initialise(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
        for stack in (self.backbone, self.decoder):
            for name, parameter in stack.named_parameters():
                if name.endswith(("output_proj.weight", "w2.weight")):  # what joins the residual
                    nn.init.normal_(parameter, std=0.02 / (2 * stack.flavour.layers) ** 0.5)

    def embed_text(self, ids: Tensor) -> Tensor:
        """[...] text ids -> [..., D]."""
        out: Tensor = self.text_embeddings(ids)
        return out

    def embed_prompt(
        self, ids: Tensor, reserved: Tensor | None = None, unconditional: Tensor | None = None
    ) -> Tensor:
        """[R, S] text ids -> [R, S, D], with two bool masks that broadcast to [R, S].

        Where ``reserved``, the empty reference-audio slot replaces the text; where
        ``unconditional``, the unconditional embedding replaces both.
        """
        x = self.embed_text(ids)  # [R, S, D]
        if reserved is not None:
            x = torch.where(reserved[..., None], self.embed_reserved(), x)
        if unconditional is not None:
            x = torch.where(unconditional[..., None], self.unconditional_text_embedding.weight, x)
        return x

    def embed_reserved(self) -> Tensor:
        """[D]: the reference-audio slot with no reference audio in it."""
        out: Tensor = self.muq_linear(self.muq_linear.weight.new_zeros(self.config.muq_dim))
        return out

    def embed_code_columns(self, codes: Tensor) -> Tensor:
        """[..., C'] codes of the first C' codebooks -> [..., C', D], one embedding each."""
        columns = torch.arange(codes.shape[-1], device=codes.device) * self.config.audio_vocab
        out: Tensor = self.audio_embeddings(codes + columns)
        return out

    def embed_frames(self, codes: Tensor, text: Tensor | None = None) -> Tensor:
        """[..., C] codes (and [...] text ids, if their column counts) -> [..., D] summed."""
        x = self.embed_code_columns(codes).sum(-2)
        return x if text is None else x + self.embed_text(text)

    def backbone_hidden(self, embeddings: Tensor, mask: Tensor | None = None) -> Tensor:
        """[R, S, D] -> [R, S, D], causal. ``mask`` bool [R, S] is False at padding."""
        out: Tensor = self.backbone(embeddings, mask)
        return out

    def decoder_hidden(self, x: Tensor) -> Tensor:
        """[N, C', E] projected inputs of one frame each, C' <= C -> [N, C', E], causal."""
        out: Tensor = self.decoder(x)
        return out

    def frame_logits(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """Teacher-forced float32 logits [N, C, V] of frames with ``codes`` [N, C].

        ``hidden`` [N, D] is the backbone's output at the position that predicts each frame.
        Row ``c`` has seen codes ``0..c-1`` only.
        """
        known = self.embed_code_columns(codes[:, :-1])  # [N, C-1, D]
        inside = self.projection(torch.cat([hidden[:, None], known], dim=1))  # [N, C, E]
        out = self.decoder_hidden(inside)[:, 1:]  # [N, C-1, E]
        first = self.codebook0_head(hidden)[:, None]  # [N, 1, V]
        rest = torch.einsum("nce,cev->ncv", out, self.audio_head)
        return torch.cat([first, rest], dim=1).float()


def _table(rows: int, width: int) -> nn.Embedding:
    """An uninitialised table: nn.Embedding's own filling makes the meta device load a compiler."""
    return nn.Embedding(rows, width, _weight=torch.empty(rows, width))
