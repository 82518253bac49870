"""The built-in model as an Engine: HeartMuLa's loop at a small size, and a synthesiser.

The tags go into the prompt and nowhere else; the synthesiser hears codes only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Final

import torch

from mula_bridge import __version__
from mula_bridge.errors import Unavailable
from mula_bridge.knobs import Effect
from mula_daemon.engine.base import (
    AudioBlock,
    ClipRequest,
    EngineInfo,
    Frame,
    FrameKnobs,
    KnobRange,
)
from mula_daemon.engine.code_policy import CodePolicy
from mula_daemon.engine.frame_loop import FrameLoop, PromptTokens
from mula_daemon.engine.lm import LanguageModel
from mula_daemon.engine.mini import tags, tokenizer, tokens
from mula_daemon.engine.mini.synth.synthesiser import Synthesiser, warm_up
from mula_daemon.engine.mini.weights import load_mini
from mula_daemon.engine.sampling import KnobTensors
from mula_daemon.engine.static_model import StaticModel

SAMPLE_RATE: Final = 48_000
THREADS: Final = 1
"""Its matrices are so small that a second thread costs more than it brings; the other core
stays free for OSC and sound."""

MAX_BARS: Final = 60
"""960 frames; with the longest prompt they fill the positions that the model was trained on."""

POLICY: Final = CodePolicy(valid=[tokens.codes_in(book) for book in range(len(tokens.INSTRUMENTS))])
"""Clips are bar-exact: nothing ends them early, and only codes with a meaning are drawn."""


class MiniEngine:
    """A frame is one sixteenth; honours every frame knob, and morph between two prompts."""

    def __init__(self) -> None:
        self._model: StaticModel | None = None
        self.bytes_per_frame = 0
        """Weights read from memory for one frame, in bytes; known once warm."""
        self.info = _info(sha256="")

    def warm_up(self) -> None:
        """Load the weights and the sounds, and play one bar to nobody."""
        torch.set_num_threads(THREADS)
        try:
            model, facts = load_mini()
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"the built-in model's weights cannot be read ({error}); reinstall mulabridge"
            ) from error
        self._model = StaticModel(model)
        self.bytes_per_frame = _bytes_per_frame(model)
        self.info = _info(sha256=str(facts["sha256"]))
        warm_up()
        for _ in self.generate(ClipRequest("warm-up", (), (0,), bars=1), FrameKnobs):
            pass

    def generate(
        self, clip: ClipRequest, knobs: Callable[[], FrameKnobs]
    ) -> Iterator[Frame | AudioBlock]:
        """One frame per sixteenth: sample the codes of every take, then render each take."""
        if self._model is None:
            raise Unavailable("the built-in model is not warm yet")
        total = clip.bars * tokens.STEPS_PER_BAR
        prompts = [_prompt(words) for words in (clip.tags, clip.tags_b) if words] or [_prompt(())]
        loop = FrameLoop(self._model, prompts, clip.seeds, total, policy=POLICY)
        loop.prefill()
        synthesisers = [Synthesiser(clip.bpm, clip.key, seed, SAMPLE_RATE) for seed in clip.seeds]
        tensors = KnobTensors.create()
        for index in range(total):
            started = perf_counter_ns()
            now = knobs()
            tensors.load(cfg=now.cfg, temperature=now.temperature, top_k=now.top_k, morph=now.morph)
            codes = loop.step(tensors, tokenizer.clock_id(index))  # [takes, codebooks]
            rows = tuple(tuple(row) for row in codes.tolist())
            yield Frame(clip.job, index, total, rows, now, started)
            for take, synthesiser in enumerate(synthesisers):
                samples = synthesiser.render(rows[take], last=index == total - 1)
                yield AudioBlock(clip.job, take, samples)


def _bytes_per_frame(model: LanguageModel) -> int:
    """The backbone once, the local decoder once per further codebook, every head once."""
    further = model.config.codebooks - 1
    heads = model.codebook0_head.weight.nbytes + model.audio_head.nbytes
    local = sum(weight.nbytes for weight in model.decoder.parameters())
    local += model.projection.weight.nbytes
    return sum(weight.nbytes for weight in model.backbone.parameters()) + heads + further * local


def _prompt(words: tuple[str, ...]) -> PromptTokens:
    known = tags.parse_tags(words).known
    return PromptTokens(tokenizer.prompt_ids(known), (), tokenizer.clock_id(0))


def _info(sha256: str) -> EngineInfo:
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
        vocabulary=dict(tags.WORDS),
    )
