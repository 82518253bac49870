"""The commands about jobs: generate, render, cancel; and what the engine makes of them."""

from __future__ import annotations

import secrets
from itertools import count
from types import MappingProxyType
from typing import assert_never, get_args

from mula_bridge.control import Publish, checked_name
from mula_bridge.control.messages import (
    DAEMON,
    Cancel,
    ClipReady,
    EngineChanged,
    EngineState,
    FrameReport,
    Generate,
    JobCommand,
    Notice,
    Origin,
    Panic,
    Progress,
    Prompt,
    QueryStatus,
    Render,
    StatusReport,
    Stop,
)
from mula_bridge.errors import MulaError, Unavailable
from mula_daemon.audio import Speaker
from mula_daemon.clips import Catalogue, replay_request
from mula_daemon.engine import ClipRequest, Ended, EngineHost, Frame
from mula_daemon.jobs.guards import Remake
from mula_daemon.jobs.queue import MAX_SEED, Job, JobQueue
from mula_daemon.jobs.recorder import EngineNews, Recorder
from mula_daemon.jobs.recording import frame_values
from mula_daemon.jobs.scheduler import Record, Scheduler
from mula_daemon.session import Handler
from mula_daemon.steering import Steering, checked_lyrics

JobEvent = EngineNews | Frame | Ended | ClipReady | Remake


class Jobs(Handler[JobCommand, JobEvent]):
    """Queues jobs, runs them on the engine, and says how they fare."""

    commands = get_args(JobCommand)
    events = get_args(JobEvent)

    def __init__(
        self,
        host: EngineHost,
        recorder: Recorder,
        record: Record,
        catalogue: Catalogue,
        steering: Steering,
        publish: Publish,
        speaker: Speaker,
        *,
        queue_limit: int = 16,
        follow_texts: bool = False,
    ) -> None:
        """``record`` begins the recording of a job that makes clips. ``follow_texts``: clips take
        over tags and lyrics that change while they are made."""
        self._steering = steering
        self._record = record
        self._catalogue = catalogue
        self._publish = publish
        self._speaker = speaker
        self._follow_texts = follow_texts
        self._queue = JobQueue(queue_limit)
        self._scheduler = Scheduler(host, recorder, publish, self._queue)
        self._state = EngineState.STARTING
        self._detail = ""
        self._clips = 0
        self._numbers = count(1)

    # --- for the session ----------------------------------------------------------------------

    def handle(self, command: JobCommand, origin: Origin) -> None:
        """Obey. Raises MulaError."""
        match command:
            case Generate():
                self.queue(self.asked(command), origin)
            case Render(clip, job_id):
                recipe = self._catalogue.find(clip).recipe
                request = replay_request(recipe, self.job_id(job_id))
                self.queue(Job(request, dict(recipe.knobs.initial)), origin)
            case Cancel(job_id):
                self.cancel(job_id, origin)
            case QueryStatus():
                self._publish(self._status(), to=origin)
            case _:
                assert_never(command)

    def hear(self, event: JobEvent) -> None:
        """Take what the engine's side has to say."""
        match event:
            case Frame():
                self._frame(event)
            case Ended():
                self._scheduler.ended(event)
            case EngineNews():
                self._engine_news(event)
            case ClipReady():
                self._clips += 1
                self._publish(event)
            case Remake(job):
                try:
                    self.queue(job, job.origin)
                except MulaError as error:
                    said = Notice(job.id, error.code, f"not made again: {error}")
                    self._publish(said, by=job.origin)
            case _:
                assert_never(event)

    def hush(self, command: Stop | Panic) -> None:
        """At a panic, cancel every job."""
        if isinstance(command, Panic):
            self._scheduler.cancel_all()

    def dump(self, origin: Origin) -> None:
        """Tell one origin how the engine is."""
        self._publish(EngineChanged(self._state, self._detail), to=origin)

    # --- for other handlers -------------------------------------------------------------------

    def queue(self, job: Job, origin: Origin, record: Record | None = None) -> None:
        """Queue a job that is recorded by ``record``, or else as clips.

        Raises Unavailable, Busy and BadInput.
        """
        if self._state is EngineState.FAILED:
            raise Unavailable(f"there is no engine: {self._detail}")
        job.origin = origin
        self._scheduler.add(job, record or self._record, origin)

    def cancel(self, job_id: str | None, origin: Origin = DAEMON) -> None:
        """Cancel a live job, or the running one. Raises UnknownName."""
        self._scheduler.cancel(job_id, origin)

    def job_id(self, asked: str | None) -> str:
        """An id for a new job: the one asked for, or the next number. Raises BadInput."""
        return checked_name(asked, "a job id") if asked else f"job{next(self._numbers)}"

    def asked(self, command: Generate) -> Job:
        """The job that a command means, as everything is set now. Raises MulaError."""
        controls = self._steering.controls
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

    # --- inside -------------------------------------------------------------------------------

    @property
    def _running(self) -> str:
        """Id of the running job, or an empty string."""
        return self._queue.running.id if self._queue.running is not None else ""

    def _frame(self, frame: Frame) -> None:
        if not self._scheduler.begun(frame.job):
            return
        self._publish(
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
            self._publish(Progress(frame.job, (frame.index + 1) / frame.total))

    def _engine_news(self, news: EngineNews) -> None:
        self._state, self._detail = news.state, news.detail
        self._publish(EngineChanged(news.state, news.detail))
        if news.info is not None:
            self._detail = news.info.name
            for note in news.info.notes:
                self._publish(Notice("", "engine", note))
            try:
                self._steering.fit(news.info)
            finally:  # whatever that met, what waits has waited for this
                self._scheduler.engine_ready(news.info)
        elif news.state is not EngineState.STARTING:
            self._scheduler.engine_lost(news.detail, for_good=news.state is EngineState.FAILED)

    def _status(self) -> StatusReport:
        return StatusReport(
            engine=self._detail,
            state=self._state,
            running=self._running,
            queued=len(self._queue.waiting),
            clips=self._clips,
            underruns=self._speaker.underruns,
        )
