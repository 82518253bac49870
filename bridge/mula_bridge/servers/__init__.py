"""The transports that we serve: OSC over UDP and TCP, OSCQuery with its page, MIDI ports."""

from mula_bridge.servers.midi import MidiSource
from mula_bridge.servers.midi_learning import LEARN, MidiLearning, default_learnt_file
from mula_bridge.servers.tcp import OscTcpServer
from mula_bridge.servers.udp import OscServer

__all__ = [
    "LEARN", "MidiLearning", "MidiSource", "OscServer", "OscTcpServer", "default_learnt_file",
]  # fmt: skip
