"""HeartMuLa as an engine: checkpoint to network, prompts, frames to sound."""

from mula_daemon.engine.heartmula.checkpoint import (
    CheckpointError,
    SpecialIds,
    load_language_model,
    read_special_ids,
)
from mula_daemon.engine.heartmula.convert import DTYPES, convert
from mula_daemon.engine.heartmula.model.device import sizes_in
from mula_daemon.engine.heartmula.model.engine import HeartMulaEngine
from mula_daemon.engine.heartmula.model.prompt import PromptEncoder
from mula_daemon.engine.heartmula.model.sound import CodecLane, measure_window
from mula_daemon.engine.heartmula.model.streaming import StreamingDecoder, StreamSettings

__all__ = [
    "DTYPES", "CheckpointError", "CodecLane", "HeartMulaEngine", "PromptEncoder", "SpecialIds",
    "StreamSettings", "StreamingDecoder", "convert", "load_language_model", "measure_window",
    "read_special_ids", "sizes_in",
]  # fmt: skip
