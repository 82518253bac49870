"""A mapping: which control moves which knob, as read from mapping files. Plain data.

Two halves: controllers name what a piece of hardware sends, and can be shared;
bindings say what those controls do, and are personal.
"""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass, field
from types import MappingProxyType

from mula_bridge.control import Action, Curve, Encoding, KnobValue, Mode, Travel, preset_name
from mula_bridge.errors import BadInput
from mula_bridge.midi import EventKind, Order

Preset = abc.Mapping[str, KnobValue]


class MappingError(BadInput):
    """A mapping file is wrong; the message begins with ``file:line:``."""


@dataclass(frozen=True, slots=True)
class Light:
    """Where a control's LED, ring or motor listens, when not at its own address.

    ``kind`` is CC or NOTE; ``channel`` 1..16, None for the control's own. A knob is
    shown between ``off`` and ``on`` (0..127 each), a button as one of them.
    """

    kind: EventKind
    number: int
    channel: int | None
    on: int
    off: int


@dataclass(frozen=True, slots=True)
class Control:
    """One thing to turn or press, by what it sends.

    ``number`` None is any (program changes only), ``channel`` 1..16 or None for any.
    ``ends`` are the lowest and the highest value that it sends, within 0..127, or 0..16383 where
    ``bits`` are 14.
    ``step`` and ``max_step`` (travel 0..1) and ``wrap`` are for relative encodings.
    """

    name: str
    kind: EventKind
    number: int | None
    channel: int | None
    button: bool
    bits: int
    order: Order
    encoding: Encoding
    step: float
    max_step: float | None
    wrap: bool
    light: Light | None
    motorized: bool
    ends: tuple[int, int]

    def position(self, raw: int) -> float:
        """Where 0..1 of its way it stands when it sends ``raw``; an end beyond the ends."""
        low, high = self.ends
        return min(1.0, max(0.0, (raw - low) / (high - low)))

    def raw(self, position: float) -> int:
        """What it sends at ``position`` 0..1 of its way."""
        low, high = self.ends
        return low + round(position * (high - low))


@dataclass(frozen=True, slots=True)
class Controller:
    """A piece of hardware: patterns for its ports (see ``port_matches``) and its controls.

    ``output`` None: it shows nothing.
    """

    name: str
    input: str
    output: str | None
    controls: abc.Mapping[str, Control]


@dataclass(frozen=True, slots=True)
class OscControl:
    """An OSC address of somebody else's layout that carries one number.

    ``low`` and ``high`` are what it sends (and is sent) at its two ends, in either order.
    ``button``: bound to a knob, it switches between that knob's ends.
    """

    address: str
    low: float
    high: float
    button: bool


@dataclass(frozen=True, slots=True)
class KnobTarget:
    """A knob, the part of its range that the control covers, and how it takes over."""

    travel: Travel
    mode: Mode


@dataclass(frozen=True, slots=True)
class Binding:
    """What one control does. ``feedback``: its light follows. ``quantum``: the beats it waits
    for a multiple of, 0 for none."""

    controller: Controller
    control: Control
    target: KnobTarget | Action
    feedback: bool
    quantum: int


@dataclass(frozen=True, slots=True)
class OscBinding:
    """What one OSC address does. ``feedback``: it is told where its knob stands. ``quantum``:
    the beats it waits for a multiple of, 0 for none."""

    control: OscControl
    target: KnobTarget | Action
    feedback: bool
    quantum: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Everything mapping files say. Immutable; any thread may read it.

    ``bindings`` are those of MIDI controls, ``osc`` those of OSC addresses.
    """

    controllers: abc.Mapping[str, Controller] = field(default_factory=lambda: MappingProxyType({}))
    bindings: tuple[Binding, ...] = ()
    osc: tuple[OscBinding, ...] = ()
    presets: abc.Mapping[str, Preset] = field(default_factory=lambda: MappingProxyType({}))
    genre_strength: Curve | None = None

    def preset(self, which: str | int) -> tuple[str, Preset]:
        """A preset's name and values, by name or by number from 1. Raises BadInput."""
        name = preset_name(self.presets, which)
        return name, self.presets[name]
