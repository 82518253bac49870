"""Sound on its way to the audio interface: ring, player, conversion, devices, levels."""

from mula_daemon.audio import levels
from mula_daemon.audio.converter import Converter
from mula_daemon.audio.devices import acquire, choose
from mula_daemon.audio.interface import Interface
from mula_daemon.audio.interface_worker import InterfaceState
from mula_daemon.audio.levels import Gain, loudness_lufs, to_dbfs, to_gain
from mula_daemon.audio.listing import list_outputs
from mula_daemon.audio.samples import SECOND_NS, Samples, check_block
from mula_daemon.audio.speaker import Speaker
from mula_daemon.audio.voice import Voice

__all__ = [
    "SECOND_NS", "Converter", "Gain", "Interface", "InterfaceState", "Samples", "Speaker", "Voice",
    "acquire", "check_block", "choose", "levels", "list_outputs", "loudness_lufs", "to_dbfs",
    "to_gain",
]  # fmt: skip
