"""Jobs: their queue, and the recording of what the engine makes of them."""

from mula_daemon.jobs.events import Act, EngineNews, Event, Remapped, Shutdown
from mula_daemon.jobs.frame_trace import Applied, FrameTrace
from mula_daemon.jobs.guards import Remake, remarks
from mula_daemon.jobs.inbox import Inbox
from mula_daemon.jobs.queue import MAX_SEED, Job, JobQueue
from mula_daemon.jobs.recorder import Recorder
from mula_daemon.jobs.recording import KnobTimeline, Recording, frame_values
from mula_daemon.jobs.scheduler import Scheduler, StartRecording

__all__ = [
    "MAX_SEED",
    "Act",
    "Applied",
    "EngineNews",
    "Event",
    "FrameTrace",
    "Inbox",
    "Job",
    "JobQueue",
    "KnobTimeline",
    "Recorder",
    "Recording",
    "Remake",
    "Remapped",
    "Scheduler",
    "Shutdown",
    "StartRecording",
    "frame_values",
    "remarks",
]
