"""The loop that makes frames: prompts in, knobs at every frame, codes out.

Rows are takes x (prompts + 1), in the order [A x takes, (B x takes), U x takes]; U is the
unconditional row. There are always at least two rows and guidance is always the same formula,
so cfg may cross 1 at any frame. Engine process only; one thread at a time.

Time: call number t of `FrameLoop.step` samples frame t. The input of that step is the sum of
the code embeddings of frame t-1 and, if the model has clock tokens, the clock token of frame t,
the one about to be predicted. For frame 0 the end of the prompt is both.

Caches are written by a `Priming` and grow with every frame. Tags and lyrics changed while a job
runs, and positions that run out, are met by another priming that is read beside it and then takes
over: see `FrameLoop.reprime`.

A job holds one set of caches of R rows: those of its step, which the prompt is read into at once.
They have slots for prompt and window, rounded up to the next of `frame_graph.EXTENTS` where steps
are recorded. From its first `FrameLoop.reprime` on it holds a second one, rounded up to 64 slots
only, which every later priming reads into: two sets at most, and one in a job that never
reprimes. For the moment in which the number of prompts changes there may be a third.
"""

import weakref
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mula_daemon.engine.lm.frame_graph import extent_of
from mula_daemon.engine.lm.frame_step import FrameStep
from mula_daemon.engine.lm.history import Codes, History
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.priming import Priming, PromptTokens
from mula_daemon.engine.lm.sampling import CodePolicy, KnobTensors, draw_noise
from mula_daemon.engine.lm.static_stack import StackState
from mula_daemon.engine.lm.upload import uploaded

__all__ = ["Codes", "FrameLoop", "PromptTokens"]

CLOCKS = "clock tokens come with the prompt and with every frame, or never"


class FrameLoop:
    """Owns the caches, generators and rows of one job.

    ``prompts``: one, or two to morph between, which may differ in length. ``seeds``: one per
    take, 0..2**64-1. ``window`` is how many frames the caches hold, so how many can be made
    without a new priming. Raises ``ValueError`` when there is nothing to generate, or it would not
    fit the model.

    ``frame`` is the number of the next frame. ``ended`` (bool [N]) is True for a take from the
    frame on that the policy calls its end; that frame is no music, and what comes after it goes
    on undefined. ``logits`` (float32 [C, R, V], before guidance) are those of the newest frame if
    ``keep_logits``, else None.
    """

    def __init__(
        self,
        player: Player,
        prompts: Sequence[PromptTokens],
        seeds: Sequence[int],
        window: int,
        *,
        policy: CodePolicy | None = None,
        keep_logits: bool = False,
    ) -> None:
        if not seeds or window < 1:
            raise ValueError(f"{len(seeds)} takes of {window} frames: nothing to generate")
        model = player.model
        config = model.config
        self.model = model
        self._player = player
        self.policy = policy or CodePolicy()
        self.takes = len(seeds)
        self.window = window
        self.frame = 0
        self.ended = np.zeros(self.takes, dtype=np.bool_)
        self.keep_logits = keep_logits
        self.logits: Tensor | None = None
        self._generators = [torch.Generator(model.device).manual_seed(seed) for seed in seeds]
        self._bans = self.policy.bans(config.codebooks, config.audio_vocab, model.device)
        # What a priming follows may have grown by a window since its first frame.
        self._history = History(2 * window)
        self._oldest = 0  # the first frame in the caches
        self._clock: int | None = None  # that of the newest frame
        self._begun = False
        self._spare: StackState | None = None
        """Caches beside those of the step, for whichever priming is the newest."""
        self._next: Priming | None = None
        priming = Priming(model, prompts, self.takes, window, self._history, beside=player.beside)
        self._hold(priming)
        priming.read_into(self._step.state)

    @property
    def prompts(self) -> tuple[PromptTokens, ...]:
        """Those in force."""
        return self._priming.prompts

    @property
    def room(self) -> int:
        """How many frames can still be made before a new priming is needed."""
        return self.window - (self.frame - self._oldest)

    def tag_takes(self, tags_ids: Sequence[Sequence[int]]) -> None:
        """Give each take tags of its own, before `prefill`: see `Priming.tag_takes`."""
        self._priming.tag_takes(tags_ids)

    @torch.inference_mode()
    def prefill(self, history: Codes | None = None, clocks: Sequence[int] | None = None) -> None:
        """Read the prompts and, if given, ``history`` [N, T, C]: frames 0..T-1 already played.

        ``clocks`` [T] are the clock tokens of those frames. The generators move on as if the
        frames had been sampled. Raises ``ValueError`` on a history that does not fit, and
        ``RuntimeError`` when called twice.
        """
        if self._begun:
            raise RuntimeError("this job has been prefilled already")
        frames = 0 if history is None else history.shape[1]
        if history is not None and frames:
            self._check(history, frames)
            if (clocks is None) != (self.prompts[0].clock is None):
                raise ValueError(CLOCKS)
            if clocks is not None and len(clocks) != frames:
                raise ValueError(f"{len(clocks)} clock tokens for {frames} frames")
            for frame in range(frames):
                self._history.add(history[:, frame], None if clocks is None else clocks[frame])
                draw_noise(self._generators, self._step.noise)
        self.frame = frames
        self._begin(self._priming)

    def reprime(
        self, prompts: Sequence[PromptTokens] | None = None, keep: int | None = None
    ) -> Priming:
        """Start reading ``prompts`` and the newest ``keep`` frames for caches to `swap` to.

        None: the present prompts; all frames that the present caches hold. Nothing is read yet:
        call `Priming.read` between frames. Where prompts have a clock, that of the oldest frame
        kept replaces it. The priming begun before is spent, swapped to or not. Raises as the
        constructor does, and ``RuntimeError`` before `prefill`; the one before is good then.
        """
        if not self._begun:
            raise RuntimeError("this job has not been prefilled")
        prompts = self.prompts if prompts is None else prompts
        if any((prompt.clock is None) != (self.prompts[0].clock is None) for prompt in prompts):
            raise ValueError(CLOCKS)
        first = self._oldest if keep is None else max(self._oldest, self.frame - keep)
        if first < self.frame and (clocks := self._history.clocks(first, first + 1)):
            prompts = [replace(prompt, clock=clocks[0]) for prompt in prompts]
        beside = self._player.beside
        self._next = Priming(
            self.model, prompts, self.takes, self.window, self._history, first, beside
        )
        self._spare = self._next.read_into(self._spare)
        return self._next

    def swap(self, priming: Priming) -> None:
        """Go on from ``priming``, which is read to its end first; it is spent afterwards.

        The next frame hears its prompts. With as many rows, and slots enough, the caches stay
        where they are in memory, and are written over. The randomness of the takes goes on.
        Raises ``ValueError`` for one that is spent.
        """
        if priming is not self._next:
            raise ValueError("this priming is spent: it was swapped to, or another begun after it")
        self._next = None
        self._begin(priming)

    def _hold(self, priming: Priming) -> None:
        """Borrow what makes frames in caches that ``priming`` fits into."""
        self._graphs = self._player.lend(
            self.takes,
            priming.rows,
            priming.slots,
            clocked=priming.prompts[0].clock is not None,
            banned=self._bans is not None,
        )
        self._return = weakref.finalize(self, self._player.give_back, self._graphs)
        self._priming = priming

    @property
    def _step(self) -> FrameStep:
        return self._graphs.step

    @torch.inference_mode()
    def _begin(self, priming: Priming) -> None:
        priming.finish()
        mine, read = self._step.state, priming.state
        if priming.rows != mine.rows or priming.slots > mine.slots:
            self._return()
            self._hold(priming)
            mine = self._step.state
        step = self._step
        if read is not mine:
            mine.pairs[:, :, :, : priming.used] = read.pairs[:, :, :, : priming.used]
        self._priming = priming
        self._oldest = priming.first
        self._used = priming.used  # slots written so far: the host's copy of step.slot
        step.slot.fill_(self._used)
        step.bias.copy_(priming.bias(mine.slots)[:, None])
        # What predicts the next frame: [R, D] read already, or the newest frame's codes.
        self._hidden = priming.hidden if priming.first == self.frame else None
        if self._hidden is None:
            newest = self._history.codes(self.frame - 1, self.frame)[:, 0]
            step.codes.copy_(uploaded(newest, self.model.device))
        self._ban()
        self._begun = True

    def _ban(self) -> None:
        """Rule out what the policy rules out of the next frame."""
        if self._step.bans is not None:
            if self._bans is None:
                self._step.bans.zero_()
            else:
                self._step.bans.copy_(self._bans[self.frame > 0])

    @torch.inference_mode()
    def step(self, knobs: KnobTensors, clock: int | None = None) -> Codes:
        """Sample the next frame with ``knobs`` as they are now: codes [N, C].

        ``clock`` is the clock token of this very frame (for frame 0: the one that the prompt ends
        with). One read from the device. Raises ``RuntimeError`` before `prefill` and without
        `room`, ``ValueError`` when a clock token is missing or too much.
        """
        self._prepare(clock)
        step = self._step
        step.knobs.copy(knobs)
        if self._hidden is None and not self.keep_logits:
            self._used += 1
            self._graphs.run(self._used)
        else:
            kept: list[Tensor] = []
            step.sample(self._advance(), kept)
            self._keep(kept)
        return self._finish()

    @torch.inference_mode()
    def force(self, codes: Codes, clock: int | None = None) -> None:
        """Play ``codes`` [N, C] as the next frame instead of sampling it.

        The generators move on as if it had been sampled, so a replay may hand over to `step`.
        Raises as `step` does, and ``ValueError`` when ``codes`` do not fit.
        """
        forced = self._check(codes[:, None], 1)[:, 0]
        self._prepare(clock)
        hidden = self._advance()
        kept: list[Tensor] = []
        if self.keep_logits:
            self._step.fill(hidden, lambda codebook, _: forced[:, codebook], kept)
        self._keep(kept)
        self._step.codes.copy_(forced)
        self._finish()

    def _check(self, codes: Codes, frames: int) -> Tensor:
        """``codes`` [N, frames, C] as a tensor on the device."""
        config = self.model.config
        if codes.shape != (self.takes, frames, config.codebooks):
            raise ValueError(f"codes of shape {codes.shape} do not fit {self.takes} takes")
        if frames > self.room:
            raise ValueError(f"{frames} frames, but room for {self.room}")
        if codes.min() < 0 or codes.max() >= config.audio_vocab:
            raise ValueError(f"codes must be 0..{config.audio_vocab - 1}")
        return uploaded(codes, self.model.device)

    def _prepare(self, clock: int | None) -> None:
        """Check that a frame can be made, and give the step its clock token and its noise."""
        if not self._begun or self.room < 1:
            raise RuntimeError(f"frame {self.frame} has no {'room' if self._begun else 'prompt'}")
        if self._hidden is not None:
            self._clock = self.prompts[0].clock  # the prompt ended with it
        elif (clock is None) != (self._step.clock is None):
            raise ValueError(CLOCKS)
        else:
            self._clock = clock
            if self._step.clock is not None and clock is not None:
                self._step.clock.fill_(clock)
        draw_noise(self._generators, self._step.noise)

    def _advance(self) -> Tensor:
        """The hidden states [R, D] that the next frame is made from."""
        if self._hidden is not None:
            hidden, self._hidden = self._hidden, None
            return hidden
        self._used += 1
        return self._step.advance(extent_of(self._used))

    def _keep(self, logits: list[Tensor]) -> None:
        self.logits = torch.stack(logits) if logits and self.keep_logits else None

    def _finish(self) -> Codes:
        out: Codes = self._step.codes.numpy(force=True).copy()  # the one read from the device
        self._history.add(out.copy(), self._clock)
        self.ended |= self.policy.ends(self.frame, out)
        self.frame += 1
        if self.frame == 1:
            self._ban()
        return out
