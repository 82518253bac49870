"""An OSC source of a mapping file, as in ``{osc: /1/fader1, range: [0, 1]}``."""

from __future__ import annotations

from typing import Final

from mula_bridge.mapping.model import OscControl
from mula_bridge.mapping.yaml_tree import YamlPart
from mula_bridge.osc import MAX_LENGTH

OSC_FIELDS: Final = ("osc", "range", "kind")
OWN: Final = "/mula"
"""Where the daemon's own addresses are; nobody else's are bound there."""
ADDRESS: Final = r"^/(?!mula(/|$))[^\s#*,?\[\]{}]+$"
"""What a schema can say of an address; ``read_osc_control`` is stricter."""

_NOT_IN_ADDRESSES: Final = " #*,?[]{}"


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
