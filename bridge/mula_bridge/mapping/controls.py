"""One control of a mapping file, as in ``{cc: 16, channel: 1}`` or ``{osc: /1/fader1}``."""

from __future__ import annotations

from mula_bridge.control import Encoding
from mula_bridge.mapping.fields import SOURCES
from mula_bridge.mapping.kinds import Keys
from mula_bridge.mapping.model import Control, Light, OscControl
from mula_bridge.midi import EventKind

_FINE = (EventKind.NRPN, EventKind.RPN, EventKind.PITCH_BEND)
_NUMBERLESS = (EventKind.PITCH_BEND, EventKind.PRESSURE)
_PRESSED = (EventKind.NOTE, EventKind.PROGRAM_CHANGE)


def read_control(name: str, keys: Keys) -> Control:
    """The control ``keys`` describe; raises MappingError. Without a name it gets one."""
    kind = next(EventKind(field.name) for field in SOURCES if field.name in keys)
    number: int | None = 0 if kind in _NUMBERLESS else keys[kind]
    channel: int | None = keys["channel"]
    encoding: Encoding = keys["mode"]
    relative = encoding is not Encoding.ABSOLUTE
    bits: int = keys["bits"] or (14 if kind in _FINE else 7)
    button = keys["kind"] == "button" if "kind" in keys else kind in _PRESSED
    step, max_step = keys["step"], keys["max_step"]
    is_pair = kind is EventKind.CC and bits == 14
    top = (1 << bits) - 1
    low, high = keys["ends"] or (0, top)
    complaints = (
        ("mode", relative and kind is not EventKind.CC, "only a cc can be relative"),
        ("bits", bits == 14 and kind not in (*_FINE, EventKind.CC), f"a {kind} has 7 bits"),
        ("cc", is_pair and (number or 0) > 31, "a 14-bit cc is 0..31; its fine half is 32 above"),
        ("mode", is_pair and relative, "a 14-bit cc cannot be relative"),
        ("kind", button and (relative or bits == 14), "a button is neither relative nor 14-bit"),
        ("kind", not button and kind in _PRESSED, f"a {kind} is a button"),
        *(
            (word, not relative, f"{word!r} is for relative modes, as in 'mode: binary_offset'")
            for word in ("step", "max_step", "wrap")
        ),
        ("ends", button or relative, "ends are for what has a position, like a knob or a fader"),
        ("ends", high > top, f"with {bits} bits it sends 0..{top}, not {high}"),
        ("ends", low == high, f"ends of {low} and {high} leave nothing to turn"),
        (
            "ends",
            low > high,
            f"the lower end comes first: [{high}, {low}]; for a control that turns the wrong way "
            "turn the 'range' of its binding around",
        ),
        ("order", not is_pair, "'order' is for a cc with 'bits: 14'"),
        (
            "max_step",
            max_step is not None and max_step < step,
            f"max_step {max_step or 0:g} is below step {step:g}",
        ),
    )
    for word, wrong, complaint in complaints:
        if wrong and word in keys:
            raise keys.parts[word].error(complaint)
    return Control(
        name=name or _name(kind, number, channel),
        kind=EventKind.CC14 if is_pair else kind,
        number=number,
        channel=channel,
        button=button,
        bits=bits,
        order=keys["order"],
        encoding=encoding,
        step=step,
        max_step=max_step,
        wrap=keys["wrap"],
        light=_read_light(keys["led"]) if "led" in keys else None,
        motorized=keys["motorized"],
        ends=(low, high),
    )


def read_osc_control(keys: Keys) -> OscControl:
    """The control ``keys`` describe."""
    low, high = keys["range"]
    return OscControl(keys["osc"], low, high, keys["kind"] == "button")


def addresses(control: Control) -> tuple[object, ...]:
    """What a control listens to; two controls that share one of these are in each other's way."""
    if control.kind is EventKind.CC14:
        coarse = control.number or 0
        return (
            (EventKind.CC, coarse, control.channel),
            (EventKind.CC, coarse + 32, control.channel),
        )
    return ((control.kind, control.number, control.channel),)


def _read_light(keys: Keys) -> Light:
    source = "cc" if "cc" in keys else "note"
    return Light(EventKind(source), keys[source], keys["channel"], keys["on"], keys["off"])


def _name(kind: EventKind, number: int | None, channel: int | None) -> str:
    what = kind if kind in _NUMBERLESS else f"{kind} {'any' if number is None else number}"
    return what if channel is None else f"{what} channel {channel}"
