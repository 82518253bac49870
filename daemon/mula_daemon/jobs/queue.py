"""Jobs: their states as a table, and the bounded queue they wait in. Pure.

Only the session touches these, on its own thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from mula_bridge.control import KnobValue
from mula_bridge.control.messages import DAEMON, JobState, Origin
from mula_bridge.errors import BadInput, Busy, UnknownName
from mula_daemon.engine import ClipRequest

MAX_SEED: Final = 2**31
"""Seeds are below this, in every engine."""

MOVES: Final = MappingProxyType(
    {
        JobState.QUEUED: {JobState.RUNNING, JobState.CANCELLED, JobState.FAILED},
        JobState.RUNNING: {JobState.QUEUED, JobState.DONE, JobState.CANCELLED, JobState.FAILED},
        JobState.DONE: set[JobState](),
        JobState.CANCELLED: set[JobState](),
        JobState.FAILED: set[JobState](),
    }
)
"""Which state may follow which. A state without a successor is an end; what ran is queued again
when its engine was lost before it made anything."""


class Job(Struct):
    """A request to generate, and how far it has come.

    ``knobs`` is every knob at the moment the job was asked for, ``origin`` who asked;
    ``rerolls`` is how often what it makes was made before, and came out silent. ``begun``:
    whether a frame of it was made; ``again``: whether it was queued a second time; ``unwanted``:
    whether it was cancelled while it ran.
    """

    request: ClipRequest
    knobs: Mapping[str, KnobValue]
    state: JobState = JobState.QUEUED
    reason: str = ""
    rerolls: int = 0
    origin: Origin = DAEMON
    begun: bool = False
    again: bool = False
    unwanted: bool = False

    @property
    def id(self) -> str:
        return self.request.job

    def move(self, state: JobState, reason: str = "") -> None:
        """Go to ``state``; raises ValueError for a move that the table does not have."""
        if state not in MOVES[self.state]:
            raise ValueError(f"job {self.id} cannot go from {self.state} to {state}")
        self.state, self.reason = state, reason


class JobQueue:
    """One running job and at most ``limit`` waiting ones, first come first served."""

    def __init__(self, limit: int = 16) -> None:
        self.limit = limit
        self.running: Job | None = None
        self._waiting: list[Job] = []

    @property
    def waiting(self) -> tuple[Job, ...]:
        return tuple(self._waiting)

    def add(self, job: Job) -> None:
        """Queue a job. Raises Busy when full, BadInput when its id is in use."""
        if any(job.id == other.id for other in self.alive()):
            raise BadInput(f"job {job.id!r} exists already; wait for its end or use another id")
        if len(self._waiting) >= self.limit:
            raise Busy(f"{self.limit} jobs are waiting; cancel one or wait")
        self._waiting.append(job)

    def start_next(self) -> Job | None:
        """Move the oldest waiting job to running, if none runs."""
        if self.running is not None or not self._waiting:
            return None
        self.running = self._waiting.pop(0)
        self.running.move(JobState.RUNNING)
        return self.running

    def put_back(self, job: Job, reason: str) -> None:
        """Let the running job be the next to run, though the queue be full."""
        job.move(JobState.QUEUED, reason)
        self.running = None
        self._waiting.insert(0, job)

    def end(self, job: Job, state: JobState, reason: str = "") -> None:
        """Move a live job to one of the end states and forget it."""
        job.move(state, reason)
        if job is self.running:
            self.running = None
        else:
            self._waiting.remove(job)

    def alive(self) -> tuple[Job, ...]:
        """The running job first, then the waiting ones in order."""
        return ((self.running,) if self.running else ()) + self.waiting

    def find(self, job_id: str) -> Job:
        """A live job by id; raises UnknownName."""
        for job in self.alive():
            if job.id == job_id:
                return job
        raise UnknownName("job", job_id, [job.id for job in self.alive()])
