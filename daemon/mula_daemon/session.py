"""The session: the one writer of knobs, and the one place where jobs move.

One thread runs it. Sources call ``emit`` and the engine's side calls ``post``,
from any thread; both only put into the inbox. Listeners are called on the
session's thread, in the order in which things happened.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from itertools import count
from time import monotonic
from types import MappingProxyType
from typing import Final, Protocol

from mula_bridge.control import Handler, Listener
from mula_bridge.control.messages import (
    DAEMON,
    AudioDevice,
    AudioReport,
    Beat,
    Cancel,
    ClipReady,
    ClockChanged,
    Command,
    EngineChanged,
    EngineState,
    Failed,
    FrameReport,
    Generate,
    Heard,
    KnobLearnt,
    LearnKnob,
    Notice,
    Origin,
    Panic,
    Progress,
    Prompt,
    QueryDump,
    QueryStatus,
    Render,
    Report,
    SetKnob,
    StatusReport,
    Stop,
    StopLearning,
)
from mula_bridge.errors import BadInput, MulaError, Unavailable
from mula_daemon.audio import Speaker
from mula_daemon.engine import ClipRequest, Ended, EngineHost, EngineInfo, Frame
from mula_daemon.jobs import (
    MAX_SEED,
    Act,
    EngineNews,
    Event,
    Inbox,
    Job,
    JobQueue,
    Recorder,
    Remake,
    Remapped,
    Scheduler,
    Shutdown,
    StartRecording,
    frame_values,
)
from mula_daemon.steering import Controls, PresetStore, Steering, checked_lyrics
from mula_daemon.tempo import CLOCK, Conductor

log = logging.getLogger(__name__)

TICK_S: Final = 0.25
MAX_JOB_ID: Final = 64


Rendering = Callable[[str, str], Job]
"""Clip id and job id -> the job that makes the clip again. Raises UnknownName and BadInput."""


class Learning(Protocol):
    """Binds a MIDI control to a knob by touching it. Any thread."""

    def learn(self, knob: str) -> None: ...
    def stop_learning(self) -> None: ...


class Session:
    """Turns commands into settings, jobs and reports."""

    def __init__(
        self,
        controls: Controls,
        host: EngineHost,
        start_recording: StartRecording,
        *,
        presets: PresetStore,
        rendering: Rendering,
        speaker: Speaker | None = None,
        conductor: Conductor | None = None,
        queue_limit: int = 16,
        follow_texts: bool = False,
    ) -> None:
        """``follow_texts``: clips take over tags and lyrics that change while they are made."""
        self._controls = controls
        self._follow_texts = follow_texts
        self._host = host
        self._desk = Steering(controls, presets, self.publish, self._moved)
        self._handlers: list[Handler] = [self._desk]
        self._rendering = rendering
        self._speaker = speaker
        self._conductor = conductor if conductor is not None else Conductor()
        self._inbox: Inbox[Event] = Inbox()
        self._listeners: list[Listener] = []
        self._ticks: list[Callable[[], None]] = []
        self._next_tick = 0.0
        self.on_engine: Callable[[EngineInfo], None] = lambda info: None
        """Called on the session's thread with each engine that became ready."""
        self.learning: Learning | None = None
        """Set before ``start`` where there is MIDI."""
        self._engine_state = EngineState.STARTING
        self._engine_detail = ""
        self._clips = 0
        self._numbers = count(1)
        self._stopping = False
        self._turned = controls.frame_knobs.revision
        self._last_audio: AudioReport | None = None
        self._device: AudioDevice | None = None
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self.recorder = Recorder(self.post, host.abort)
        self._scheduler = Scheduler(
            host, self.recorder, start_recording, self.publish, JobQueue(queue_limit)
        )

    # --- any thread ---------------------------------------------------------------------------

    def emit(self, command: Command, origin: Origin = DAEMON) -> None:
        """Take a command; raises Busy when thousands are waiting already."""
        self._inbox.put(command, origin)

    def post(self, event: Event) -> None:
        """Take an event of the engine's side."""
        self._inbox.put_event(event)

    # --- the thread that owns the daemon ------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Add a listener; from one thread at a time."""
        self._listeners.append(listener)

    def add_handler(self, handler: Handler) -> None:
        """Let ``handler`` see every command that those before it left; before ``start``."""
        self._handlers.append(handler)

    def every_tick(self, tick: Callable[[], None]) -> None:
        """Have ``tick`` called on the session's thread some four times a second; before
        ``start``."""
        self._ticks.append(tick)

    def start(self) -> None:
        """Begin handling what comes in."""
        self._thread.start()
        self._host.turn(self._controls.frame_knobs)

    def stop(self, timeout: float = 0.5) -> None:
        """Handle what waits, and end the thread."""
        self.post(Shutdown())
        self._thread.join(timeout)

    # --- the session's thread -----------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            ticking = self._speaker is not None or self._ticks
            for mail in self._inbox.take(TICK_S if ticking else None):
                if isinstance(mail, tuple):
                    self._obey(*mail)
                else:
                    self._hear(mail)
            self._report_audio()
            self._tick()

    def _obey(self, command: Command, origin: Origin) -> None:
        try:
            self._handle(command, origin)
            self._turn()
        except MulaError as error:
            failed = Failed(origin.address, error.code, str(error))
            self.publish(failed, to=None if origin == DAEMON else origin)
        except Exception:  # a bug must not take the knobs away in the middle of a session
            log.exception("could not handle %s", command)
            self.publish(Failed(origin.address, "internal", "see the daemon's log"), to=origin)

    def _handle(self, command: Command, origin: Origin) -> None:
        if any(handler.handle(command, origin) for handler in self._handlers):
            return
        match command:
            case Generate():
                self.queue(self._job(command), origin)
            case Render(clip, job_id):
                self.queue(self._rendering(clip, self.job_id(job_id)), origin)
            case LearnKnob(name):
                self._learning().learn(name)
            case StopLearning():
                self._learning().stop_learning()
            case Cancel(job_id):
                self._scheduler.cancel(job_id)
            case Stop():
                if self._speaker is not None:
                    self._speaker.stop()
            case Panic():
                self._panic()
            case QueryStatus():
                self.publish(self._status(), to=origin)
            case QueryDump():
                self._dump(origin)

    def _hear(self, event: Event) -> None:
        match event:
            case Frame():
                self._frame(event)
            case ClipReady():
                self._clips += 1
                self.publish(event)
            case Ended():
                self._scheduler.ended(event)
            case EngineNews(state, detail, info):
                self._engine_news(state, detail, info)
            case Act(run):
                self._act(run)
            case AudioDevice():
                self._device = event
                self.publish(event)
            case Failed() | Heard() | KnobLearnt() | Beat() | ClockChanged() | Notice():
                self.publish(event)
            case Remake(job):
                self._reroll(job)
            case Remapped(presets, curve):
                self._desk.remap(presets, curve)
            case Shutdown():
                self._stopping = True

    def _tick(self) -> None:
        if monotonic() < self._next_tick:
            return
        self._next_tick = monotonic() + TICK_S
        for tick in self._ticks:
            self._act(tick)

    def _act(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception:  # as for commands
            log.exception("could not do %s", run)

    def _learning(self) -> Learning:
        if self.learning is None:
            raise Unavailable("MIDI is off, so there is nothing to learn from; start with --midi")
        return self.learning

    # --- knobs --------------------------------------------------------------------------------

    def _moved(self, changed: Sequence[str], origin: Origin) -> None:
        self._turn()
        if "bpm" in changed and origin != CLOCK:
            asked = self._controls.knobs.number("bpm")
            held = self._conductor.set_bpm(asked)
            if held != asked:
                self.emit(SetKnob("bpm", held), CLOCK)
        if "gain_db" in changed and self._speaker is not None:
            self._speaker.gain_db = self._controls.knobs.number("gain_db")

    def _turn(self) -> None:
        """Hand the engine what every next frame is to be sampled with, if it changed."""
        knobs = self._controls.frame_knobs
        if knobs.revision != self._turned:
            self._turned = knobs.revision
            self._host.turn(knobs)

    # --- jobs ---------------------------------------------------------------------------------

    def queue(self, job: Job, origin: Origin) -> None:
        """Queue a job, on the session's thread. Raises Unavailable, Busy and BadInput."""
        if self._engine_state is EngineState.FAILED:
            raise Unavailable(f"there is no engine: {self._engine_detail}")
        self._scheduler.add(job, origin)

    def _reroll(self, job: Job) -> None:
        try:
            self.queue(job, DAEMON)
        except MulaError as error:
            self.publish(Notice(job.id, error.code, f"not made again: {error}"))

    def cancel(self, job_id: str) -> None:
        """Cancel a live job, on the session's thread. Raises UnknownName."""
        self._scheduler.cancel(job_id)

    def job_id(self, asked: str | None) -> str:
        """An id for a new job: the one asked for, or the next number. Raises BadInput."""
        job_id = asked or f"job{next(self._numbers)}"
        if len(job_id) > MAX_JOB_ID or not job_id.isprintable():
            raise BadInput(f"a job id has 1..{MAX_JOB_ID} printable characters")
        return job_id

    def _job(self, command: Generate) -> Job:
        controls = self._controls
        knobs = controls.knobs.turned(**command.overrides)
        seed = int(knobs.number("seed"))
        first = seed if seed >= 0 else secrets.randbelow(MAX_SEED)
        request = ClipRequest(
            job=self.job_id(command.id),
            tags=controls.tags_of(Prompt.A, command.tags),
            tags_b=controls.tags_of(Prompt.B, command.tags_b),
            lyrics=controls.lyrics if command.lyrics is None else checked_lyrics(command.lyrics),
            seeds=tuple((first + take) % MAX_SEED for take in range(int(knobs.number("takes")))),
            bpm=knobs.number("bpm"),
            bars=int(knobs.number("bars")),
            key=str(knobs["key"]),
            pace=knobs.number("pace"),
            follows=controls.texts if self._follow_texts else None,
        )
        return Job(request, dict(knobs))

    def _frame(self, frame: Frame) -> None:
        if not self._scheduler.is_running(frame.job):
            return
        self.publish(
            FrameReport(
                frame.job,
                frame.index,
                frame.total,
                MappingProxyType(frame_values(frame.knobs)),
                frame.knobs.revision,
                frame.started_ns,
            )
        )
        if frame.total:
            self.publish(Progress(frame.job, (frame.index + 1) / frame.total))

    def _panic(self) -> None:
        if self._speaker is not None:
            self._speaker.panic()
        self._scheduler.cancel_all()

    # --- engine and reports -------------------------------------------------------------------

    def _engine_news(self, state: EngineState, detail: str, info: EngineInfo | None) -> None:
        self._engine_state, self._engine_detail = state, detail
        self.publish(EngineChanged(state, detail))
        if info is not None:
            self._engine_detail = info.name
            for note in info.notes:
                self.publish(Notice("", "engine", note))
            self.on_engine(info)
            self._desk.turned(self._controls.fit(info))
            self._host.turn(self._controls.frame_knobs)
            self._scheduler.engine_ready(info)
        elif state is not EngineState.STARTING:
            self._scheduler.engine_lost(detail, for_good=state is EngineState.FAILED)

    def _status(self) -> StatusReport:
        return StatusReport(
            engine=self._engine_detail,
            state=self._engine_state,
            running=self._scheduler.running,
            queued=self._scheduler.queued,
            clips=self._clips,
            underruns=self._last_audio.underruns if self._last_audio else 0,
        )

    def _dump(self, origin: Origin) -> None:
        for handler in self._handlers:
            handler.dump(origin)
        self.publish(EngineChanged(self._engine_state, self._engine_detail), to=origin)
        if self._device is not None:
            self.publish(self._device, to=origin)

    def _report_audio(self) -> None:
        if self._speaker is None:
            return
        report = self._speaker.stats()
        if report != self._last_audio:
            self._last_audio = report
            self.publish(report)

    def publish(
        self, report: Report, *, to: Origin | None = None, but: Origin | None = None
    ) -> None:
        """Send a report on, as `Publish` says; on the session's thread."""
        for listener in self._listeners:
            listener.report(report, to=to, but=but)
