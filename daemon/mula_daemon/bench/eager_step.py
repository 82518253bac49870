"""What we compare ourselves with: one frame as plain PyTorch code for this model makes it.

Written for this benchmark after the description of the published inference code, to do the same
work in the usual way: ``nn.Linear`` weights as stored, [out, in]; caches for 8192 positions, with
keys and values repeated for every query head, all of them attended to under a mask; the local
decoder's caches cleared for every frame; no autocast, no compiling. It samples with the same
knobs, and like the original it is told them as numbers. Two rows, guidance on every codebook.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from mula_daemon.engine.lm import Block, LanguageModel, Stack, rotate, rotations

SLOTS = 8192


class KeyValueCache:
    """Keys and values of one layer, [R, heads, slots, H] each."""

    def __init__(self, rows: int, heads: int, slots: int, head: int, like: Tensor) -> None:
        self.keys = like.new_zeros(rows, heads, slots, head)
        self.values = like.new_zeros(rows, heads, slots, head)
        self.position = torch.zeros(1, dtype=torch.int64, device=like.device)

    def reset(self) -> None:
        """Empty it, which the host waits for."""
        self.keys.zero_()
        self.values.zero_()
        self.position -= int(self.position.item())

    def update(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append [R, heads, S, H]; everything, empty slots included."""
        slots = torch.arange(keys.shape[2], device=keys.device) + self.position
        self.keys[:, :, slots] = keys
        self.values[:, :, slots] = values
        self.position += keys.shape[2]
        return self.keys, self.values


class CachedStack:
    """A `Stack` run step by step over its own modules."""

    def __init__(self, stack: Stack, rows: int, slots: int) -> None:
        flavour = stack.flavour
        like = next(stack.parameters())
        self.stack = stack
        self.turns = rotations(flavour.head_dim, slots, stack.scaling, like.device)
        self.mask = torch.ones(slots, slots, dtype=torch.bool, device=like.device).tril_()
        self.caches = [
            KeyValueCache(rows, flavour.heads, slots, flavour.head_dim, like)
            for _ in range(flavour.layers)
        ]

    def __call__(self, x: Tensor, positions: Tensor) -> Tensor:
        """[R, S, D] at ``positions`` [S] -> [R, S, D]."""
        mask = self.mask[positions][None, None]  # [1, 1, S, slots]
        turns = self.turns[positions][:, None]  # [S, 1, H / 2]
        for block, cache in zip(self.stack.layers, self.caches, strict=True):
            x = self._layer(cast("Block", block), cache, x, turns, mask)
        out: Tensor = self.stack.norm(x)
        return out

    def _layer(
        self, block: Block, cache: KeyValueCache, x: Tensor, turns: Tensor, mask: Tensor
    ) -> Tensor:
        flavour, attn = self.stack.flavour, block.attn
        rows, length, _ = x.shape
        group = flavour.heads // flavour.kv_heads
        h = block.sa_norm(x)

        def heads(y: Tensor) -> Tensor:  # [R, S, h * H] -> [R, S, h, H]
            return y.view(rows, length, -1, flavour.head_dim)

        query = rotate(heads(attn.q_proj(h)), turns).transpose(1, 2)
        key = rotate(heads(attn.k_proj(h)), turns).repeat_interleave(group, 2).transpose(1, 2)
        value = heads(attn.v_proj(h)).repeat_interleave(group, 2).transpose(1, 2)
        keys, values = cache.update(key, value)
        mixed = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        x = x + attn.output_proj(mixed.transpose(1, 2).reshape(rows, length, -1))
        out: Tensor = x + block.mlp(block.mlp_norm(x))
        return out


class EagerStep:
    """Frames one after another for one take: two rows, conditional and not."""

    def __init__(self, model: LanguageModel, slots: int = SLOTS) -> None:
        self.model = model
        self.backbone = CachedStack(model.backbone, 2, slots)
        self.decoder = CachedStack(model.decoder, 2, model.config.codebooks)

    @torch.inference_mode()
    def prefill(self, x: Tensor) -> Tensor:
        """[2, P, D] -> the hidden state [2, D] that predicts frame 0."""
        positions = torch.arange(x.shape[1], device=x.device)
        return self.backbone(x, positions)[:, -1]

    @torch.inference_mode()
    def advance(self, codes: Tensor, position: int) -> Tensor:
        """The frame ``codes`` [C] at ``position`` -> hidden state [2, D] that predicts the next."""
        x = self.model.embed_frames(codes).expand(2, 1, -1)
        return self.backbone(x, torch.tensor([position], device=codes.device))[:, 0]

    @torch.inference_mode()
    def frame(self, hidden: Tensor, cfg: float, temperature: float, top_k: int) -> Tensor:
        """Codes [C] from the hidden state [2, D]."""
        model = self.model
        codes = [_sample(model.codebook0_head(hidden), cfg, temperature, top_k)]
        for cache in self.decoder.caches:
            cache.reset()
        known = self._embed(0, codes[0])
        x = torch.stack([hidden, known.expand(2, -1)], dim=1)  # [2, 2, D]
        positions = torch.arange(2, device=hidden.device)
        for codebook in range(1, model.config.codebooks):
            out = self.decoder(model.projection(x), positions)[:, -1]
            logits = out @ model.audio_head[codebook - 1]
            codes.append(_sample(logits, cfg, temperature, top_k))
            x = self._embed(codebook, codes[-1]).expand(2, 1, -1)
            positions = positions[-1:] + 1
        return torch.stack(codes)

    def _embed(self, codebook: int, code: Tensor) -> Tensor:
        out: Tensor = self.model.audio_embeddings(code + codebook * self.model.config.audio_vocab)
        return out


def _sample(logits: Tensor, cfg: float, temperature: float, top_k: int) -> Tensor:
    """Guidance, temperature, top-k and an exponential race, as the original does it: [] code."""
    guided = (logits[1] + cfg * (logits[0] - logits[1])) / temperature
    least = guided.topk(top_k).values[-1]
    kept = guided.masked_fill(guided < least, -torch.inf)
    odds = kept.softmax(-1)
    return torch.argmax(odds / torch.empty_like(odds).exponential_(1))
