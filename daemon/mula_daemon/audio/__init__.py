"""Sound on its way to the audio interface: ring, player, conversion, devices, levels."""

from mula_daemon.audio import levels
from mula_daemon.audio.converter import Converter
from mula_daemon.audio.devices import acquire, choose, list_outputs
from mula_daemon.audio.interface import Interface, InterfaceState
from mula_daemon.audio.levels import loudness_lufs, to_dbfs, to_gain
from mula_daemon.audio.outlet import Nowhere
from mula_daemon.audio.samples import Samples, check_block
from mula_daemon.audio.speaker import Speaker
from mula_daemon.audio.stream_voice import StreamVoice
from mula_daemon.audio.voice import Voice

__all__ = [
    "Converter",
    "Interface",
    "InterfaceState",
    "Nowhere",
    "Samples",
    "Speaker",
    "StreamVoice",
    "Voice",
    "acquire",
    "check_block",
    "choose",
    "levels",
    "list_outputs",
    "loudness_lufs",
    "to_dbfs",
    "to_gain",
]
