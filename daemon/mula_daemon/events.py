"""What the engine's side posts to the session's inbox."""

from __future__ import annotations

from dataclasses import dataclass

from mula_bridge.messages import ClipReady, EngineState, Failed, KnobLearnt
from mula_daemon.engine.base import EngineInfo, Frame
from mula_daemon.engine.messages import Ended


@dataclass(frozen=True, slots=True)
class EngineNews:
    """The engine process changed state; ``info`` comes with READY."""

    state: EngineState
    detail: str
    info: EngineInfo | None


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The session's thread is to end, once everything before this is handled."""


Event = EngineNews | Frame | Ended | ClipReady | KnobLearnt | Failed | Shutdown
