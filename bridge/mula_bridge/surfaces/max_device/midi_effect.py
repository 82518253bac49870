"""The MIDI effect "Mula CC": dials and buttons that send control changes into the track.

For sets that route MIDI to the daemon anyway. The numbers are those of a shipped map, so that
``mula run --mapping max-for-live-cc`` understands the device as it is; automation and mapping
work as with any other device. What comes in goes through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mula_bridge.control import KNOBS
from mula_bridge.surfaces.max_device import controls
from mula_bridge.surfaces.max_device.audio_effect import BUTTONS, DIALS
from mula_bridge.surfaces.max_device.container import DeviceKind
from mula_bridge.surfaces.max_device.patch import MaxPatch, Rect
from mula_bridge.surfaces.wires import Port

MAP: Final = "max-for-live-cc"
"""The shipped mapping whose numbers the device sends."""
_DIALS: Final = {**DIALS, "gain_db": ("Gain", "Gain")}
_BUTTONS: Final = ("generate", "cancel", "panic")
_HINT: Final = (
    "Send this track's MIDI to a port that the",
    f"daemon hears: mula run --mapping {MAP}",
)


def patch(numbers: Mapping[str, int]) -> MaxPatch:
    """The device; ``numbers`` gives the control change of each knob and action."""
    made = MaxPatch(
        DeviceKind.MIDI_EFFECT,
        2 * 6 + 46 * len(_DIALS),
        description="Sends the knobs of the mulabridge daemon as control changes.",
        bank=tuple(long for long, _ in _DIALS.values()),
    )
    sends = {}
    for index, (name, (long, short)) in enumerate(_DIALS.items()):
        x = 6 + 46 * index
        dial = controls.travel_dial(made, KNOBS[name], Rect(x, 6, 46, 50), long, short)
        controls.label(made, Rect(x, 58, 46, 14), f"CC {numbers[name]}", centred=True)
        # The second outlet is the way that the dial has turned, 0..1; half a step up rounds.
        sends[name] = (Port(dial, 1), made.box("expr int($f1 * 127. + 0.5)", 1, [""]))
    for index, name in enumerate(_BUTTONS):
        title, _, info = BUTTONS[name]
        x = 6 + 92 * index
        button = controls.button(made, Rect(x + 1, 82, 90, 20), title, title, info)
        controls.label(made, Rect(x, 103, 92, 14), f"CC {numbers[name]}", centred=True)
        sends[name] = (Port(button), made.message("127, 0"))
    for index, line in enumerate(_HINT):
        controls.label(made, Rect(6, 130 + 14 * index, made.width - 12, 14), line)
    for name, (source, value) in sends.items():
        made.chain(source, value, made.box(f"ctlout {numbers[name]} 1", 3, []))
    made.chain(made.box("midiin", 1, ["int"]), made.box("midiout", 1, []))
    return made
