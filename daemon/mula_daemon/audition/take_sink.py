"""Lets a take be heard while it is being written, and holds the engine back to the ear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mula_bridge.control.messages import Notice
from mula_bridge.errors import MulaError
from mula_daemon.audio import Samples, check_block
from mula_daemon.audition.events import TakeAudible, TakeGone, TakeOpened
from mula_daemon.audition.tape import Tape
from mula_daemon.audition.turntable import Turntable
from mula_daemon.clips import Abandoned, Finished, Outcome, Take

LEAD_SECONDS: Final = 0.35
"""How far the take may run ahead of what is heard of it, so that knobs are heard soon."""
STILL_SECONDS: Final = 2.0
"""A speaker that does not even look for sound for so long is not waited for: it is dead."""
_NAP_SECONDS: Final = 0.01


class TakeSink:
    """The sink from a take to the deck; one for each take. As all sinks (see `Sink`).

    ``post`` is handed the take's events on the writer's thread.
    """

    def __init__(
        self, turntable: Turntable, post: Callable[[object], None], *, lead: float = LEAD_SECONDS
    ) -> None:
        self._turntable = turntable
        self._post = post
        self._lead = lead
        self._take: Take | None = None
        self._tape: Tape | None = None
        self._released = False

    def open(self, take: Take) -> None:
        """Begin a take."""
        if self._take is not None:
            raise RuntimeError("a take is already open")
        self._take, self._released = take, False
        try:
            tape = Tape(take.engine.sample_rate, take.samples)
            self._tape = tape if self._turntable.offer(take.id, tape) else None
        except MemoryError:  # its file needs less
            self._tape = None
        self._post(TakeOpened(take))

    def write(self, samples: Samples) -> None:
        """Add the next samples; waits while the take is heard and too far ahead of that, but
        for a speaker that is dead.

        Raises MulaError for samples that cannot be played, or for more of them than the
        take has.
        """
        take, tape = self._take, self._tape
        if take is None:
            raise RuntimeError("no take is open")
        check_block(samples, take.engine.channels)
        if tape is None:  # there was no memory for it
            return
        if tape.filled + len(samples) > tape.total:
            raise MulaError(f"the engine sent more than the take's {tape.total} samples")
        first = not tape.filled
        tape.append(samples)
        if first and len(samples):
            self._post(TakeAudible(take))
        self._wait(take, tape)

    def close(self, outcome: Outcome) -> None:
        """End the take: a finished one plays on, one that was given up ends where it is."""
        take, tape, self._take, self._tape = self._take, self._tape, None, None
        if tape is not None:
            for block in outcome.seam if isinstance(outcome, Finished) else ():
                if block.at is not None:  # the loop is heard as it is in the file
                    tape.overwrite(block.at, block.samples)
            tape.close()
        if take is not None and isinstance(outcome, Abandoned):
            self._turntable.withdraw(take.id)
            self._post(TakeGone(take))

    def heard_ns(self, job: str, frame: int) -> int | None:
        """perf_counter_ns at which a frame of the open take is heard first, if that is known.

        For an engine whose frames follow the tempo; of others one frame may sound over several.
        Any thread.
        """
        take = self._take
        if take is None or take.request.job != job or not take.engine.frames_per_beat:
            return None
        voice = self._turntable.voice_of(take.id)
        if voice is None:
            return None
        frames = take.request.beats * take.engine.frames_per_beat
        return voice.heard_ns(round(frame * take.samples / frames))

    def release(self) -> None:
        """Hold the writer back no more, until the next ``open``; from any thread."""
        self._released = True

    def _wait(self, take: Take, tape: Tape) -> None:
        lead = self._lead * tape.rate
        still, pulse = 0, self._turntable.pulse
        while not self._released and not tape.whole:
            voice = self._turntable.voice_of(take.id)
            if voice is None or tape.filled - voice.taken <= lead:
                return
            voice.retired.wait(_NAP_SECONDS)
            # In looks, not by a clock: a machine that slept has a speaker.
            before, pulse = pulse, self._turntable.pulse
            still = 0 if pulse != before else still + 1
            if still * _NAP_SECONDS >= STILL_SECONDS:
                self._released = True
                words = f"nothing is played any more: {take.id} is written without being heard"
                self._post(Notice(take.request.job, "audio", f"{words}; restart mula run"))
