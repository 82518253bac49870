"""Which datagrams of our own addresses a backlog may treat apart from the rest."""

from __future__ import annotations

from typing import Final

from mula_bridge.api import addresses
from mula_bridge.osc import write_text

_SIZES: Final = {"i": 4, "f": 4, "h": 8, "d": 8}

SETTERS: Final = {
    head: len(head) + size
    for address, row, knob in addresses.concrete()
    if knob is not None and row.template in ("/mula/knob/NAME", "/mula/norm/NAME")
    for tag, size in _SIZES.items()
    for head in (write_text(address) + write_text(f",{tag}"),)
}
"""How datagrams begin that do nothing but set a knob to a number, and how long they are."""

PING: Final = write_text("/mula/ping")
"""How those begin whose answer should not wait."""
