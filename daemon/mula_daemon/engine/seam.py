"""The engine seam: what every model looks like from outside. Imports no torch.

Requests, frames and blocks are plain data (numbers, strings, tuples, one numpy
array), so that the engine can live in a child process today and on another
machine later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

from mula_bridge.control import Effect
from mula_bridge.control.messages import Notice
from mula_daemon.audio import Samples


@dataclass(frozen=True, slots=True)
class KnobRange:
    """The part of a knob's range that an engine honours, and when it takes effect."""

    minimum: float
    maximum: float
    effect: Effect


@dataclass(frozen=True, slots=True)
class Texts:
    """What a model is asked for in words. ``tags_b`` empty: no second prompt to morph to."""

    tags: tuple[str, ...] = ()
    tags_b: tuple[str, ...] = ()
    lyrics: str = ""

    def parts(self) -> dict[str, str]:
        """Each of the three as one text, by name; tags hold no commas of their own."""
        return {
            "tags": ", ".join(self.tags),
            "tags_b": ", ".join(self.tags_b),
            "lyrics": self.lyrics,
        }

    def with_part(self, name: str, text: str) -> Texts:
        """The same but for one of `parts`. Raises KeyError for another name."""
        parts = self.parts()
        if name not in parts:
            raise KeyError(name)
        parts[name] = text
        tags, tags_b = (
            tuple(tag.strip() for tag in parts[each].split(",") if tag.strip())
            for each in ("tags", "tags_b")
        )
        return Texts(tags, tags_b, parts["lyrics"])


NO_TEXTS: Final = Texts()


@dataclass(frozen=True, slots=True)
class FrameKnobs:
    """The knob values one frame is sampled with, and the revision they belong to.

    The session counts ``revision`` up with every change, so a report that carries
    it tells which changes had arrived. ``texts`` are those set now (None: never any); in the
    report of a frame, those that came into force with it (None: they stayed).
    """

    revision: int = 0
    cfg: float = 1.5
    temperature: float = 1.0
    top_k: int = 50
    morph: float = 0.0
    texts: Texts | None = None
    bpm: float = 0.0
    """The tempo of a frame of live play; 0 for the request's own. A clip keeps its tempo."""


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """One job, as an engine gets it: one clip, or one take per seed.

    ``tags_b`` empty means that there is no second prompt to morph to. ``pace`` is
    generation speed in multiples of real time, 0 for as fast as possible.
    ``performance`` replays knobs, as (frame, values from there on), in place of live ones.
    ``follows`` are the texts that were set when the job was asked for: whatever is set
    differently while it runs is taken over. None: its own texts stay.
    """

    job: str
    tags: tuple[str, ...]
    seeds: tuple[int, ...]
    bpm: float = 120.0
    bars: int = 4
    key: str = "Amin"
    beats_per_bar: int = 4
    tags_b: tuple[str, ...] = ()
    lyrics: str = ""
    pace: float = 0.0
    performance: tuple[tuple[int, FrameKnobs], ...] = ()
    follows: Texts | None = None
    endless: bool = False
    """Live play: there is no last frame, ``bars`` means nothing, and every frame waits until the
    ear is near enough (see ``Pace``). For engines with ``frames_per_beat`` or
    ``frame_seconds``."""

    spare_bars: int = 0
    """Made beyond ``bars``, for what is to be cut to whole bars of another tempo."""

    @property
    def texts(self) -> Texts:
        """The texts that it begins with."""
        return Texts(self.tags, self.tags_b, self.lyrics)

    @property
    def beats(self) -> int:
        """Length in quarter notes."""
        return self.bars * self.beats_per_bar

    def samples(self, sample_rate: int) -> int:
        """Exact length in samples, spare bars and all: beats x 60 / bpm x rate, rounded once."""
        beats = self.beats + self.spare_bars * self.beats_per_bar
        return round(beats * 60 * sample_rate / Fraction(self.bpm))


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled frame of a job.

    ``total`` is 0 where there is no last one; ``codes`` is [takes][codebooks];
    ``started_ns`` is ``perf_counter_ns`` when the knobs were read, just before sampling.
    """

    job: str
    index: int
    total: int
    codes: tuple[tuple[int, ...], ...]
    knobs: FrameKnobs
    started_ns: int


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """The next samples of one take; blocks of a take arrive in order without gaps.

    ``stems`` are the same samples by instrument (`EngineInfo.instruments`), before what is
    done to their sum, float32 [instruments, samples, channels]; None where there are none.

    ``at`` is set in blocks that come after the last one: they take the place of samples
    that were sent before, from that sample of the take on. With them the take becomes a
    loop; live they are of no use. One without ``stems`` leaves the stems as they are.
    """

    job: str
    take: int
    samples: Samples
    stems: Samples | None = None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """How an endless job makes its frames from the next one on, in the words of `EngineInfo`.

    Said by an engine whose work has come to take longer, or less long, than before.
    """

    job: str
    burst_frames: int
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself once it is warm.

    ``vocabulary`` maps every tag word it knows (lower case, with one space for any
    run of spaces, hyphens and underscores) to its canonical form; None means free
    text. ``sha256`` is of the weights, empty where there are none.
    """

    name: str
    version: str
    sample_rate: int
    channels: int
    device: str
    knobs: Mapping[str, KnobRange]
    checkpoint: str = ""
    sha256: str = ""
    vocabulary: Mapping[str, str] | None = None
    instruments: tuple[str, ...] = ()
    """What each codebook plays, where `mini.tokens` says what codes mean: such a clip has
    notes that can be written down, and stems. Empty for every other model."""
    frames_per_beat: int = 0
    """Frames in a quarter, for an engine whose frames follow the tempo and which can play
    endlessly: each frame is followed by one block of its own. 0 for all others."""
    frame_seconds: float = 0.0
    """What a frame lasts, for an engine whose frames follow the clock and not the beat, and which
    can play endlessly: its sound comes in blocks of any length. 0 for all others."""
    burst_frames: int = 1
    """Frames of endless play that are made in a row as soon as the first of them is due, because
    a piece of sound comes of all of them together."""
    delay_seconds: float = 0.0
    """How long before it is heard the first frame of a burst has to be begun: by how much sound
    lags behind its frames, and what computing takes at worst. With ``frame_seconds`` alone."""
    kit: str = ""
    """The fingerprint of the user's own sounds that it plays with; empty for its own."""
    notes: tuple[str, ...] = ()
    """Plain sentences for the start-up log, such as what will not fit."""
    patience_s: float = 120.0
    """Seconds that may pass between two frames, blocks or waits of a warm engine. One that takes
    longer hangs, and is ended and started again."""


Item = Frame | AudioBlock | Notice | Timing
"""What an engine yields."""


class Engine(Protocol):
    """A model that makes clips. Lives in the engine process; one thread calls it."""

    info: EngineInfo

    def warm_up(self) -> None:
        """Load everything and run once, so that the first clip is not slower than the second.

        Raises MulaError with a remedy when the model cannot be had.
        """

    def generate(self, clip: ClipRequest, knobs: Callable[[], FrameKnobs]) -> Iterator[Item]:
        """Generate frame by frame; call ``knobs`` once before each frame.

        Yields each frame's Frame before the audio that it completes, a Notice wherever there is
        something to say, and a Timing, of endless play, between two bursts. Closing the iterator
        cancels. Raises BadInput for a request it cannot honour.
        """
