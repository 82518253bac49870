"""HeartCodec: codes at 12.5 Hz in, 48 kHz stereo out."""

from mula_daemon.engine.heartmula.codec.config import (
    CHANNELS,
    LATENTS_PER_FRAME,
    CodecConfig,
    read_codec_config,
)
from mula_daemon.engine.heartmula.codec.flow import Flow
from mula_daemon.engine.heartmula.codec.graphs import SoundStream, WindowShape
from mula_daemon.engine.heartmula.codec.heart_codec import (
    Checked,
    Codes,
    GeneratorNoise,
    HeartCodec,
    Noise,
)
from mula_daemon.engine.heartmula.codec.precision import Arithmetic
from mula_daemon.engine.heartmula.codec.waveform_decoder import WaveformDecoder, WaveformStream

__all__ = [
    "CHANNELS",
    "LATENTS_PER_FRAME",
    "Arithmetic",
    "Checked",
    "CodecConfig",
    "Codes",
    "Flow",
    "GeneratorNoise",
    "HeartCodec",
    "Noise",
    "SoundStream",
    "WaveformDecoder",
    "WaveformStream",
    "WindowShape",
    "read_codec_config",
]  # fmt: skip
