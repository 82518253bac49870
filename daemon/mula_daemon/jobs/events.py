"""What the engine's side posts to the session."""

from __future__ import annotations

from msgspec import Struct

from mula_bridge.control.messages import EngineState
from mula_daemon.engine import EngineInfo


class EngineNews(Struct, frozen=True):
    """The engine process changed state; ``info`` comes with READY."""

    state: EngineState
    detail: str
    info: EngineInfo | None
