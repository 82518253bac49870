"""Waiting for jobs, by what the reports say of them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mula_bridge.control.messages import (
    ClipReady,
    EngineChanged,
    EngineState,
    Failed,
    JobChanged,
    JobState,
    Origin,
    Report,
)
from mula_bridge.errors import MulaError


class JobFailed(MulaError):
    """The job ended without its clips."""

    code = "job_failed"


class JobWatch:
    """A Listener that knows how engine and jobs stand. Fed on one thread, waited for on others."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.ready = False
        self.states: dict[str, JobState] = {}
        self.clips: list[ClipReady] = []
        self.problem = ""
        """The first that came up, in the engine's or the session's own words."""

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take one report."""
        with self._news:
            self._note(report)
            self._news.notify_all()

    def _note(self, report: Report) -> None:
        match report:
            case EngineChanged(EngineState.READY):
                self.ready = True
            case EngineChanged(EngineState.FAILED | EngineState.RESTING, text) | Failed(_, _, text):
                self.problem = self.problem or text
            case ClipReady():
                self.clips.append(report)
            case JobChanged(job, state, reason):
                self.states[job] = state
                if state in (JobState.FAILED, JobState.CANCELLED):
                    self.problem = self.problem or reason or "cancelled"
            case _:
                pass

    def count(self, state: JobState) -> int:
        """How many jobs are in ``state``."""
        return list(self.states.values()).count(state)

    def wait(self, holds: Callable[[], object], timeout: float | None = None) -> bool:
        """Whether it came to hold within so many seconds; looked at after every report."""
        with self._news:
            return bool(self._news.wait_for(holds, timeout))

    def until_ready(self, timeout: float | None = None) -> None:
        """Wait for a warm engine. Raises JobFailed when there is a problem or none in time."""
        if not self.wait(lambda: self.ready or self.problem, timeout):
            raise JobFailed(f"the engine did not become ready within {timeout:g} s")
        self._check()

    def until_done(self) -> list[ClipReady]:
        """Wait for the end of a job; all clips so far. Raises JobFailed when there is a problem."""
        self.wait(lambda: self.problem or self.count(JobState.DONE))
        self._check()
        return self.clips

    def _check(self) -> None:
        if self.problem:
            raise JobFailed(self.problem)
