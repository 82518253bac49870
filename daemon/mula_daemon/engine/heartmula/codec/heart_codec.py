"""HeartCodec's decoder: from codes to stereo sound, one window at a time.

A window of 29.76 s is denoised at once. Windows overlap by 52 frames, where the next one takes
over the latents of the one before, and the sound of both is cross-faded. Clips of 424 + 320 n
frames, which the published code cuts short by 52, come out whole. Engine process only; one thread
at a time.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mula_bridge.errors import BadInput
from mula_daemon.audio import Samples
from mula_daemon.engine.heartmula.codec.config import (
    LATENTS_PER_FRAME,
    CodecConfig,
    read_codec_config,
)
from mula_daemon.engine.heartmula.codec.flow import Flow
from mula_daemon.engine.heartmula.codec.graphs import CodecGraphs
from mula_daemon.engine.heartmula.codec.precision import Arithmetic
from mula_daemon.engine.heartmula.codec.waveform_decoder import WaveformDecoder
from mula_daemon.engine.heartmula.codec.weights import load_codec_weights
from mula_daemon.engine.lm import Record, sent

WINDOW = 372  # frames
HOP = 320  # frames
OVERLAP = WINDOW - HOP

Codes = NDArray[np.integer[Any]] | Tensor
Checked = NDArray[np.int64]
"""Codes that are codes, on the host."""


class Noise(Protocol):
    """Where a codec's randomness comes from: standard normal float32 [latents, width]."""

    def __call__(self, latents: int, width: int, /) -> Tensor: ...


class GeneratorNoise:
    """Noise drawn on the generator's own device, so that a CPU seed means the same everywhere."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def __call__(self, latents: int, width: int, /) -> Tensor:
        device = self._generator.device
        return torch.randn(latents, width, generator=self._generator, device=device)


class HeartCodec:
    """A codec on one device.

    ``flow`` turns codes to latents (25 per second), ``waveform`` latents to sound.
    """

    def __init__(self, config: CodecConfig, flow: Flow, waveform: WaveformDecoder) -> None:
        self.config = config
        self.sample_rate = config.sample_rate
        self.flow = flow
        self.waveform = waveform
        self.graphs = CodecGraphs(flow, waveform)

    def record_with(self, record: Record | None) -> None:
        """Have windows recorded that are prepared from now on; what is recorded is given up."""
        self.graphs = CodecGraphs(self.flow, self.waveform, record)

    @classmethod
    def load(
        cls,
        directory: Path,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> "HeartCodec":
        """From the folder of a checkpoint: config.json, and one safetensors file or shards.

        ``dtype`` is that of the flow transformer; everything else is float32. Raises
        `CheckpointError`.
        """
        config = read_codec_config(directory)
        return cls(config, *load_codec_weights(directory, config, dtype)).to(device)

    @property
    def device(self) -> torch.device:
        return self.flow.cond_feature_emb.weight.device

    def to(self, device: torch.device | str) -> "HeartCodec":
        """Itself, moved: off the GPU when others need the memory, and back."""
        self.graphs.forget()
        self.flow.forget()
        self.flow.to(device)
        self.waveform.to(device)
        return self

    def decode(
        self,
        codes: Codes,
        generator: torch.Generator,
        *,
        steps: int = 10,
        guidance: float = 1.25,
    ) -> Samples:
        """The whole clip, float32 [S, 2], S = T * samples per frame (3840 as published).

        ``codes`` are integers [Q, T], T >= 1. ``steps`` >= 1 trades time for closeness;
        ``guidance`` 1 takes half the time. Raises `BadInput` for codes that are no codes.
        """
        noise = GeneratorNoise(generator)
        return np.concatenate(list(self.blocks(codes, noise, steps=steps, guidance=guidance)))

    def blocks(
        self, codes: Codes, noise: Noise, *, steps: int = 10, guidance: float = 1.25
    ) -> Iterator[Samples]:
        """`decode`, window by window: float32 [S_i, 2] as soon as each is final.

        ``noise`` is called once per window. Raises `BadInput` at once.
        """
        if steps < 1:
            raise BadInput(f"the codec needs at least 1 step, not {steps}")
        return self._blocks(self.checked(codes), noise, steps, guidance)

    def _blocks(
        self, codes: Checked, noise: Noise, steps: int, guidance: float
    ) -> Iterator[Samples]:
        frames = codes.shape[1]
        rate = self.config.samples_per_frame
        context = torch.empty(1, 0, self.config.latent_width, device=self.device)
        tail: Samples | None = None  # what the next window's sound fades in over
        for start in range(0, max(frames - OVERLAP, 1), HOP):
            # Beyond its end the clip begins again: a model of full windows knows no silence.
            looped = np.arange(start, start + WINDOW) % frames
            latents = self.window(codes[None, :, looped], context, [noise], steps, guidance)
            context = latents[:, -OVERLAP * LATENTS_PER_FRAME :]
            stop = min(WINDOW, frames - start) * LATENTS_PER_FRAME
            sound = self.waveform.decode(latents[0], stop=stop).numpy(force=True)
            if tail is not None:
                sound[: len(tail)] = cross_fade(tail, sound[: len(tail)])
            tail = sound[HOP * rate :]
            yield sound[: HOP * rate]
        if tail is not None and len(tail):
            yield tail

    def window(
        self,
        codes: Checked,
        context: Tensor,
        noises: Sequence[Noise],
        steps: int,
        guidance: float,
        arithmetic: Arithmetic = Arithmetic.LOADED,
    ) -> Tensor:
        """Latents [N, 2 * T, D] of ``codes`` [N, Q, T], one row a take.

        ``context`` [N, C, D] are those that are known already, on the device. Each of ``noises``
        is called once. On a GPU everything is queued on the current stream, and the host does not
        wait for it.
        """
        latents, width = codes.shape[-1] * LATENTS_PER_FRAME, self.config.latent_width
        noise = torch.stack([draw(latents, width) for draw in noises])
        given = sent(torch.from_numpy(np.ascontiguousarray(codes)), self.device)
        noise = sent(noise, self.device)
        return self.graphs.solve(given, context, noise, steps, guidance, arithmetic)

    def checked(self, codes: Codes, *takes: int) -> Checked:
        """A copy [*takes, Q, T] on the host, every code in its codebook. Raises `BadInput`."""
        given = codes.numpy(force=True) if isinstance(codes, Tensor) else np.array(codes)
        levels, size = self.config.quantisers, self.config.codebook_size
        if not np.issubdtype(given.dtype, np.integer):
            raise BadInput(f"codes must be integers, not {given.dtype}")
        if given.shape[:-1] != (*takes, levels) or not given.shape[-1]:
            wanted = ", ".join(map(str, (*takes, levels)))
            raise BadInput(f"codes must be [{wanted}, frames], not {list(given.shape)}")
        low, high = int(given.min()), int(given.max())
        if low < 0 or high >= size:  # on a GPU the lookup would end the process
            wrong = low if low < 0 else high
            raise BadInput(f"code {wrong} is outside the codec's 0..{size - 1}")
        return given.astype(np.int64)


def cross_fade(old: Samples, new: Samples) -> Samples:
    """From all ``old`` to all ``new``, both [S, channels], in a straight line."""
    rise = np.linspace(0.0, 1.0, len(old))[:, None]
    return (old * (1.0 - rise) + new * rise).astype(np.float32)
