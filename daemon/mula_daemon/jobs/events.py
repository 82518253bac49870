"""What the engine's side posts to the session's inbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mula_bridge.control import Preset
from mula_bridge.control.messages import (
    AudioDevice,
    Beat,
    ClipReady,
    ClockChanged,
    EngineState,
    Failed,
    Heard,
    KnobLearnt,
    Notice,
)
from mula_daemon.engine import Ended, EngineInfo, Frame
from mula_daemon.jobs.guards import Remake
from mula_daemon.steering import Curve


@dataclass(frozen=True, slots=True)
class EngineNews:
    """The engine process changed state; ``info`` comes with READY."""

    state: EngineState
    detail: str
    info: EngineInfo | None


@dataclass(frozen=True, slots=True)
class Act:
    """Something that another thread wants done on the session's."""

    run: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Remapped:
    """The mapping files changed: what they say besides bindings.

    ``curve`` None: genre strength keeps the one it has.
    """

    presets: Mapping[str, Preset]
    curve: Curve | None


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The session's thread is to end, once everything before this is handled."""


Event = (
    Act
    | EngineNews
    | Frame
    | Remapped
    | Ended
    | ClipReady
    | KnobLearnt
    | Beat
    | ClockChanged
    | Notice
    | Remake
    | AudioDevice
    | Heard
    | Failed
    | Shutdown
)
