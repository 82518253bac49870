"""The synthesiser that turns codes of `mini` into sound.

Nothing is imported here: ``scale`` is read by the daemon process, which must
not load numpy's and scipy's weight to learn the name of a key.
"""

from mula_daemon.engine.mini.synth.audio import SAMPLE_RATE
from mula_daemon.engine.mini.synth.bus import Bus
from mula_daemon.engine.mini.synth.clip_renderer import ClipRenderer
from mula_daemon.engine.mini.synth.kit import Kit
from mula_daemon.engine.mini.synth.synthesiser import Synthesiser, warm_up

__all__ = [
    "SAMPLE_RATE",
    "Bus",
    "ClipRenderer",
    "Kit",
    "Synthesiser",
    "warm_up",
]
