"""The loop that makes frames: prompts in, knobs at every frame, codes out.

Rows are takes x (prompts + 1), in the order [A x takes, (B x takes), U x takes]; U is the
unconditional row. There are always at least two rows and guidance is always the same formula,
so cfg may cross 1 at any frame. Engine process only; one thread at a time.

Time: call number t of `FrameLoop.step` samples frame t. The input of that step is the sum of
the code embeddings of frame t-1 and, if the model has clock tokens, the clock token of frame t,
the one about to be predicted. For frame 0 the end of the prompt is both.

Letters: N takes, R rows, P prompt positions, T frames, C codebooks, V audio ids, D width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from mula_daemon.engine.code_policy import CodePolicy
from mula_daemon.engine.sampling import KnobTensors, choose, draw_noise, guide, prepare
from mula_daemon.engine.static_model import StaticModel

Codes = npt.NDArray[np.int64]
BUCKET = 64  # positions: attention reads the cache up to the next multiple of this


@dataclass(frozen=True)
class PromptTokens:
    """One prompt as text ids; ``clock`` is the clock token of frame 0, None without a clock."""

    tags_ids: Sequence[int]
    lyrics_ids: Sequence[int]
    clock: int | None = None


class FrameLoop:
    """Owns the caches, generators and rows of one job.

    ``prompts``: one, or two to morph between, which may differ in length. ``seeds``: one per
    take, 0..2**64-1. ``max_frames`` sizes the caches. Raises ``ValueError`` when there is nothing
    to generate, or it would not fit the model.

    ``frame`` is the number of the next frame. ``ended`` (bool [N]) is True for a take from the
    frame on that the policy calls its end; that frame is no music, and what comes after it goes
    on undefined. ``logits`` (float32 [C, R, V], before guidance) are those of the newest frame if
    ``keep_logits``, else None.
    """

    def __init__(
        self,
        model: StaticModel,
        prompts: Sequence[PromptTokens],
        seeds: Sequence[int],
        max_frames: int,
        *,
        policy: CodePolicy | None = None,
        keep_logits: bool = False,
    ) -> None:
        if len(prompts) not in (1, 2) or len({prompt.clock for prompt in prompts}) != 1:
            raise ValueError("one prompt, or two that begin at the same clock token")
        if not seeds or max_frames < 1:
            raise ValueError(f"{len(seeds)} takes of {max_frames} frames: nothing to generate")
        config = model.config
        self.model = model
        self.prompts = tuple(prompts)
        self.policy = policy or CodePolicy()
        self.takes = len(seeds)
        self.max_frames = max_frames
        self.frame = 0
        self.ended = np.zeros(self.takes, dtype=np.bool_)
        self.keep_logits = keep_logits
        self.logits: Tensor | None = None
        self._groups = len(prompts) + 1
        self._generators = [torch.Generator(model.device).manual_seed(seed) for seed in seeds]
        bans = self.policy.bans(config.codebooks, config.audio_vocab, model.device)
        self._bans = [None if ban is None else ban.unbind(0) for ban in bans or (None, None)]

        with torch.inference_mode():
            x, counts = self._embed_prompts()  # [groups, P, D], [groups, P]
            self._prompt = x.repeat_interleave(self.takes, 0)  # [R, P, D]
            self._counts = counts.repeat_interleave(self.takes, 0)  # [R, P]
            rows, length = self._counts.shape
            slots = -(-(length + max_frames) // BUCKET) * BUCKET
            if length + max_frames > config.backbone.max_positions:
                raise ValueError(
                    f"{length} prompt positions and {max_frames} frames are more than the "
                    f"model's {config.backbone.max_positions} positions"
                )
            self._backbone = model.backbone_state(rows, slots)
            self._decoder = model.decoder_state(rows)
            # A slot can be attended to from the moment it is written: bias 0 instead of -inf.
            self._bias = torch.full(
                (rows, config.backbone.kv_heads, slots),
                -torch.inf,
                dtype=model.dtype,
                device=model.device,
            )
            self._slot = torch.zeros(1, dtype=torch.int64, device=model.device)
            self._used = 0  # slots written so far: the host's copy of self._slot
            self._hidden: Tensor | None = None  # [R, D] that predicts the next frame
            self._codes = torch.zeros(self.takes, config.codebooks, dtype=torch.int64)

    def _embed_prompts(self) -> tuple[Tensor, Tensor]:
        """Every prompt, then the unconditional one, padded on the left: [groups, P, D], [.., P].

        RoPE knows differences of positions only, so padding that nobody sees changes nothing.
        """
        model = self.model
        embedded = []
        for prompt in self.prompts:
            tags, lyrics = (
                F.embedding(self._ids(ids), model.text)
                for ids in (prompt.tags_ids, prompt.lyrics_ids)
            )
            embedded.append(torch.cat([tags, model.reserved[None], lyrics]))
        embedded.append(model.nothing.expand_as(embedded[0]))
        clock = self.prompts[0].clock
        if clock is not None:  # the same in every row, so that guidance never acts on it
            embedded = [torch.cat([x, model.text[clock, None]]) for x in embedded]
        length = max(len(x) for x in embedded)
        counts = torch.tensor(
            [[False] * (length - len(x)) + [True] * len(x) for x in embedded], device=model.device
        )
        return torch.stack([F.pad(x, (0, 0, length - len(x), 0)) for x in embedded]), counts

    @torch.inference_mode()
    def prefill(self, history: Codes | None = None, clocks: Sequence[int] | None = None) -> None:
        """Read the prompts and, if given, ``history`` [N, T, C]: frames 0..T-1 already played.

        ``clocks`` [T] are the clock tokens of those frames. The generators move on as if the
        frames had been sampled. Raises ``ValueError`` on a history that does not fit, and
        ``RuntimeError`` when called twice.
        """
        if self._used:
            raise RuntimeError("this job has been prefilled already")
        model, config = self.model, self.model.config
        x, counts = self._prompt, self._counts
        frames = 0
        if history is not None and history.size:
            frames = history.shape[1]
            codes = self._check(history, frames)  # [N, T, C]
            if clocks is not None and len(clocks) != frames:
                raise ValueError(f"{len(clocks)} clock tokens for {frames} frames")
            text = self._clocks(None if clocks is None else clocks[1:])
            played = model.embed_frames(codes[:, :-1], text)  # [N, T-1, D]
            x = torch.cat([x, torch.cat([played] * self._groups)], dim=1)
            counts = F.pad(counts, (0, frames - 1), value=True)
            self._codes = codes[:, -1]
        hidden = model.prefill(x, counts, self._backbone)
        self._hidden = None if frames else hidden
        self._used = x.shape[1]
        self._slot.fill_(self._used)
        self._bias[:, :, : self._used].masked_fill_(counts[:, None], 0.0)
        self.frame = frames
        for _ in range(frames):
            draw_noise(self._generators, config.codebooks, config.audio_vocab)

    @torch.inference_mode()
    def step(self, knobs: KnobTensors, clock: int | None = None) -> Codes:
        """Sample the next frame with ``knobs`` as they are now: codes [N, C].

        ``clock`` is the clock token of this very frame (not read for frame 0: the prompt ends with
        it). One read from the device. Raises ``RuntimeError`` before `prefill` and from
        ``max_frames`` on, ``ValueError`` when a clock token is missing or too much.
        """
        hidden, noise = self._advance(clock)
        draw = prepare(noise, knobs.temperature, knobs.top_k)
        bans = self._bans[self.frame > 0]

        def pick(codebook: int, logits: Tensor) -> Tensor:
            guided = guide(logits, knobs.cfg, knobs.morph, self.takes)
            return choose(guided, draw, codebook, None if bans is None else bans[codebook])

        return self._finish(self._fill(hidden, pick))

    @torch.inference_mode()
    def force(self, codes: Codes, clock: int | None = None) -> None:
        """Play ``codes`` [N, C] as the next frame instead of sampling it.

        The generators move on as if it had been sampled, so a replay may hand over to `step`.
        Raises as `step` does, and ``ValueError`` when ``codes`` do not fit.
        """
        forced = self._check(codes[:, None], 1)[:, 0]
        hidden, _ = self._advance(clock)
        if self.keep_logits:
            self._fill(hidden, lambda codebook, _: forced[:, codebook])
        self._finish(forced)

    def _ids(self, ids: Sequence[int]) -> Tensor:
        return torch.tensor(ids, dtype=torch.int64, device=self.model.device)

    def _clocks(self, clocks: Sequence[int] | None) -> Tensor | None:
        if (clocks is None) != (self.prompts[0].clock is None):
            raise ValueError("clock tokens come with the prompt and with every frame, or never")
        return None if clocks is None else self._ids(clocks)

    def _check(self, codes: Codes, frames: int) -> Tensor:
        """``codes`` [N, frames, C] as a tensor on the device."""
        config = self.model.config
        if codes.shape != (self.takes, frames, config.codebooks):
            raise ValueError(f"codes of shape {codes.shape} do not fit {self.takes} takes")
        if self.frame + frames > self.max_frames:
            raise ValueError(f"{frames} frames more than the {self.max_frames} of this job")
        if codes.min() < 0 or codes.max() >= config.audio_vocab:
            raise ValueError(f"codes must be 0..{config.audio_vocab - 1}")
        return torch.tensor(codes, dtype=torch.int64, device=self.model.device)

    def _advance(self, clock: int | None) -> tuple[Tensor, Tensor]:
        """What the next frame is made from: hidden states [R, D] and noise [N, C, K]."""
        if not self._used or self.frame >= self.max_frames:
            raise RuntimeError(f"frame {self.frame} of {self.max_frames}, {self._used} slots read")
        model, config = self.model, self.model.config
        text = None
        if self._hidden is None:
            text = self._clocks(None if clock is None else [clock])
        noise = draw_noise(self._generators, config.codebooks, config.audio_vocab)
        if self._hidden is not None:
            hidden, self._hidden = self._hidden, None
            return hidden, noise
        x = torch.cat([model.embed_frames(self._codes, text)] * self._groups)  # [R, D]
        self._used += 1
        extent = -(-self._used // BUCKET) * BUCKET
        self._bias.index_fill_(2, self._slot, 0.0)
        bias = self._bias[:, :, :extent].flatten(0, 1)[:, None]  # [R * kv heads, 1, extent]
        hidden = model.backbone.one(x, self._backbone, extent, self._slot, bias)
        self._slot.add_(1)
        return hidden, noise

    def _fill(self, hidden: Tensor, pick: Callable[[int, Tensor], Tensor]) -> Tensor:
        """One frame's codes [N, C], codebook by codebook; ``pick`` makes codes [N] of logits."""
        model, state = self.model, hidden
        codes: list[Tensor] = []
        kept: list[Tensor] = []
        for codebook in range(model.config.codebooks):
            if codebook == 1:
                state = model.open_frame(hidden, codes[0], self._decoder)
            elif codebook > 1:
                state = model.next_codebook(codebook - 1, codes[-1], self._decoder)
            logits = model.logits(codebook, state)  # [R, V]
            if self.keep_logits:
                kept.append(logits)
            codes.append(pick(codebook, logits))
        self.logits = torch.stack(kept) if kept else None
        return torch.stack(codes, dim=1)

    def _finish(self, codes: Tensor) -> Codes:
        self._codes = codes
        out: Codes = codes.numpy(force=True).copy()  # the one read from the device
        self.ended |= self.policy.ends(self.frame, out)
        self.frame += 1
        return out
