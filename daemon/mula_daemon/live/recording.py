"""A live performance while it runs: from the engine to the ear, and into what can be kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import RLock
from time import perf_counter_ns
from typing import Final

import numpy as np

from mula_bridge.errors import Unavailable
from mula_bridge.net import hurry, relax
from mula_daemon.audio import SECOND_NS, Converter, Speaker, check_block
from mula_daemon.engine import AudioBlock, EngineInfo, Frame, Pace, Texts, Timing
from mula_daemon.jobs import Job
from mula_daemon.live.margin import Margin
from mula_daemon.live.played import Played
from mula_daemon.live.silence import SilenceWatch
from mula_daemon.live.voice import LiveVoice
from mula_daemon.tempo import Timeline

MOST_TEXTS: Final = 64
"""Changes of what is played whose place is known; the oldest is forgotten."""
MOST_SILENT: Final = 1024
"""Frames whose sound has not come."""
LATE_FRAMES: Final = 16
"""So many frames that come too late, more than come in time, and the engine is too slow..."""
LATE_BURSTS: Final = 8
"""...but not before so many bursts: the first of them make it begin earlier."""
BEHIND_NS: Final = 40_000_000
"""What is late by less than this, and no more so with time, is not too slow."""
ASLEEP_NS: Final = 250_000_000
"""So long between two blocks was nobody awake: the machine slept."""


class TooSlow(Unavailable):
    """The engine cannot play live on this machine."""

    code = "too_slow"


class LiveRecording:
    """What the recorder keeps of an endless job. Engine reader thread, but for what says else."""

    def __init__(
        self,
        job: Job,
        engine: EngineInfo,
        speaker: Speaker,
        pace: Callable[[Pace], None],
        *,
        at_ns: int,
        lead_ns: int,
        needed_ns: Callable[[float], int] | None = None,
        fell_silent: Callable[[], None] = lambda: None,
        line: Callable[[], Timeline | None] = lambda: None,
    ) -> None:
        """Its first sample is heard at ``at_ns`` (perf_counter_ns), and the knobs of the first
        frame of each burst are read ``lead_ns`` before it is heard. ``needed_ns`` gives the lead
        for another delay of the engine, in seconds; None: it stays. ``fell_silent`` is called
        when nothing has been heard of it for long. Its bars keep to those of ``line``."""
        self.job = job
        self.engine = engine
        self.lead_ns = lead_ns
        self._needed_ns = needed_ns
        self._delay_s = engine.delay_seconds
        self._burst_frames = engine.burst_frames
        self._margin = Margin()
        self.burst_ns = self._later_ns()
        """How much later than the first frame of a burst its last one is heard, whose knobs are
        read at about the same time."""
        beats_per_bar = job.request.beats_per_bar
        self.played: Final = Played(
            beats_per_bar * engine.frames_per_beat, frame_seconds=engine.frame_seconds
        )
        self.voice: Final = LiveVoice(engine.sample_rate, self._moved)
        self.silence: Final = SilenceWatch(engine.sample_rate)
        self._fell_silent = fell_silent
        self._speaker = speaker
        self._pace = pace
        self._line = line
        self._moving = RLock()
        self._stereo = Converter(engine.sample_rate, engine.channels, engine.sample_rate, 2)
        self._started = False
        self._waiting: deque[Frame] = deque()  # frames whose sound has not come
        self._rest = np.zeros((0, 2), np.float32)  # sound of less than a frame
        self._frame_samples = round(engine.frame_seconds * engine.sample_rate)
        self.too_slow = False
        """Whether it was given up because the engine fell behind."""
        self._late = 0
        self._in_time = 0, 0  # samples written, and the speaker's time, before anything was late
        self._seen = perf_counter_ns(), speaker.awake_ns  # at the last block
        self._texts: deque[tuple[int, Texts]] = deque([(0, job.request.texts)], maxlen=MOST_TEXTS)
        self._moved(0, at_ns)
        speaker.play(self.voice, at_ns)

    def frame(self, frame: Frame) -> None:
        """Note a frame; its sound follows. Raises Unavailable when it does not."""
        if not self._started:
            self._started = True
            self._in_time = 0, self._speaker.awake_ns
            hurry()  # this thread, as long as it brings what is heard in a moment
        if len(self._waiting) >= MOST_SILENT:
            raise Unavailable(f"{self.engine.name} made {MOST_SILENT} frames without their sound")
        self._waiting.append(frame)
        if frame.knobs.texts is not None:
            self._texts.append((frame.index, frame.knobs.texts))

    def audio(self, block: AudioBlock) -> None:
        """Let sound be heard, and pair it with its frames. Raises TooSlow when it keeps coming
        too late."""
        if block.take or not self._waiting:
            return
        check_block(block.samples, self.engine.channels)
        self._wake_up()
        heard_ns = self.voice.heard_ns(self.voice.written)
        samples = self._stereo.convert(block.samples)
        self.voice.write(samples)
        if self.silence.hear(samples):
            self._fell_silent()
        if self._frame_samples:
            self._rest = np.concatenate([self._rest, samples])
            frames = 0
            while len(self._rest) >= self._frame_samples and self._waiting:
                piece, self._rest = np.split(self._rest, [self._frame_samples])
                self.played.add(self._waiting.popleft(), piece)
                frames += 1
        else:
            self.played.add(self._waiting.popleft(), samples)
            frames = 1
        if heard_ns is not None:
            self._hold(heard_ns - self._speaker.ahead_ns)
        self._weigh(heard_ns, frames)

    def _hold(self, asked_ns: int) -> None:
        """Begin bursts earlier where their sound keeps coming after it was asked for."""
        if self._needed_ns is None or not self._frame_samples:
            return
        if self._margin.note(perf_counter_ns() - asked_ns):
            self._retime(self._needed_ns)

    def _wake_up(self) -> None:
        """Where the machine slept, let all be heard later by as long as it did.

        The engine would hurry to make what nobody can hear any more.
        """
        now, awake = perf_counter_ns(), self._speaker.awake_ns
        then, then_awake = self._seen
        self._seen = now, awake
        slept_ns = now - then - (awake - then_awake)
        if slept_ns > ASLEEP_NS:
            self.voice.delay(slept_ns)

    def _weigh(self, heard_ns: int | None, frames: int) -> None:
        """Give up once frames come too late more often than not, and more and more so: one that
        is late and catches up was kept from working."""
        late = heard_ns is not None and perf_counter_ns() > heard_ns
        self._late = max(0, self._late + (frames if late else -frames))
        if not self._late:
            self._in_time = self.voice.written, self._speaker.awake_ns
        elif self._late >= max(LATE_FRAMES, LATE_BURSTS * self._burst_frames):
            written, then_ns = self._in_time
            made_ns = (self.voice.written - written) * SECOND_NS / self.engine.sample_rate
            took_ns = self._speaker.awake_ns - then_ns
            if made_ns + BEHIND_NS >= took_ns:
                return
            self.too_slow = True
            raise TooSlow(
                f"{self.engine.name} makes {made_ns / took_ns:.2f} s of sound in a second "
                "here, too little to play live; a clip is made instead"
            )

    def heard_ns(self, index: int) -> int | None:
        """perf_counter_ns at which frame ``index`` is heard first, if that is known. Any thread.

        Of frames that last a fixed time it is known before their sound has come.
        """
        first = index * self._frame_samples if self._frame_samples else self.played.first_of(index)
        if first is None:
            return None
        sample, at_ns = self.voice.placed or self._moved_to
        return at_ns + (first - sample) * SECOND_NS // self.engine.sample_rate

    def heard(self) -> int:
        """How many samples have been heard by now. Any thread."""
        if self.voice.placed is None:
            return 0
        sample, at_ns = self.voice.placed
        return sample + (perf_counter_ns() - at_ns) * self.engine.sample_rate // SECOND_NS

    def texts_at(self, index: int) -> Texts:
        """The texts that frame ``index`` was sampled with. Any thread."""
        changes = list(self._texts)
        return next((texts for first, texts in reversed(changes) if first <= index), changes[0][1])

    def timing(self, timing: Timing) -> None:
        """Begin the bursts to come as early as the engine now needs, or as late as it now may:
        nothing of what is heard moves."""
        with self._moving:
            self._delay_s, self._burst_frames = timing.delay_seconds, timing.burst_frames
            self.burst_ns = self._later_ns()
            if self._needed_ns is not None:
                self._retime(self._needed_ns)

    def _retime(self, needed_ns: Callable[[float], int]) -> None:
        with self._moving:
            self.lead_ns = needed_ns(self._delay_s + self._margin.ns / SECOND_NS)
            self._moved(*self._moved_to)

    def _later_ns(self) -> int:
        return round((self._burst_frames - 1) * self.engine.frame_seconds * SECOND_NS)

    def release(self) -> None:
        """Let it end. Any thread."""
        self.voice.finish()

    def finish(self) -> None:
        """Fade out: an endless job has no other end."""
        self.abandon("")

    def abandon(self, reason: str) -> None:
        """Fade out."""
        relax()
        self.voice.finish()
        self._speaker.stop(self.voice)

    def retime(self) -> None:
        """Follow the line as it is now. Any thread."""
        with self._moving:
            self._moved(*self._moved_to)

    def _moved(self, sample: int, at_ns: int) -> None:
        with self._moving:
            self._moved_to = sample, at_ns
            due_ns = at_ns - self.lead_ns
            self._pace(Pace(self.job.id, sample, due_ns, self.lead_ns, self._line()))
