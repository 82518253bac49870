"""What the daemon and the process that holds its MIDI ports say to each other: plain data."""

from __future__ import annotations

from msgspec import Struct


class PortWish(Struct, frozen=True):
    """Which ports to keep open: inputs that match ``pattern`` and one of ``inputs`` (None: all
    that match ``pattern``), and outputs that match one of ``outputs``."""

    pattern: str
    inputs: tuple[str, ...] | None
    outputs: tuple[str, ...]


class Say(Struct, frozen=True):
    """One message for every open output that the pattern ``output`` matches."""

    output: str
    data: bytes


PortOrder = PortWish | Say


class Arrived(Struct, frozen=True):
    """What inputs received, oldest first: port, bytes, and when (``perf_counter_ns``)."""

    messages: tuple[tuple[str, bytes, int], ...]


class PortsSeen(Struct, frozen=True):
    """The names of all ports that the system has now, wanted or not."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class PortsChanged(Struct, frozen=True):
    """What the last look changed: the inputs ``open`` now, those that are ``gone``, even if one
    of that name came since, and whether an output is ``fresh``, so that it wants to be told all."""

    open: tuple[str, ...]
    gone: frozenset[str] = frozenset()
    fresh: bool = False


class PortTrouble(Struct, frozen=True):
    """Something that does not work; ``address`` is the port's name, or ``midi``."""

    address: str
    code: str
    text: str


class PortRemark(Struct, frozen=True):
    """What would go into a log, if that process had one; ``level`` is logging's."""

    level: int
    text: str


class PortBeat(Struct, frozen=True):
    """Nothing new, and all is well."""


PortNews = Arrived | PortsSeen | PortsChanged | PortTrouble | PortRemark | PortBeat
