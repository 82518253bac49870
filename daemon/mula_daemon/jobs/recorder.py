"""Takes what the engine says, keeps the recordings, and tells the session.

Everything but ``expect``, ``release`` and ``forget`` runs on the engine host's reader thread;
those three may be called from any thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from mula_bridge.control.messages import EngineState, JobState, Notice
from mula_bridge.errors import MulaError
from mula_daemon.engine import AudioBlock, Ended, EngineInfo, Frame, Timing

_log = logging.getLogger(__name__)


class EngineNews(Struct, frozen=True):
    """The engine process changed state; ``info`` comes with READY."""

    state: EngineState
    detail: str
    info: EngineInfo | None


class JobRecording(Protocol):
    """What is kept of one job. The first error ends the job: it is raised from the call that
    met it."""

    def frame(self, frame: Frame) -> None: ...
    def audio(self, block: AudioBlock) -> None: ...
    def timing(self, timing: Timing) -> None: ...
    def release(self) -> None: ...
    def finish(self) -> None: ...
    def abandon(self, reason: str) -> None: ...


class Recorder:
    """The HostListener of the daemon."""

    def __init__(self, post: Callable[[object], None], abort: Callable[[str], None]) -> None:
        self._post = post
        self._abort = abort
        self._lock = threading.Lock()
        self._recordings: dict[str, JobRecording] = {}
        self._broken: dict[str, str] = {}

    def expect(self, job: str, recording: JobRecording) -> None:
        """Announce a job before it is given to the engine."""
        with self._lock:
            self._recordings[job] = recording

    def release(self, job: str) -> None:
        """Let a sink that holds the engine back go on, because the job is to end."""
        recording = self._find(job)
        if recording is not None:
            recording.release()

    def forget(self, job: str) -> None:
        """Let go of a job that no engine will say anything of any more."""
        with self._lock:
            recording = self._recordings.pop(job, None)
        if recording is not None:
            recording.release()

    def engine_changed(self, state: EngineState, detail: str, info: EngineInfo | None) -> None:
        """Abandon what an engine that went away had begun, and pass the news on."""
        if state is not EngineState.READY:
            self.abandon_all(detail)
        self._post(EngineNews(state, detail, info))

    def frame(self, frame: Frame) -> None:
        """Keep one frame."""
        self._feed(frame.job, lambda recording: recording.frame(frame))
        self._post(frame)

    def audio(self, block: AudioBlock) -> None:
        """Keep one block; blocks while a sink is full."""
        self._feed(block.job, lambda recording: recording.audio(block))

    def notice(self, notice: Notice) -> None:
        """Pass on what a job has to say."""
        self._post(notice)

    def timing(self, timing: Timing) -> None:
        """Let what is heard of a job keep to the time that it takes now."""
        self._feed(timing.job, lambda recording: recording.timing(timing))

    def ended(self, ended: Ended) -> None:
        """Publish or abandon a job's takes, then say so."""
        with self._lock:
            recording = self._recordings.pop(ended.job, None)
            broken = self._broken.pop(ended.job, "")
        if broken:
            ended = replace(ended, state=JobState.FAILED, reason=broken)
        if recording is not None and not broken:
            ended = _close(recording, ended)
        self._post(ended)

    def abandon_all(self, reason: str) -> list[str]:
        """Leave nothing half-written; the jobs it was of. Also for others, once the reader
        thread has ended."""
        with self._lock:
            left, self._recordings = self._recordings, {}
            self._broken.clear()
        for recording in left.values():
            _abandon(recording, reason)
        return list(left)

    def end_all(self, reason: str) -> None:
        """Say of each job that has not ended that it is cancelled, once no engine can."""
        for job in self.abandon_all(reason):
            self._post(Ended(job, JobState.CANCELLED, reason))

    def _find(self, job: str) -> JobRecording | None:
        with self._lock:
            return self._recordings.get(job)

    def _feed(self, job: str, keep: Callable[[JobRecording], None]) -> None:
        recording = self._find(job)
        if recording is None or job in self._broken:
            return
        try:
            keep(recording)
        except Exception as error:  # whatever a sink met ends its job, never this thread
            self._broken[job] = _words(error)
            _abandon(recording, self._broken[job])
            self._abort(job)


def _close(recording: JobRecording, ended: Ended) -> Ended:
    if ended.state is not JobState.DONE:
        _abandon(recording, ended.reason or ended.state.value)
        return ended
    try:
        recording.finish()
    except Exception as error:  # as above: the job fails with the reason, the daemon lives
        _abandon(recording, _words(error))
        return replace(ended, state=JobState.FAILED, reason=_words(error))
    return ended


def _abandon(recording: JobRecording, reason: str) -> None:
    try:
        recording.abandon(reason)
    except Exception:  # the reason given is the one to report, not what follows from it
        _log.exception("a recording could not be abandoned")


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, MulaError) else f"{type(error).__name__}: {error}"
