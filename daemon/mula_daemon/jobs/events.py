"""What the engine's side posts to the session."""

from __future__ import annotations

from dataclasses import dataclass

from mula_bridge.control.messages import EngineState
from mula_daemon.engine import EngineInfo


@dataclass(frozen=True, slots=True)
class EngineNews:
    """The engine process changed state; ``info`` comes with READY."""

    state: EngineState
    detail: str
    info: EngineInfo | None
