"""The synthesiser that turns codes of `mini` into sound."""

from mula_daemon.engine.mini.synth.audio import SAMPLE_RATE
from mula_daemon.engine.mini.synth.bus import Bus
from mula_daemon.engine.mini.synth.clip_renderer import ClipRenderer, RenderedSound
from mula_daemon.engine.mini.synth.kit import Kit
from mula_daemon.engine.mini.synth.synthesiser import Synthesiser, warm_up

__all__ = ["SAMPLE_RATE", "Bus", "ClipRenderer", "Kit", "RenderedSound", "Synthesiser", "warm_up"]
