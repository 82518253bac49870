"""Plays the clip that is on: finds its sound, waits for its beat, hands it to the speaker."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns
from typing import Final, Protocol

from msgspec import Struct

from mula_bridge.control import Errands
from mula_bridge.control.messages import Playing
from mula_bridge.errors import BadInput, MulaError
from mula_daemon.audio import Voice
from mula_daemon.audition.clip_voice import ClipVoice, Place
from mula_daemon.audition.events import ClipUnplayable
from mula_daemon.audition.tape import Tape
from mula_daemon.clips import Library
from mula_daemon.tempo import Timeline

AHEAD_NS: Final = 100_000_000
"""So early the speaker has to be asked for a sound that begins on time."""
MARGIN_SECONDS: Final = 0.06
"""How late a block of a take that is heard from its first one may be."""

_log = logging.getLogger(__name__)


class VoicePlayer(Protocol):
    """The part of the speaker that is needed here. Any thread."""

    @property
    def pulse(self) -> int:
        """Another number whenever it has looked for what to play."""

    def play(self, voice: Voice, at_ns: int | None = None, *, fade_in: bool = False) -> None: ...
    def follow(self, voice: Voice) -> None: ...
    def stop(self, voice: Voice | None = None) -> None: ...


class Start(Struct, frozen=True):
    """How a clip is to begin: on ``quantum`` beats (0: at once), ``join``: in step with what
    is heard now, ``behind``: without a gap when that ends."""

    clip: str
    bpm: float
    loop: bool = False
    gain_db: float = 0.0
    quantum: int = 0
    join: bool = False
    behind: bool = False


class Turntable:
    """One clip at a time. Every method is for any thread, and none waits for the disk.

    Clips are read on ``reader``'s thread, and one that cannot be is posted as ClipUnplayable.
    """

    memory_bytes = 256 << 20
    """For clips that were heard lately or are being written."""

    def __init__(
        self,
        speaker: VoicePlayer,
        library: Library,
        reader: Errands,
        timeline: Callable[[], Timeline],
        post: Callable[[object], None],
    ) -> None:
        self._speaker = speaker
        self._library = library
        self._timeline = timeline
        self._post = post
        self._lock = threading.Lock()
        self._tapes: OrderedDict[str, Tape] = OrderedDict()
        self._voice: ClipVoice | None = None
        self._clip = ""
        self._wish: Start | None = None  # not begun yet
        self._reader = reader

    # --- takes that are being written ---------------------------------------------------------

    def offer(self, clip: str, tape: Tape) -> bool:
        """Let a take be heard while it is written; False when there is no memory for it."""
        with self._lock:
            if sum(one.nbytes for one in self._tapes.values() if not one.whole) > self.memory_bytes:
                return False
            self._keep(clip, tape)
            return True

    def withdraw(self, clip: str) -> None:
        """Forget a take that was given up, and fade out what is heard of it."""
        with self._lock:
            self._tapes.pop(clip, None)
        voice = self.voice_of(clip)
        if voice is not None:
            self._speaker.stop(voice)

    def renew(self, clip: str) -> None:
        """Read a clip from its file when it is played next: that is not what was written."""
        with self._lock:
            self._tapes.pop(clip, None)

    def voice_of(self, clip: str) -> ClipVoice | None:
        """The voice that plays ``clip``, if it is on and not retired."""
        with self._lock:
            voice = self._voice if self._clip == clip else None
        return voice if voice is not None and not voice.retired.is_set() else None

    @property
    def pulse(self) -> int:
        """As the speaker's, which stands still when nothing is played any more."""
        return self._speaker.pulse

    # --- playing ------------------------------------------------------------------------------

    def play(self, start: Start) -> None:
        """Let a clip replace what plays. Of several in a row only the last one is heard."""
        with self._lock:
            self._wish = start
        self._reader.do(partial(self._begin, start))

    def stop(self) -> None:
        """Fade out, if it is a clip that plays."""
        with self._lock:
            voice, self._voice, self._wish = self._voice, None, None
        if voice is not None and not voice.retired.is_set():
            self._speaker.stop()  # also what it was to begin behind

    def set_loop(self, on: bool) -> None:
        """Whether what plays begins again at its end."""
        with self._lock:
            if self._voice is not None:
                self._voice.loop = on

    def set_gain(self, decibels: float) -> None:
        """Turn what plays up or down, gliding."""
        with self._lock:
            if self._voice is not None:
                self._voice.gain.decibels = decibels

    def state(self, now_ns: int) -> tuple[Playing, float]:
        """What it does, and at which beat of the clip it is."""
        with self._lock:
            voice, wish = self._voice, self._wish
        if wish is not None:
            return Playing.WAITING, 0.0
        if voice is None or voice.ended:
            return Playing.STOPPED, 0.0
        if not voice.began:
            return Playing.WAITING, 0.0
        return Playing.PLAYING, voice.place(now_ns)[0]

    # --- the loader's thread ------------------------------------------------------------------

    def _begin(self, start: Start) -> None:
        with self._lock:
            if start is not self._wish:
                return
        try:
            self._play_now(start, self._tape(start.clip))
        except MulaError as error:
            self._give_up(start, str(error))
        except Exception:
            _log.exception("clip %s", start.clip)
            self._give_up(start, "it cannot be played; see the daemon's log")

    def _play_now(self, start: Start, tape: Tape) -> None:
        now = perf_counter_ns()
        at_ns = self._timeline().next(start.quantum, now + AHEAD_NS) if start.quantum else None
        with self._lock:
            if start is not self._wish:
                return
            voice = ClipVoice(
                tape,
                start.bpm,
                loop=start.loop,
                gain_db=start.gain_db,
                join=self._place(now) if start.join else None,
                margin=0.0 if tape.whole or start.quantum or start.behind else MARGIN_SECONDS,
            )
            self._wish, self._voice, self._clip = None, voice, start.clip
            if start.behind:
                self._speaker.follow(voice)
            else:
                self._speaker.play(voice, at_ns, fade_in=start.join)

    def _give_up(self, start: Start, reason: str) -> None:
        with self._lock:
            if start is self._wish:
                self._wish = None
        self._post(ClipUnplayable(start.clip, reason))

    def _place(self, now_ns: int) -> Place | None:
        voice = self._voice
        return voice.place(now_ns) if voice is not None and not voice.ended else None

    def _tape(self, clip: str) -> Tape:
        """Raises UnknownName and BadInput."""
        with self._lock:
            if clip in self._tapes:
                self._tapes.move_to_end(clip)
                return self._tapes[clip]
        path = self._library.find(clip).path
        import soundfile

        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise BadInput(f"{path}: cannot be read: {error}") from error
        if not len(samples):
            raise BadInput(f"{path}: there is no sound in it")
        tape = Tape.of(samples, rate)
        with self._lock:
            self._keep(clip, tape)
        return tape

    def _keep(self, clip: str, tape: Tape) -> None:
        self._tapes[clip] = tape
        self._tapes.move_to_end(clip)
        size = sum(one.nbytes for one in self._tapes.values())
        for old in [one for one, kept in self._tapes.items() if kept.whole and one != clip]:
            if size <= self.memory_bytes:
                break
            size -= self._tapes.pop(old).nbytes
