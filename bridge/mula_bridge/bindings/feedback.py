"""What a control's light, ring or motor is sent, as bytes. Pure."""

from __future__ import annotations

from mula_bridge.mapping import Control, Light
from mula_bridge.midi import EventKind


def show(control: Control, raw: int, channel: int) -> list[bytes]:
    """The messages that put ``control`` itself at ``raw`` (0..``control.top``).

    ``channel`` 1..16 is where to speak when the control listens to any.
    """
    channel = (control.channel or channel) - 1
    number = control.number or 0
    coarse, fine = (raw >> 7, raw & 0x7F) if control.bits == 14 else (raw, 0)
    change = 0xB0 | channel
    match control.kind:
        case EventKind.CC:
            return [bytes((change, number, raw))]
        case EventKind.CC14:
            return [bytes((change, number, coarse)), bytes((change, number + 32, fine))]
        case EventKind.NOTE:
            return [bytes((0x90 | channel, number, raw))]
        case EventKind.PITCH_BEND:
            return [bytes((0xE0 | channel, fine, coarse))]
        case EventKind.NRPN | EventKind.RPN:
            select = 99 if control.kind is EventKind.NRPN else 101
            messages = [
                bytes((change, select, number >> 7)),
                bytes((change, select - 1, number & 0x7F)),
                bytes((change, 6, coarse)),
            ]
            return messages if control.bits == 7 else [*messages, bytes((change, 38, fine))]
    return []


def show_light(light: Light, position: float, control: Control, channel: int) -> list[bytes]:
    """The message that puts a light of its own at ``position`` 0..1 between off and on."""
    status = 0xB0 if light.kind is EventKind.CC else 0x90
    channel = (light.channel or control.channel or channel) - 1
    value = light.off + round(position * (light.on - light.off))
    return [bytes((status | channel, light.number, value))]
