"""Makes the frames of a job, on the texts that are set now and within the model's positions.

Both need the history read again beside the job (see `priming`). This says when: texts go over at
the first boundary that finds them read, a full cache at the last boundary before it is full. What
is heard then depends on the frame of the change alone, so a performance that replays its texts at
the same frames makes the same codes. Engine process only; one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from mula_bridge.control import Effect
from mula_bridge.control.messages import Notice
from mula_bridge.errors import BadInput
from mula_daemon.engine.lm.frame_loop import FrameLoop
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.priming import Priming, PromptTokens
from mula_daemon.engine.lm.sampling import CodePolicy, KnobTensors
from mula_daemon.engine.playing import MadeFrame
from mula_daemon.engine.seam import ClipRequest, FrameKnobs, KnobRange, Texts

LEAD: Final = 32
"""Frames before the caches are full at which reading for new ones begins."""

NO_ROOM: Final = (
    "no memory is left to read other texts beside this job, so those in force stay; with fewer "
    "takes or bars there is"
)

Encode = Callable[[Sequence[str], str, int], PromptTokens]
"""Tags, lyrics, and the number of the frame that follows them. May raise ValueError."""


class PromptedFrames:
    """The frames of ``clip``, ready for the first when this is made.

    ``window`` is how many the caches hold; ``clock`` gives the clock token of a frame to a model
    that hears one. ``every``: a boundary lies at each multiple of so many frames. ``keep``: how
    many frames at most are kept when the caches are full, so that the job may go on for ever; the
    first of them is a multiple of ``align``, and ``keep`` more than ``align + LEAD``. Without it
    the job has to end where they are full. Raises BadInput for a clip that the model cannot hold.
    """

    def __init__(
        self,
        player: Player,
        clip: ClipRequest,
        encode: Encode,
        window: int,
        *,
        policy: CodePolicy | None = None,
        clock: Callable[[int], int] | None = None,
        every: int = 1,
        keep: int | None = None,
        align: int = 1,
    ) -> None:
        self._encode = encode
        prompts = self._prompts(clip.texts, 0)
        try:
            self._loop = FrameLoop(player, prompts, clip.seeds, window, policy=policy)
        except ValueError as error:
            raise BadInput(f"{clip.bars} bars at {clip.bpm:g} BPM: {error}") from error
        self._loop.prefill()
        self._knobs = KnobTensors.create(device=player.model.device)
        self._clock = clock
        self._job = clip.job
        self._own, self._base = clip.texts, clip.follows
        self._at_once = bool(clip.performance)  # a replay names the very frame
        self._every = every
        self._keep = keep
        self._align = align
        self._heard = self._wanted = self._in_force = clip.texts
        self._priming: Priming | None = None
        self._notices: list[Notice] = []

    def make(self, asked: FrameKnobs) -> MadeFrame:
        """The next frame, sampled with ``asked`` and the texts that begin with it."""
        now = self._follow(asked)
        said, self._notices = self._notices, []
        self._knobs.load(cfg=now.cfg, temperature=now.temperature, top_k=now.top_k, morph=now.morph)
        loop = self._loop
        codes = loop.step(self._knobs, None if self._clock is None else self._clock(loop.frame))
        over = frozenset(np.flatnonzero(loop.ended).tolist())
        return MadeFrame(tuple(tuple(row) for row in codes.tolist()), now, over, said)

    def _follow(self, asked: FrameKnobs) -> FrameKnobs:
        self._hear(asked.texts)
        loop = self._loop
        ready = self._priming is not None and self._priming.read()
        if self._keep is not None:
            due = (loop.frame + loop.room) // self._every * self._every
            first = -(-(due - self._keep) // self._align) * self._align
            if loop.frame == due:
                if self._priming is None or self._priming.first != first:
                    self._priming = self._begin(loop.frame - first)
                return self._go_over(asked)
            if self._priming is None and loop.frame >= due - LEAD:
                self._priming = self._begin(loop.frame - first)
        if self._wanted != self._in_force and (
            self._at_once or (ready and loop.frame % self._every == 0)
        ):
            return self._go_over(asked)
        return replace(asked, texts=None)

    def _hear(self, asked: Texts | None) -> None:
        """Begin to read what is set now, if that is news."""
        if asked is None or self._base is None:
            return
        texts = _taken_over(asked, self._base, self._own)
        if texts == self._heard:
            return
        self._heard = texts
        before, self._wanted = self._wanted, texts
        try:
            self._priming = self._begin(None) if texts != self._in_force else None
        except ValueError as error:
            self._wanted = before
            self._notices.append(
                Notice(self._job, "bad_prompt", f"{error}; the texts before stay in force")
            )
        except torch.OutOfMemoryError:
            # What was being read before is spent.
            self._wanted, self._priming = self._in_force, None
            self._notices.append(Notice(self._job, "out_of_memory", NO_ROOM))

    def _begin(self, keep: int | None) -> Priming:
        return self._loop.reprime(self._prompts(self._wanted, self._loop.frame), keep)

    def _prompts(self, texts: Texts, frame: int) -> list[PromptTokens]:
        """One, or two to morph between."""
        both = (texts.tags, texts.tags_b) if texts.tags_b else (texts.tags,)
        return [self._encode(tags, texts.lyrics, frame) for tags in both]

    def _go_over(self, asked: FrameKnobs) -> FrameKnobs:
        assert self._priming is not None
        self._loop.swap(self._priming)
        self._priming = None
        news = None if self._wanted == self._in_force else self._wanted
        self._in_force = self._wanted
        return replace(asked, texts=news)


def knob_ranges(top_k: int) -> dict[str, KnobRange]:
    """What these frames honour; ``top_k`` is the most that does anything."""
    return {
        "cfg": KnobRange(0.0, 7.0, Effect.FRAME),
        "temperature": KnobRange(0.0, 2.0, Effect.FRAME),
        "top_k": KnobRange(1, top_k, Effect.FRAME),
        "morph": KnobRange(0.0, 1.0, Effect.FRAME),
    }


def _taken_over(asked: Texts, base: Texts, own: Texts) -> Texts:
    """``asked`` where it differs from ``base``, else what is the job's ``own``."""
    return Texts(
        own.tags if asked.tags == base.tags else asked.tags,
        own.tags_b if asked.tags_b == base.tags_b else asked.tags_b,
        own.lyrics if asked.lyrics == base.lyrics else asked.lyrics,
    )
