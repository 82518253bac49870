"""Runs the jobs of the queue on the engine, one after another. Session thread only."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mula_bridge.control import Publish
from mula_bridge.control.messages import DAEMON, JobChanged, JobState, Origin
from mula_bridge.errors import MulaError
from mula_daemon.engine import Ended, EngineHost, EngineInfo
from mula_daemon.jobs.queue import Job, JobQueue
from mula_daemon.jobs.recorder import JobRecording, Recorder

_log = logging.getLogger(__name__)

Record = Callable[[Job, EngineInfo], JobRecording]
"""Begins the recording of a job that is about to run. Raises MulaError."""


class Scheduler:
    """Moves jobs through their states and says so; a job waits while there is no engine."""

    def __init__(
        self,
        host: EngineHost,
        recorder: Recorder,
        publish: Publish,
        jobs: JobQueue,
    ) -> None:
        self._host = host
        self._recorder = recorder
        self._publish = publish
        self._jobs = jobs
        self._records: dict[str, Record] = {}
        self._engine: EngineInfo | None = None

    def add(self, job: Job, record: Record, origin: Origin = DAEMON) -> None:
        """Queue a job, and run it if nothing else does. Raises Busy and BadInput.

        ``record`` begins its recording. ``origin`` hears that it is queued, and under which
        id, even if it listens to nothing else.
        """
        self._jobs.add(job)
        self._records[job.id] = record
        self._publish(JobChanged(job.id, JobState.QUEUED), by=origin)
        self._start_next()

    def cancel(self, job_id: str | None, origin: Origin = DAEMON) -> None:
        """Cancel a live job, or the running one (if any). Raises UnknownName.

        ``origin`` hears how the job is, and so how it ends.
        """
        job = self._jobs.running if job_id is None else self._jobs.find(job_id)
        if job is None:
            return
        if origin != DAEMON:
            self._publish(JobChanged(job.id, job.state), to=origin)
        if job.state is JobState.QUEUED:
            self._end(job, JobState.CANCELLED)
            return
        job.unwanted = True
        # The engine stops at its next frame and says Ended; a full sink must not keep it.
        self._host.abort(job.id)
        self._recorder.release(job.id)

    def cancel_all(self) -> None:
        """Cancel every live job, the waiting ones first so that none of them starts."""
        for job in reversed(self._jobs.alive()):
            self.cancel(job.id)

    def begun(self, job_id: str) -> bool:
        """Take note of a frame; whether it is one of the running job."""
        job = self._jobs.running
        if job is None or job.id != job_id:
            return False
        job.begun = True
        return True

    def ended(self, ended: Ended) -> None:
        """Take the engine's word that a job came to its end."""
        job = self._jobs.running
        if job is not None and job.id == ended.job:
            self._end(job, ended.state, ended.reason)

    def engine_ready(self, engine: EngineInfo) -> None:
        """Begin with what waits."""
        self._engine = engine
        self._start_next()

    def engine_lost(self, reason: str, *, for_good: bool) -> None:
        """End the running job; fail the waiting ones too if no engine will come back.

        One that had not made a frame yet is the next to run, once: it may be what ends engines.
        """
        self._engine = None
        running = self._jobs.running
        if running is not None:
            # It may have begun in the moment of the loss, when others had been abandoned already.
            self._recorder.forget(running.id)
            if running.unwanted:
                self._end(running, JobState.CANCELLED)
            elif running.begun or running.again or for_good:
                self._end(running, JobState.FAILED, reason)
            else:
                self._begin_again(running, reason)
        if for_good:
            for job in self._jobs.waiting:
                self._end(job, JobState.FAILED, reason)

    def _begin_again(self, job: Job, reason: str) -> None:
        job.again = True
        self._jobs.put_back(job, f"{reason}; nothing was made yet, so it begins once more")
        self._publish(JobChanged(job.id, job.state, job.reason))

    def _start_next(self) -> None:
        while self._engine is not None and (job := self._jobs.start_next()) is not None:
            try:
                recording = self._records[job.id](job, self._engine)
            except MulaError as error:
                self._end(job, JobState.FAILED, str(error))
                return
            except Exception as error:  # or the queue would stand still for ever
                _log.exception("job %s could not begin", job.id)
                reason = f"it could not begin ({error!r}); see the daemon's log"
                self._end(job, JobState.FAILED, reason)
                return
            self._recorder.expect(job.id, recording)
            self._host.run(job.request, self._engine)
            self._publish(JobChanged(job.id, JobState.RUNNING))

    def _end(self, job: Job, state: JobState, reason: str = "") -> None:
        self._jobs.end(job, state, reason)
        del self._records[job.id]
        self._publish(JobChanged(job.id, state, reason))
        self._start_next()
