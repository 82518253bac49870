"""The built-in model as an Engine: HeartMuLa's loop at a small size, and a synthesiser.

The tags go into the prompt and nowhere else; the synthesiser hears codes only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import torch

from mula_bridge import __version__
from mula_bridge.control import BEATS_PER_BAR, Effect
from mula_bridge.errors import BadInput, Unavailable
from mula_daemon.engine.lm import (
    CodePolicy,
    LanguageModel,
    Player,
    PromptedFrames,
    PromptTokens,
    StaticModel,
    knob_ranges,
)
from mula_daemon.engine.mini import tags, tokens, vocabulary
from mula_daemon.engine.mini.model.weights import load_mini
from mula_daemon.engine.mini.synth import ClipRenderer, Kit, RenderedSound, Synthesiser, warm_up
from mula_daemon.engine.playing import MadeFrame, play
from mula_daemon.engine.seam import (
    AudioBlock,
    ClipRequest,
    EngineInfo,
    FrameKnobs,
    Item,
    KnobRange,
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

    def generate(self, clip: ClipRequest, knobs: Callable[[], FrameKnobs]) -> Iterator[Item]:
        """One frame per sixteenth, and with each the sound of every take.

        Texts that change while it runs are heard from the next bar on.
        Blocks that make loops of the takes come at the end.
        """
        if self._player is None:
            raise Unavailable("the built-in model is not warm yet")
        total = 0 if clip.endless else clip.bars * tokens.STEPS_PER_BAR
        frames = PromptedFrames(
            self._player,
            clip,
            _prompt,
            total or LIVE_WINDOW,
            policy=POLICY,
            clock=vocabulary.clock_id,
            every=tokens.STEPS_PER_BAR,
            keep=LIVE_KEPT if clip.endless else None,
            align=vocabulary.CLOCKS,
        )
        stems = self._stems and not clip.endless
        renderers = [
            ClipRenderer(
                Synthesiser(clip.bpm, clip.key, seed, SAMPLE_RATE, self._kit), total, stems=stems
            )
            for seed in clip.seeds
        ]
        return play(clip, total, knobs, frames, RenderedTakes(clip, renderers))


class RenderedTakes:
    """The sound of all takes of ``clip``, a renderer each."""

    def __init__(self, clip: ClipRequest, renderers: Sequence[ClipRenderer]) -> None:
        self._clip = clip
        self._bpm = clip.bpm
        self._renderers = renderers

    def add(self, frame: MadeFrame, _made_s: float) -> Iterator[AudioBlock]:
        """A sixteenth of each take."""
        news = frame.knobs.bpm != self._bpm
        self._bpm = frame.knobs.bpm
        for take, renderer in enumerate(self._renderers):
            if news:
                renderer.retune(self._bpm)
            yield self._block(take, renderer.render(frame.codes[take]))

    def rest(self) -> Iterator[AudioBlock]:
        """What makes loops of the takes."""
        for take, renderer in enumerate(self._renderers):
            for sound in renderer.seam():
                yield self._block(take, sound, at=sound.at)

    def _block(self, take: int, sound: RenderedSound, at: int | None = None) -> AudioBlock:
        return AudioBlock(self._clip.job, take, sound.mix, sound.stems, at)


def _bytes_per_frame(model: LanguageModel) -> int:
    """The backbone once, the local decoder once per further codebook, every head once."""
    further = model.config.codebooks - 1
    heads = model.codebook0_head.weight.nbytes + model.audio_head.nbytes
    local = sum(weight.nbytes for weight in model.decoder.parameters())
    local += model.projection.weight.nbytes
    return sum(weight.nbytes for weight in model.backbone.parameters()) + heads + further * local


def _prompt(words: Sequence[str], _lyrics: str, frame: int) -> PromptTokens:
    ids = vocabulary.prompt_ids(tags.parse_tags(words).known)
    return PromptTokens(ids, (), vocabulary.clock_id(frame))


def _info(sha256: str, kit: str = "") -> EngineInfo:
    return EngineInfo(
        name="mini",
        version=__version__,
        sample_rate=SAMPLE_RATE,
        channels=2,
        device="cpu",
        knobs={
            **knob_ranges(tokens.CODES),
            "bars": KnobRange(1, MAX_BARS, Effect.CLIP),
        },
        checkpoint="mini",
        sha256=sha256,
        kit=kit,
        vocabulary=dict(tags.WORDS),
        instruments=tokens.INSTRUMENTS,
        frames_per_beat=tokens.STEPS_PER_BAR // BEATS_PER_BAR,
    )
