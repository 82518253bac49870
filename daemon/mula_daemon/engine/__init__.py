"""Model engines, and the process that owns one."""

from mula_daemon.engine.engines import ENGINES, build, findings, notes
from mula_daemon.engine.extra import require_engine
from mula_daemon.engine.findings import Finding, Grade
from mula_daemon.engine.graphics import best_device, gpu_trouble
from mula_daemon.engine.messages import Ended, EngineSpec, Pace
from mula_daemon.engine.process import EngineHost, EngineProcess
from mula_daemon.engine.seam import (
    NO_TEXTS,
    AudioBlock,
    ClipRequest,
    Engine,
    EngineInfo,
    Frame,
    FrameKnobs,
    Item,
    Texts,
    Timing,
)
from mula_daemon.engine.wording import plain_text

__all__ = [
    "ENGINES", "NO_TEXTS", "AudioBlock", "ClipRequest", "Ended", "Engine", "EngineHost",
    "EngineInfo", "EngineProcess", "EngineSpec", "Finding", "Frame", "FrameKnobs", "Grade", "Item",
    "Pace", "Texts", "Timing", "best_device", "build", "findings", "gpu_trouble", "notes",
    "plain_text", "require_engine",
]  # fmt: skip
