"""Jobs: their queue, and the recording of what the engine makes of them."""

from mula_daemon.jobs.frame_trace import Applied, FrameTrace
from mula_daemon.jobs.guards import Remake, remarks
from mula_daemon.jobs.handler import Jobs
from mula_daemon.jobs.queue import MAX_SEED, Job
from mula_daemon.jobs.recorder import EngineNews, Recorder
from mula_daemon.jobs.recording import KnobTimeline, Recording, frame_values
from mula_daemon.jobs.watch import JobFailed, JobWatch

__all__ = [
    "MAX_SEED", "Applied", "EngineNews", "FrameTrace", "Job", "JobFailed", "JobWatch", "Jobs",
    "KnobTimeline", "Recorder", "Recording", "Remake", "frame_values", "remarks",
]  # fmt: skip
