"""The built-in model as an Engine: HeartMuLa's loop at a small size, and a synthesiser.

The tags go into the prompt and nowhere else; the synthesiser hears codes only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from time import perf_counter_ns
from typing import Final

import torch

from mula_bridge import __version__
from mula_bridge.control import BEATS_PER_BAR, Effect
from mula_bridge.control.messages import Notice
from mula_bridge.errors import BadInput, Unavailable
from mula_daemon.engine.lm import (
    CodePolicy,
    FrameLoop,
    KnobTensors,
    LanguageModel,
    Player,
    PromptedFrames,
    PromptTokens,
    StaticModel,
)
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.model import tokenizer
from mula_daemon.engine.mini.model.weights import load_mini
from mula_daemon.engine.mini.synth import ClipRenderer, Kit, Synthesiser, warm_up
from mula_daemon.engine.seam import (
    AudioBlock,
    ClipRequest,
    EngineInfo,
    Frame,
    FrameKnobs,
    KnobRange,
    Texts,
)

SAMPLE_RATE: Final = 48_000
THREADS: Final = 1
"""Its matrices are so small that a second thread costs more than it brings; the other core
stays free for OSC and sound."""

MAX_BARS: Final = 60
"""960 frames; with the longest prompt they fill the positions that the model was trained on."""

LIVE_WINDOW: Final = 32 * tokens.STEPS_PER_BAR
"""Frames between two primings of live play, at most: as many bars as mini has seen at once."""
LIVE_KEPT: Final = 16 * tokens.STEPS_PER_BAR
"""Frames of them that are read again, so that the music knows where it comes from."""

POLICY: Final = CodePolicy(valid=[tokens.codes_in(book) for book in range(len(tokens.INSTRUMENTS))])
"""Clips are bar-exact: nothing ends them early, and only codes with a meaning are drawn."""


class MiniEngine:
    """A frame is one sixteenth; honours every frame knob, and morph between two prompts."""

    def __init__(self, kit: Path | None = None, *, stems: bool = False) -> None:
        """``kit`` is a folder of the user's one-shots, see `Kit`; ``stems`` sends them too."""
        self._player: Player | None = None
        self._kit_folder = kit
        self._kit: Kit | None = None
        self._stems = stems
        self.bytes_per_frame = 0
        """Weights read from memory for one frame, in bytes; known once warm."""
        self.info = _info(sha256="")

    def warm_up(self) -> None:
        """Load the weights and the sounds, and play one bar to nobody.

        Raises Unavailable without weights, and BadInput for a kit, naming the file at fault.
        """
        torch.set_num_threads(THREADS)
        if self._kit_folder is not None:
            try:
                self._kit = Kit.load(self._kit_folder.expanduser(), SAMPLE_RATE)
            except ValueError as error:
                raise BadInput(f"kit: {error}") from error
        try:
            model, facts = load_mini()
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"the built-in model's weights cannot be read ({error}); reinstall mulabridge"
            ) from error
        self._player = Player(StaticModel(model))
        self.bytes_per_frame = _bytes_per_frame(model)
        kit = "" if self._kit is None else self._kit.fingerprint
        self.info = _info(sha256=str(facts["sha256"]), kit=kit)
        warm_up()
        for _ in self.generate(ClipRequest("warm-up", (), (0,), bars=1), FrameKnobs):
            pass

    def generate(
        self, clip: ClipRequest, knobs: Callable[[], FrameKnobs]
    ) -> Iterator[Frame | AudioBlock | Notice]:
        """One frame per sixteenth: sample the codes of every take, then render each take.

        Texts that change while it runs are heard from the next bar on.
        Blocks that make loops of the takes come at the end.
        """
        if self._player is None:
            raise Unavailable("the built-in model is not warm yet")
        total = 0 if clip.endless else clip.bars * tokens.STEPS_PER_BAR
        window = total or LIVE_WINDOW
        loop = FrameLoop(self._player, _prompts(clip.texts, 0), clip.seeds, window, policy=POLICY)
        loop.prefill()
        follower = PromptedFrames(
            loop,
            _prompts,
            clip,
            every=tokens.STEPS_PER_BAR,
            keep=LIVE_KEPT if clip.endless else None,
            align=tokenizer.CLOCKS,
        )
        renderers = [self._renderer(clip, seed, total) for seed in clip.seeds]
        tensors = KnobTensors.create()
        bpm = clip.bpm
        for index in count() if clip.endless else range(total):
            asked = knobs()
            started = perf_counter_ns()
            now = follower.follow(asked)
            if clip.endless and now.bpm and now.bpm != bpm:
                bpm = now.bpm
                for renderer in renderers:
                    renderer.retune(bpm)
            yield from follower.notices()
            tensors.load(cfg=now.cfg, temperature=now.temperature, top_k=now.top_k, morph=now.morph)
            codes = loop.step(tensors, tokenizer.clock_id(index))  # [takes, codebooks]
            rows = tuple(tuple(row) for row in codes.tolist())
            yield Frame(clip.job, index, total, rows, replace(now, bpm=bpm), started)
            for take, renderer in enumerate(renderers):
                sound = renderer.render(rows[take])
                yield AudioBlock(clip.job, take, sound.mix, sound.stems)
        for take, renderer in enumerate(renderers):
            for sound in renderer.seam():
                yield AudioBlock(clip.job, take, sound.mix, sound.stems, at=sound.at)

    def _renderer(self, clip: ClipRequest, seed: int, frames: int) -> ClipRenderer:
        synthesiser = Synthesiser(clip.bpm, clip.key, seed, SAMPLE_RATE, self._kit)
        return ClipRenderer(synthesiser, frames, stems=self._stems and not clip.endless)


def _bytes_per_frame(model: LanguageModel) -> int:
    """The backbone once, the local decoder once per further codebook, every head once."""
    further = model.config.codebooks - 1
    heads = model.codebook0_head.weight.nbytes + model.audio_head.nbytes
    local = sum(weight.nbytes for weight in model.decoder.parameters())
    local += model.projection.weight.nbytes
    return sum(weight.nbytes for weight in model.backbone.parameters()) + heads + further * local


def _prompts(texts: Texts, frame: int) -> list[PromptTokens]:
    """One prompt, or two to morph between, that ``frame`` follows."""
    return [
        PromptTokens(
            tokenizer.prompt_ids(tags.parse_tags(words).known), (), tokenizer.clock_id(frame)
        )
        for words in ((texts.tags, texts.tags_b) if texts.tags_b else (texts.tags,))
    ]


def _info(sha256: str, kit: str = "") -> EngineInfo:
    return EngineInfo(
        name="mini",
        version=__version__,
        sample_rate=SAMPLE_RATE,
        channels=2,
        device="cpu",
        knobs={
            "cfg": KnobRange(0.0, 7.0, Effect.FRAME),
            "temperature": KnobRange(0.0, 2.0, Effect.FRAME),
            "top_k": KnobRange(1, tokens.CODES, Effect.FRAME),
            "morph": KnobRange(0.0, 1.0, Effect.FRAME),
            "bars": KnobRange(1, MAX_BARS, Effect.CLIP),
        },
        checkpoint="mini",
        sha256=sha256,
        kit=kit,
        vocabulary=dict(tags.WORDS),
        instruments=tokens.INSTRUMENTS,
        frames_per_beat=tokens.STEPS_PER_BAR // BEATS_PER_BAR,
    )
