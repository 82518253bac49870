"""Musical time: where the beat is, who leads it, and what waits for it."""

from mula_daemon.tempo.conductor import CLOCK, Conductor
from mula_daemon.tempo.link import LinkPeer
from mula_daemon.tempo.midi_tempo import MidiTempo
from mula_daemon.tempo.timeline import Timeline
from mula_daemon.tempo.transport import Transport

__all__ = ["CLOCK", "Conductor", "LinkPeer", "MidiTempo", "Timeline", "Transport"]
