"""What a control in a hand does: bound MIDI controls and OSC addresses."""

from mula_bridge.bindings.learn import Learner, Learnt
from mula_bridge.bindings.learn_overlay import write_learnt
from mula_bridge.bindings.midi import MidiRouter, Outgoing
from mula_bridge.bindings.osc import OscBindings, Unbound

__all__ = ["Learner", "Learnt", "MidiRouter", "OscBindings", "Outgoing", "Unbound", "write_learnt"]
