"""The vocabulary: knobs, commands, reports, and the seams between who sends and who hears. Pure."""

from mula_bridge.control.actions import ACTIONS, Action, ActionRow, Needs, Press, parse_action
from mula_bridge.control.curve import Curve, Point, check_point
from mula_bridge.control.encoders import Acceleration, Encoding, ticks
from mula_bridge.control.generated import print_write_or_check
from mula_bridge.control.keys import KEYS, parse_key
from mula_bridge.control.knobs import (
    ELSEWHERE,
    FRAME_KNOBS,
    KNOBS,
    Effect,
    Knob,
    Knobs,
    KnobValue,
    knob,
)
from mula_bridge.control.lamps import Lamps
from mula_bridge.control.presets import Preset, find_preset, morph, preset_name
from mula_bridge.control.quantum import (
    BEATS_PER_BAR,
    MAX_BARS,
    OFF,
    QUANTUM,
    parse_quantum,
    quantum_text,
)
from mula_bridge.control.seams import Emit, Listener, Publish, Source
from mula_bridge.control.service import STOP_S, Errands, Service, Task
from mula_bridge.control.takeover import Mode, Takeover, takeover
from mula_bridge.control.texts import MAX_NAME, MAX_TEXT, checked_name, checked_text, legible
from mula_bridge.control.travel import Travel

__all__ = [
    "ACTIONS", "BEATS_PER_BAR", "ELSEWHERE", "FRAME_KNOBS", "KEYS", "KNOBS", "MAX_BARS",
    "MAX_NAME", "MAX_TEXT", "OFF", "QUANTUM", "STOP_S", "Acceleration", "Action", "ActionRow",
    "Curve", "Effect", "Emit", "Encoding", "Errands", "Knob", "KnobValue", "Knobs", "Lamps",
    "Listener", "Mode", "Needs", "Point", "Preset", "Press", "Publish", "Service", "Source",
    "Takeover", "Task", "Travel", "check_point", "checked_name", "checked_text", "find_preset",
    "knob", "legible", "morph", "parse_action", "parse_key", "parse_quantum", "preset_name",
    "print_write_or_check", "quantum_text", "takeover", "ticks",
]  # fmt: skip
