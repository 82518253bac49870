"""The commands of live play: begin, end, capture."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter_ns
from typing import Final, assert_never, get_args

from msgspec import Struct

from mula_bridge.control import BEATS_PER_BAR, Publish
from mula_bridge.control.messages import (
    DAEMON,
    Capture,
    Generate,
    JobChanged,
    JobState,
    Live,
    LiveChanged,
    LiveCommand,
    Notice,
    Origin,
    Panic,
    Report,
    Stop,
)
from mula_bridge.errors import BadInput, MulaError, Unavailable
from mula_daemon.audio import Speaker
from mula_daemon.clips import Warn
from mula_daemon.engine import EngineHost, EngineInfo
from mula_daemon.jobs import MAX_SEED, Job, Jobs
from mula_daemon.live.capture import Capturer
from mula_daemon.live.played import MOST_BARS, Stretch
from mula_daemon.live.recording import LiveRecording, TooSlow
from mula_daemon.live.silence import QUIET_S, FellSilent
from mula_daemon.session import Handler, Mailbox
from mula_daemon.steering import Controls
from mula_daemon.tempo import Conductor

HEAD_START_NS: Final = 150_000_000
"""For the engine to read its prompts, before the first frame's knobs are read..."""
LYRICS_NS: Final = 350_000_000
"""...and so much more for a large one, whose prompts may be lyrics: its lead has no room for it."""
SPARE_NS: Final = 15_000_000
"""For the engine to make a frame: the lead is at least this more than what sound is kept ahead."""
ANEW: Final = "it goes on anew with the next seed"
TRIED: Final = "so are the seeds before it: other tags, or another guidance (cfg), may help"
BY_HAND: Final = "other tags, or off and on again, may help (--reroll does that by itself)"
_ENDS: Final = (JobState.DONE, JobState.CANCELLED, JobState.FAILED)


class GoOn(Struct, frozen=True):
    """Live play is to go on with a new job, the one before having ended."""


class LivePlay(Handler[LiveCommand, FellSilent | GoOn]):
    """A Listener too: at most one endless job, and what is kept of it.

    One that its model ended is followed by another, with the next seed, and so is one that fell
    silent where that is asked for. Session thread only, but for ``heard_ns``.
    """

    commands = get_args(LiveCommand)
    events = (FellSilent, GoOn)

    def __init__(
        self,
        controls: Controls,
        host: EngineHost,
        speaker: Speaker,
        conductor: Conductor,
        capturer: Capturer,
        jobs: Jobs,
        mailbox: Mailbox,
        publish: Publish,
        *,
        lead_ns: int,
        rerolls: int = 0,
    ) -> None:
        """``lead_ns``: how long before it is heard a frame's knobs are read; more where the
        interface needs it. ``rerolls``: how many jobs at most follow one that fell silent, until
        one is heard."""
        self._controls = controls
        self._host = host
        self._speaker = speaker
        self._conductor = conductor
        self._capturer = capturer
        self._jobs = jobs
        self._mailbox = mailbox
        self._publish = publish
        self._lead_ns = lead_ns
        self._count = 0
        self._seed = 0
        self._job = ""
        self._rerolls = rerolls
        self._tries = 0
        """Jobs since one was heard that followed a silent one."""
        self._goes_on = False
        """Whether another job follows the one that ends, or has ended."""
        self.recording: LiveRecording | None = None
        """What runs now; any thread may ask."""
        conductor.listen(self._retime)

    # --- Handler ------------------------------------------------------------------------------

    def handle(self, command: LiveCommand, origin: Origin) -> None:
        """Obey. Raises MulaError."""
        match command:
            case Live(on):
                if on is None or on != self._is_on:
                    self._switch(origin)
                else:
                    self.dump(origin)
            case Capture(bars):
                self._capture(bars, origin)
            case _:
                assert_never(command)

    def hear(self, event: FellSilent | GoOn) -> None:
        """See to it that live play goes on, and is heard."""
        match event:
            case FellSilent(job):
                if job == self._job and self.recording is not None and not self._goes_on:
                    self._mend(self.recording)
            case GoOn():
                if self._goes_on and not self._job:
                    self._go_on()
            case _:
                assert_never(event)

    def hush(self, command: Stop | Panic) -> None:
        """At a panic nothing goes on; what runs is cancelled with all other jobs."""
        if isinstance(command, Panic):
            self._stay_ended()

    def dump(self, origin: Origin) -> None:
        """Tell one origin whether live play is on."""
        self._publish(LiveChanged(self._is_on), to=origin)

    # --- Listener -----------------------------------------------------------------------------

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """See the live job end."""
        if isinstance(report, JobChanged) and report.id == self._job and report.state in _ENDS:
            recording, self._job, self.recording = self.recording, "", None
            failed = report.state is JobState.FAILED
            if report.state is JobState.DONE and recording and recording.silence.sounded:
                self._goes_on = True
                self._say("ended", f"the model ended live play (seed {self._seed}): {ANEW}")
            if self._goes_on and not failed:
                self._mailbox.post(GoOn())
                return
            self._goes_on = False
            self._publish(LiveChanged(False, report.reason if failed else ""))
            if recording is not None and recording.too_slow:
                self._mailbox.pass_on(Generate())

    # --- for the scheduler and the trace ------------------------------------------------------

    def record(self, job: Job, engine: EngineInfo) -> LiveRecording:
        """Set the endless ``job`` going. Raises TooSlow for an engine that cannot play live."""
        if not (engine.frames_per_beat or engine.frame_seconds):
            self._mailbox.pass_on(Generate())
            raise TooSlow(
                f"{engine.name} cannot play live as it is set up here; a clip is made instead"
            )
        lead_ns = self._needed_ns(engine.delay_seconds)
        at_ns = perf_counter_ns() + HEAD_START_NS + lead_ns
        if engine.frame_seconds:
            at_ns += LYRICS_NS
        line = self._conductor.bars
        if line is not None:
            at_ns = line.next(BEATS_PER_BAR, at_ns)
        self.recording = LiveRecording(
            job,
            engine,
            self._speaker,
            self._host.pace,
            at_ns=at_ns,
            lead_ns=lead_ns,
            needed_ns=self._needed_ns,
            fell_silent=lambda: self._mailbox.post(FellSilent(job.id)),
            line=lambda: self._conductor.bars,
        )
        self._publish(LiveChanged(True))
        return self.recording

    def heard_ns(self, job: str, frame: int) -> int | None:
        """When a frame of live play is heard, if that is known. Any thread."""
        recording = self.recording
        if recording is None or recording.job.id != job:
            return None
        return recording.heard_ns(frame)

    def ahead_ns(self) -> int:
        """How long before it is heard a knob has to be turned at the latest, for what waits for a
        beat: 0 while no live play runs. Any thread."""
        recording = self.recording
        return 0 if recording is None else recording.lead_ns + recording.burst_ns

    # --- inside -------------------------------------------------------------------------------

    def _needed_ns(self, delay_seconds: float) -> int:
        """How long before it is heard a frame's knobs are read, of an engine with that delay."""
        delay_ns = round(delay_seconds * 1e9)
        return max(self._lead_ns, self._speaker.ahead_ns + SPARE_NS + delay_ns)

    def _retime(self) -> None:
        """The session's beat has changed: let the frames to come follow it. Any thread."""
        recording = self.recording
        if recording is not None:
            recording.retime()

    @property
    def _is_on(self) -> bool:
        return bool(self._job) or self._goes_on

    def _switch(self, origin: Origin) -> None:
        if self._is_on:
            self._stay_ended()
            if self._job:
                self._jobs.cancel(self._job, origin)
        else:
            self._tries = 0
            self._begin(origin)

    def _stay_ended(self) -> None:
        """Let no other job follow, not even one that has ended."""
        ended = self._goes_on and not self._job
        self._goes_on = False
        if ended:
            self._publish(LiveChanged(False))

    def _go_on(self) -> None:
        self._goes_on = False
        try:
            self._begin(DAEMON, after=self._seed)
        except MulaError as error:
            self._publish(LiveChanged(False, str(error)))

    def _mend(self, recording: LiveRecording) -> None:
        """Say that nothing is heard of it, and let another one follow if that is asked for."""
        if recording.silence.sounded:
            self._tries = 0
        self._goes_on = self._tries < self._rerolls
        remedy = ANEW if self._goes_on else TRIED if self._tries else BY_HAND
        self._say(
            Warn.FALLS_SILENT,
            f"live play (seed {self._seed}) has been near-silent for {QUIET_S:.0f} s: {remedy}",
        )
        if self._goes_on:
            self._tries += 1
            self._jobs.cancel(self._job)

    def _say(self, code: str, text: str) -> None:
        self._publish(Notice(f"live{self._count}", code, text))

    def _begin(self, origin: Origin, after: int | None = None) -> None:
        """``after``: the seed is the next one after this."""
        self._count += 1
        job = self._jobs.asked(Generate(f"live{self._count}"))
        self._seed = job.request.seeds[0]
        if after is not None:
            self._seed = (after + 1) % MAX_SEED
            job.knobs = {**job.knobs, "seed": self._seed}
        job.request = replace(
            job.request,
            seeds=(self._seed,),
            bars=1,
            pace=0.0,
            follows=self._controls.texts,
            endless=True,
        )
        self._job = job.id
        try:
            self._jobs.queue(job, origin, self.record)
        except MulaError:
            self._job = ""
            raise

    def _stretch(self, recording: LiveRecording, bars: int) -> Stretch:
        """Raises Unavailable before the first bar has been heard."""
        engine, heard = recording.engine, recording.heard()
        if engine.frames_per_beat:
            return recording.played.bars(bars, heard)
        bpm = self._controls.knobs.number("bpm")
        bar = recording.job.request.beats_per_bar * 60 * engine.sample_rate / bpm
        return recording.played.newest(bars, bar, bpm, heard)

    def _capture(self, bars: int | None, origin: Origin) -> None:
        recording = self.recording
        if recording is None:
            raise Unavailable("live play is off, so there is nothing to capture: /mula/live 1")
        count = int(self._controls.knobs.number("bars")) if bars is None else bars
        if not 1 <= count <= MOST_BARS:
            if bars is not None:
                raise BadInput(f"capture takes 1 to {MOST_BARS} bars, not {bars}")
            count = MOST_BARS
        stretch = self._stretch(recording, count)
        texts = recording.texts_at(stretch.frames[0].frame.index)
        self._capturer.keep(stretch, recording.job, recording.engine, texts, origin)
        # The clip is one of this job's, of which whoever captures need not have asked for.
        self._publish(JobChanged(recording.job.id, JobState.RUNNING), to=origin)
