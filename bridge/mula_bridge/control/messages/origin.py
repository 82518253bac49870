"""Who said something."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from time import perf_counter_ns

__all__ = [
    "DAEMON",
    "Origin",
]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent a command: ``source`` ("osc", "midi", "cli", ...) and its own ``peer``.

    ``peer`` is whatever lets the source find the sender again (an address pair, a
    port name and controller number). ``received_ns`` is ``perf_counter_ns`` at
    arrival; it does not count when origins are compared.
    """

    source: str
    peer: Hashable = None
    address: str = field(default="", compare=False)
    """The OSC address or control name the command came in on, for error messages."""
    received_ns: int = field(default_factory=perf_counter_ns, compare=False)


DAEMON = Origin("daemon", received_ns=0)
