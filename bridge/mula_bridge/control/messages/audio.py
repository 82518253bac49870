"""What is reported of the sound: the interface. Frozen plain data, like ``messages``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeviceState(StrEnum):
    """Where the audio interface is."""

    OPEN = "open"
    """It plays."""
    LOST = "lost"
    """It was there and went away; it is looked for."""
    MISSING = "missing"
    """There is none, or it does not open; it is looked for."""


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """The interface came or went. ``rate`` in Hz and ``latency_ms`` are 0 unless it is open;
    ``detail`` says why it is not."""

    state: DeviceState
    name: str = ""
    rate: int = 0
    latency_ms: float = 0.0
    detail: str = ""
