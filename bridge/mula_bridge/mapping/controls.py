"""One control of a mapping file, as in ``{cc: 16, channel: 1}`` or ``{osc: /1/fader1}``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mula_bridge.control import Encoding
from mula_bridge.mapping.model import Control, Light, OscControl
from mula_bridge.mapping.yaml_tree import YamlPart
from mula_bridge.midi import EventKind, Order
from mula_bridge.osc import MAX_LENGTH

SOURCES: Final = {
    "cc": 127,
    "note": 127,
    "nrpn": 16383,
    "rpn": 16383,
    "pitch_bend": 0,
    "program_change": 127,
}
"""What a control can send, and the highest number of each."""

OSC_FIELDS: Final = ("osc", "range", "kind")
OWN: Final = "/mula"
"""Where the daemon's own addresses are; nobody else's are bound there."""
ADDRESS: Final = r"^/(?!mula(/|$))[^\s#*,?\[\]{}]+$"
"""What a schema can say of an address; ``read_osc_control`` is stricter."""

_NOT_IN_ADDRESSES: Final = " #*,?[]{}"


_MORE = ("channel", "kind", "bits", "order", "mode", "step", "max_step", "wrap", "led", "motorized")
_RELATIVE = ("step", "max_step", "wrap")


def read_control(name: str, part: YamlPart, also: Sequence[str] = ()) -> Control:
    """The control ``part`` describes; raises MappingError. Without a name it gets one.

    ``also`` are keys that are somebody else's.
    """
    if "osc" in part.entries("a control"):
        raise part.error("an OSC address stands in its binding: 'from: {osc: /1/fader1}'")
    fields = part.fields("a control", (*SOURCES, *_MORE, *also))
    sources = [word for word in SOURCES if word in fields]
    if len(sources) != 1:
        raise part.error(f"a control has one source out of {', '.join(SOURCES)}")
    source = sources[0]
    number = _read_number(source, fields[source])
    channel = _read_channel(fields)
    kind = EventKind(source)
    encoding = Encoding.ABSOLUTE
    if "mode" in fields:
        encoding = Encoding(fields["mode"].choice("mode", [str(e) for e in Encoding]))
        if encoding is not Encoding.ABSOLUTE and kind is not EventKind.CC:
            raise fields["mode"].error("only a cc can be relative")
    bits = _read_bits(kind, fields)
    if kind is EventKind.CC and bits == 14:
        if number is None or number > 31:
            raise fields["cc"].error("a 14-bit cc is 0..31; its fine half is 32 above")
        if encoding is not Encoding.ABSOLUTE:
            raise fields["mode"].error("a 14-bit cc cannot be relative")
        kind = EventKind.CC14
    button = kind in (EventKind.NOTE, EventKind.PROGRAM_CHANGE)
    if "kind" in fields:
        button = fields["kind"].choice("kind", ("knob", "button")) == "button"
        if button and (encoding is not Encoding.ABSOLUTE or bits == 14):
            raise fields["kind"].error("a button is neither relative nor 14-bit")
        if not button and kind in (EventKind.NOTE, EventKind.PROGRAM_CHANGE):
            raise fields["kind"].error(f"a {source} is a button")
    for word in _RELATIVE:
        if word in fields and encoding is Encoding.ABSOLUTE:
            raise fields[word].error(f"{word!r} is for relative modes, as in 'mode: binary_offset'")
    if "order" in fields and kind is not EventKind.CC14:
        raise fields["order"].error("'order' is for a cc with 'bits: 14'")
    step = _read_step("step", fields) or 0.01
    max_step = _read_step("max_step", fields)
    if max_step is not None and max_step < step:
        raise fields["max_step"].error(f"max_step {max_step:g} is below step {step:g}")
    order = Order.MSB_FIRST
    if "order" in fields:
        order = Order(fields["order"].choice("order", [str(o) for o in Order]))
    return Control(
        name=name or _name(source, number, channel),
        kind=kind,
        number=number,
        channel=channel,
        button=button,
        bits=bits,
        order=order,
        encoding=encoding,
        step=step,
        max_step=max_step,
        wrap="wrap" in fields and fields["wrap"].flag("wrap"),
        light=_read_light(fields["led"]) if "led" in fields else None,
        motorized="motorized" in fields and fields["motorized"].flag("motorized"),
    )


def addresses(control: Control) -> tuple[object, ...]:
    """What a control listens to; two controls that share one of these are in each other's way."""
    if control.kind is EventKind.CC14:
        coarse = control.number or 0
        return (
            (EventKind.CC, coarse, control.channel),
            (EventKind.CC, coarse + 32, control.channel),
        )
    return ((control.kind, control.number, control.channel),)


def _read_number(source: str, part: YamlPart) -> int | None:
    if source == "pitch_bend":
        if not part.flag(source):
            raise part.error("write 'pitch_bend: true'; its channel goes into 'channel'")
        return 0
    if source == "program_change" and part.is_text() and part.text(source) == "any":
        return None
    return part.integer(source, 0, SOURCES[source])


def _read_channel(fields: dict[str, YamlPart]) -> int | None:
    part = fields.get("channel")
    if part is None or (part.is_text() and part.text("channel") == "any"):
        return None
    return part.integer("channel", 1, 16)


def _read_bits(kind: EventKind, fields: dict[str, YamlPart]) -> int:
    fine = kind in (EventKind.NRPN, EventKind.RPN, EventKind.PITCH_BEND)
    if "bits" not in fields:
        return 14 if fine else 7
    bits = fields["bits"].choice("bits", ("7", "14"))
    if bits == "14" and not fine and kind is not EventKind.CC:
        raise fields["bits"].error(f"a {kind} has 7 bits")
    return int(bits)


def _read_step(word: str, fields: dict[str, YamlPart]) -> float | None:
    if word not in fields:
        return None
    step = fields[word].number(word)
    if not 0.0 < step <= 1.0:
        raise fields[word].error(f"{word} is above 0 and at most 1 (the whole way), not {step:g}")
    return step


def _read_light(part: YamlPart) -> Light:
    fields = part.fields("a led", ("cc", "note", "channel", "on", "off"))
    if ("cc" in fields) == ("note" in fields):
        raise part.error("a led listens to either a cc or a note")
    source = "cc" if "cc" in fields else "note"
    return Light(
        EventKind(source),
        fields[source].integer(source, 0, 127),
        _read_channel(fields),
        fields["on"].integer("on", 0, 127) if "on" in fields else 127,
        fields["off"].integer("off", 0, 127) if "off" in fields else 0,
    )


def _name(source: str, number: int | None, channel: int | None) -> str:
    what = source if source == "pitch_bend" else f"{source} {'any' if number is None else number}"
    return what if channel is None else f"{what} channel {channel}"


def read_osc_control(part: YamlPart) -> OscControl:
    """The control ``part`` describes; raises MappingError."""
    fields = part.fields("an OSC source", OSC_FIELDS)
    address = fields["osc"].text("osc")
    if wrong := _fault(address):
        raise fields["osc"].error(f"{address!r} is no OSC address: {wrong}")
    if address == OWN or address.startswith(f"{OWN}/"):
        raise fields["osc"].error(f"{address} is the daemon's own; it works without a binding")
    low, high = 0.0, 1.0
    if "range" in fields:
        ends = fields["range"].items("range")
        if len(ends) != 2:
            raise fields["range"].error("a range is two numbers: [from, to]")
        low, high = (end.number("range") for end in ends)
        if low == high:
            raise fields["range"].error(f"a range from {low:g} to {high:g} leaves nothing to turn")
    button = "kind" in fields and fields["kind"].choice("kind", ("knob", "button")) == "button"
    return OscControl(address, low, high, button)


def _fault(address: str) -> str:
    if not address.startswith("/"):
        return "it begins with /"
    if "//" in address or address.endswith("/"):
        return "a part of it is empty"
    for char in address:
        if char in _NOT_IN_ADDRESSES or not "!" <= char <= "~":
            return f"it has no {char!r}"
    if len(address) > MAX_LENGTH:
        return f"it has more than {MAX_LENGTH} characters"
    return ""
