"""MIDI bytes to events, and the ports that they come through."""

from mula_bridge.midi.backlog import HEARD_LIMIT, MidiBacklog, Said
from mula_bridge.midi.clock import ClockNews, Clocks
from mula_bridge.midi.decoding import Decoder, Event, EventKind, Order, parse
from mula_bridge.midi.listing import list_ports
from mula_bridge.midi.monitor import monitor
from mula_bridge.midi.port_messages import (
    Arrived,
    PortNews,
    PortsChanged,
    PortsSeen,
    PortTrouble,
    PortWish,
)
from mula_bridge.midi.port_names import port_matches, port_pattern
from mula_bridge.midi.ports import POLL_SECONDS, MidiPorts, Ports, Tell

__all__ = [
    "HEARD_LIMIT",
    "POLL_SECONDS",
    "Arrived",
    "ClockNews",
    "Clocks",
    "Decoder",
    "Event",
    "EventKind",
    "MidiBacklog",
    "MidiPorts",
    "Order",
    "PortNews",
    "PortTrouble",
    "PortWish",
    "Ports",
    "PortsChanged",
    "PortsSeen",
    "Said",
    "Tell",
    "list_ports",
    "monitor",
    "parse",
    "port_matches",
    "port_pattern",
]  # fmt: skip
