"""HeartMuLa as an Engine: the language model frame by frame, the codec as a stream.

A frame is 80 ms. The model has no tempo of its own, so where its beats fall is up to it. A clip is
as long as was asked for: it either goes on to there, or is silent from where the model ended it.
Live play goes on for ever, with shorter windows of the codec and its work cut to the time there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import torch

from mula_bridge import __version__
from mula_bridge.control.messages import Notice
from mula_bridge.errors import Unavailable
from mula_daemon.engine.heartmula.checkpoint import (
    load_language_model,
    read_config,
    read_special_ids,
)
from mula_daemon.engine.heartmula.codec import (
    LATENTS_PER_FRAME,
    Arithmetic,
    CodecConfig,
    HeartCodec,
    read_codec_config,
)
from mula_daemon.engine.heartmula.layout import ReleaseLayout, find_layout
from mula_daemon.engine.heartmula.memory_plan import (
    USUAL_POSITIONS,
    Demand,
    Placement,
    Plan,
    Sizes,
    make_plan,
    report,
    shortage,
)
from mula_daemon.engine.heartmula.model.burst_sound import BurstSound
from mula_daemon.engine.heartmula.model.device import (
    free_memory,
    note_on,
    pick_device,
    sizes_of,
)
from mula_daemon.engine.heartmula.model.live_measure import (
    WindowMeasure,
    measure_frames,
)
from mula_daemon.engine.heartmula.model.live_plan import FRAME_S, LivePlan, choose, evenly
from mula_daemon.engine.heartmula.model.prompt import PromptEncoder
from mula_daemon.engine.heartmula.model.sound import CodecLane, DecodedTakes, record_windows
from mula_daemon.engine.heartmula.model.streaming import StreamSettings
from mula_daemon.engine.heartmula.parts import require_sound
from mula_daemon.engine.heartmula.tag_guide import advice
from mula_daemon.engine.lm import (
    AUTO,
    FLAVOURS,
    MAX_TOP_K,
    CodePolicy,
    Flavour,
    LanguageModel,
    LMConfig,
    Player,
    PromptedFrames,
    PromptTokens,
    StaticModel,
    choices,
    go_first,
    knob_ranges,
    precision_of,
    recorder,
)
from mula_daemon.engine.playing import ClipSound, play
from mula_daemon.engine.seam import (
    ClipRequest,
    EngineInfo,
    FrameKnobs,
    Item,
)
from mula_daemon.engine.wording import plain_tags
from mula_daemon.weights import MODEL

REMEDY: Final = (
    "take fewer takes or bars, --precision int8 or int4, or --codec after or cpu; mula doctor says "
    "what fits"
)
OUT_OF_MEMORY: Final = f"out of memory: {REMEDY}"

LIVE_WINDOW: Final = 750
"""Frames between two readings of what was played, in live play: a minute."""
LIVE_KEPT: Final = 375
"""Frames of them that are read again, so that the music knows where it comes from."""

PATIENCE_S: Final = 120.0
SLOW_PATIENCE_S: Final = 1800.0
"""What a long prompt or a window of the codec may take without a card."""


class HeartMulaEngine:
    """Honours every frame knob, and morph between two prompts.

    ``checkpoint`` is the folder of the release (tokenizer.json, gen_config.json, and the two
    model folders). ``device`` is cuda, mps or cpu, or ``auto``: the first GPU with room enough,
    else Apple's, else the CPU. ``precision`` is that of the language model's weights, a name of
    `precision.NAMES`; ``codec`` a `Placement`. Both are chosen by what fits when they are
    ``auto``. ``may_end`` lets the model end a take.
    """

    def __init__(
        self,
        checkpoint: Path,
        *,
        device: str = AUTO,
        precision: str = AUTO,
        codec: str = AUTO,
        stream: StreamSettings | None = None,
        may_end: bool = False,
        flavours: Mapping[str, Flavour] = FLAVOURS,
    ) -> None:
        self._root = checkpoint.expanduser()
        self._asked_device = device
        self._precision = precision
        self._placement = None if codec in ("", AUTO) else Placement(codec)
        self._flavours = flavours
        self._stream = stream or StreamSettings()
        self._live = evenly(self._stream)
        self._flows: Sequence[Arithmetic] = (Arithmetic.LOADED,)
        """How the codec may compute in live play, the most exact first."""
        self._may_end = may_end
        self._device = torch.device("cpu")
        self._player: Player | None = None
        self._codec: HeartCodec | None = None
        self._lane = CodecLane(self._device)
        self._encoder: PromptEncoder | None = None
        self._policy = CodePolicy()
        self._sizes = Sizes()
        self._flow = "float32"
        self._checkpoint = self._root.name
        self.info = self._describe(MAX_TOP_K, 48_000)

    def warm_up(self) -> None:
        """Load language model and codec. Raises Unavailable, naming the file that is to blame."""
        layout = find_layout(self._root)
        require_sound(layout)
        try:
            self._load(layout)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise Unavailable(f"HeartMuLa does not fit: {OUT_OF_MEMORY} ({error})") from error

    def _load(self, layout: ReleaseLayout) -> None:
        ids = read_special_ids(layout.root)
        self._encoder = PromptEncoder.from_file(layout.root / "tokenizer.json", ids)
        if layout.model != self._root and layout.model.name != MODEL:  # not the usual one
            self._checkpoint = f"{self._root.name}/{layout.model.name}"
        self._set_up(
            read_config(layout.model, self._flavours),
            read_codec_config(layout.codec),
            ids.audio_eos,
            partial(load_language_model, layout.model),
            partial(HeartCodec.load, layout.codec),
        )

    def _set_up(
        self,
        config: LMConfig,
        codec_config: CodecConfig,
        audio_eos: int,
        load_model: Callable[[LMConfig, torch.dtype], LanguageModel],
        load_codec: Callable[[torch.device, torch.dtype], HeartCodec],
    ) -> None:
        """Place models of these sizes, and make ready for the first job."""
        self._sizes = sizes_of(config, codec_config)
        precision = self._precision
        self._device = pick_device(self._asked_device)
        note = note_on(self._device, self._asked_device)
        if self._device.type == "cuda":
            plan = self._plan()
            asked = self._placement is not None or precision not in ("", AUTO)
            if plan.fits or asked:  # who names a precision or a placement knows better
                self._placement, precision = plan.placement, plan.precision
                self._flow = plan.flow
            else:
                self._device = torch.device("cpu")
            note = report(plan.budget, plan, self._sizes)
        go_first(self._device)
        found = precision_of(precision, self._device)
        model = load_model(config, found.storage(self._device))
        packed = StaticModel(model, self._device, found, release=True)
        self._player = Player(packed, recorder(self._device))
        self._player.prepare(USUAL_POSITIONS)
        home = self._device if self._placement in (None, Placement.GPU) else torch.device("cpu")
        self._codec = load_codec(home, getattr(torch, self._flow))
        self._lane = CodecLane(self._device if self._placement is Placement.AFTER else home)
        decodable = min(codec_config.codebook_size, audio_eos)
        self._policy = CodePolicy(valid=decodable, eos=audio_eos, may_end=self._may_end)
        notes = [note] if note else []
        if self._placement is not Placement.AFTER:  # where it moves, recordings would not last
            self._codec.record_with(recorder(home))
            self._live = self._plan_live()
            self._codec.graphs.forget()  # what was only measured
            record_windows(self._codec, self._live.settings, self._lane, self._live.windows or ())
            notes += [self._live.words] if self._live.in_bursts else []
        self.info = self._describe(choices(config.audio_vocab), self._codec.sample_rate, *notes)

    def _plan(self) -> Plan:
        free, _ = torch.cuda.mem_get_info()
        named = "" if self._precision in ("", AUTO) else self._precision
        plain, narrow = (
            make_plan(free, self._sizes, precision=named, placement=self._placement, narrow=narrow)
            for narrow in (False, True)
        )
        if self._stream.flow is Arithmetic.BFLOAT16:
            return narrow
        # A copy that live play may want is not worth a coarser model.
        same = (narrow.precision, narrow.placement) == (plain.precision, plain.placement)
        if same and narrow.fits and narrow.flow == plain.flow == "float32":
            self._flows = (Arithmetic.LOADED, Arithmetic.TF32, Arithmetic.BFLOAT16)
            return narrow
        self._flows = (Arithmetic.LOADED, Arithmetic.TF32)
        return plain

    def _require_room(self, clip: ClipRequest, frames: int) -> None:
        """Raises Unavailable for a clip that would run out of the card's memory for sure."""
        assert self._player is not None and self._codec is not None
        both = (clip.tags, clip.tags_b) if clip.tags_b else (clip.tags,)
        prompts = [self._prompt(tags, clip.lyrics, 0) for tags in both]
        settings = self._live.settings if clip.endless else self._stream
        demand = Demand(
            len(clip.seeds),
            frames,
            text=max(len(each.tags_ids) + 1 + len(each.lyrics_ids) for each in prompts),
            prompts=len(prompts),
            rereads=clip.endless,
            live=clip.endless,
            latents=LATENTS_PER_FRAME * max(settings.first, settings.context + settings.hop),
        )
        flow = "" if self._codec.device.type == "cpu" else self._flow
        for is_tidied in (False, True):
            free = free_memory(self._device)
            if free is None:
                return
            lent = self._player.keeps(demand.takes, demand.rows, demand.read_slots, clocked=False)
            precision = self._player.model.precision
            lack = shortage(demand, self._sizes, precision, flow, free, lent=lent)
            if not lack:
                return
            if not is_tidied:  # what lies there for a next job may be in the way of this one
                self._player.forget()
                self._tidy()
        raise Unavailable(f"{lack}; {REMEDY}")

    def _plan_live(self) -> LivePlan:
        """What live play is to do here, by what a frame and windows take."""
        try:
            plan = self._measured()
        except (torch.OutOfMemoryError, MemoryError):  # clips may do with less
            plan = evenly(self._stream)
        assert self._codec is not None
        if plan.settings.flow is not Arithmetic.BFLOAT16:
            self._codec.flow.forget()
        return plan

    def _measured(self) -> LivePlan:
        assert self._player is not None and self._codec is not None
        clip = ClipRequest("warm", ("techno",), (0,), endless=True)
        maker = PromptedFrames(
            self._player, clip, self._prompt, LIVE_WINDOW, policy=self._policy, keep=LIVE_KEPT
        )
        frame_s = measure_frames(lambda: maker.make(FrameKnobs()))
        flows = self._flows if self._codec.device.type == "cuda" else (Arithmetic.LOADED,)
        measure = WindowMeasure(self._codec, self._lane)
        return choose(self._stream, frame_s, measure, flows)

    def generate(self, clip: ClipRequest, knobs: Callable[[], FrameKnobs]) -> Iterator[Item]:
        """One frame every 80 ms of sound; audio comes in pieces, as the codec's windows fill."""
        if self._player is None or self._codec is None:
            raise Unavailable("HeartMuLa is not warm yet")
        length = None if clip.endless else clip.samples(self.info.sample_rate)
        # Frames of 2/25 s, rounded up; 0: for ever.
        total = 0 if length is None else -(-length * 25 // (self.info.sample_rate * 2))
        self._require_room(clip, total or LIVE_WINDOW)
        for sentence in advice(clip.tags):
            yield Notice(clip.job, "tags", sentence)
        try:
            yield from play(
                clip,
                total,
                knobs,
                PromptedFrames(
                    self._player,
                    clip,
                    self._prompt,
                    total or LIVE_WINDOW,
                    # Live play has no end, whatever a clip may do.
                    policy=replace(self._policy, may_end=self._may_end and not clip.endless),
                    keep=LIVE_KEPT if clip.endless else None,
                ),
                self._sound(self._codec, clip, length),
            )
        except (torch.OutOfMemoryError, MemoryError) as error:
            self._player.forget()
            raise Unavailable(f"the clip is {OUT_OF_MEMORY}") from error
        finally:
            self._tidy()

    def _prompt(self, tags: Sequence[str], lyrics: str, _frame: int) -> PromptTokens:
        """This model has no clock."""
        assert self._encoder is not None
        # As the training prompts were written: parted by commas alone.
        return self._encoder.encode(",".join(plain_tags(tags)), lyrics)

    def _sound(self, codec: HeartCodec, clip: ClipRequest, length: int | None) -> ClipSound:
        live = self._live if clip.endless else None
        settings = self._stream if live is None else live.settings
        after = self._placement is Placement.AFTER
        fetch = self._fetch if after else None
        takes = DecodedTakes(clip, codec, settings, self._lane, length, fetch)
        if live is None or not live.in_bursts:
            return takes
        return BurstSound(clip.job, takes, live)

    def _fetch(self) -> None:
        """Let the codec take the place of the caches."""
        assert self._player is not None and self._codec is not None
        self._player.forget()
        self._tidy()
        self._codec.to(self._device)

    def _tidy(self) -> None:
        """Give back what only the clip needed; the weights stay."""
        if self._placement is Placement.AFTER and self._codec is not None:
            self._lane.wait()  # a clip that was cancelled may still be decoded
            self._codec.to("cpu")
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _describe(self, top_k: int, sample_rate: int, *notes: str) -> EngineInfo:
        return EngineInfo(
            name="heartmula",
            version=__version__,
            sample_rate=sample_rate,
            channels=2,
            device=self._device.type,
            knobs=knob_ranges(top_k),
            checkpoint=self._checkpoint,
            # A codec that comes after the last frame cannot be heard before it.
            frame_seconds=0.0 if self._placement is Placement.AFTER else FRAME_S,
            burst_frames=self._live.burst_frames,
            delay_seconds=self._live.delay_s,
            notes=notes,
            patience_s=PATIENCE_S if self._device.type == "cuda" else SLOW_PATIENCE_S,
        )
