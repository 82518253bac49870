"""MIDI bytes to events, and the ports that they come through."""

from mula_bridge.midi.backend import CLOSE_S, Backend, RtMidi
from mula_bridge.midi.clock import ClockNews, Clocks
from mula_bridge.midi.connections import Connections
from mula_bridge.midi.decoding import Decoder, Event, EventKind, Order, parse
from mula_bridge.midi.monitor import monitor
from mula_bridge.midi.port_names import port_matches
from mula_bridge.midi.reader import Heard

__all__ = [
    "CLOSE_S", "Backend", "ClockNews", "Clocks", "Connections", "Decoder", "Event", "EventKind",
    "Heard", "Order", "RtMidi", "monitor", "parse", "port_matches",
]  # fmt: skip
