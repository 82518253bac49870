"""Every generated file of ``max_for_live/``, by its path there."""

from __future__ import annotations

from collections.abc import Mapping

from mula_bridge.control import Action
from mula_bridge.mapping import KnobTarget, load_mapping, mapping_paths
from mula_bridge.surfaces.max_device import audio_effect, midi_effect
from mula_bridge.surfaces.max_device.audio_effect import DISPLAY, SCRIPT, Vocabulary
from mula_bridge.surfaces.max_device.container import DeviceKind, frozen, unfrozen
from mula_bridge.surfaces.max_device.picture import svg

AUDIO_EFFECT = "Mula.amxd"
MIDI_EFFECT = "Mula CC.amxd"
IN_USER_LIBRARY = {
    AUDIO_EFFECT: "Presets/Audio Effects/Max Audio Effect",
    MIDI_EFFECT: "Presets/MIDI Effects/Max MIDI Effect",
}
"""Where Live's browser looks for a device, below its User Library."""


def files(vocabulary: Vocabulary) -> dict[str, bytes]:
    """The frozen devices, the unfrozen ones with their scripts, and pictures of both.

    The same tables give the same bytes. Raises Unavailable when the shipped mappings are gone.
    """
    scripts = {
        SCRIPT: audio_effect.script(vocabulary).encode(),
        DISPLAY: audio_effect.display_script().encode(),
    }
    mula = audio_effect.patch(vocabulary).patcher()
    mula_cc = midi_effect.patch(control_changes()).patcher()
    return {
        AUDIO_EFFECT: frozen(DeviceKind.AUDIO_EFFECT, AUDIO_EFFECT, mula, scripts),
        MIDI_EFFECT: frozen(DeviceKind.MIDI_EFFECT, MIDI_EFFECT, mula_cc, {}),
        f"unfrozen/{AUDIO_EFFECT}": unfrozen(DeviceKind.AUDIO_EFFECT, mula),
        f"unfrozen/{MIDI_EFFECT}": unfrozen(DeviceKind.MIDI_EFFECT, mula_cc),
        **{f"unfrozen/{name}": text for name, text in scripts.items()},
        "mula.svg": svg(mula, "Mula").encode(),
        "mula-cc.svg": svg(mula_cc, "Mula CC").encode(),
    }


def control_changes() -> Mapping[str, int]:
    """The control change that the shipped map binds to each knob and action."""
    return {
        _name(binding.target): binding.control.number
        for binding in load_mapping(mapping_paths(midi_effect.MAP)).bindings
        if binding.control.number is not None
    }


def _name(target: KnobTarget | Action) -> str:
    return target.travel.knob.name if isinstance(target, KnobTarget) else target.row.name
