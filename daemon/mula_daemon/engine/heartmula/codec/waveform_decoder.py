"""Convolutions from latents to sound, both channels as two rows of one batch.

Everything but the first convolution is causal, so any stretch can be decoded by itself, given
some latents before it and a few after: memory is bounded and a stream has no seams. Float32
throughout: narrower types are heard. Engine process only.

Letters: N rows (channels), C convolution channels, L latents, S samples.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mula_daemon.engine.heartmula.codec.config import CHANNELS, CodecConfig
from mula_daemon.engine.heartmula.codec.precision import full_precision

CHUNK = 128  # latents at a time; with published sizes an activation is then 0.17 GB
DILATIONS = (1, 3, 5, 7, 9)
LEVELS = 9  # the latents the decoder was trained on are multiples of 1 / LEVELS


class WaveformDecoder(nn.Module):
    """Names of parameters are those of the published checkpoint, its weight norm folded."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.samples_per_latent = config.samples_per_latent
        self.look_ahead = config.look_ahead_kernel // 2
        self.look_back = _look_back(config)
        widths = [config.channels * 2**i for i in range(len(config.upsample_factors), -1, -1)]
        sizes = zip(pairwise(widths), config.upsample_factors, strict=True)
        stages = [Upsampler(config, into, out, factor) for (into, out), factor in sizes]
        last = [Repeater(config)] if config.repeats > 1 else []
        inputs, kernel = config.latent_width // CHANNELS, config.look_ahead_kernel
        self.decoder = nn.ModuleList(
            [
                nn.Conv1d(inputs, widths[0], kernel, padding=self.look_ahead),
                *stages,
                *last,
                CausalConv(config.channels, 1, config.last_kernel),
            ]
        )

    @torch.inference_mode()
    def decode(self, latents: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """The sound of latents ``start`` to ``stop``: float32 [S, channels].

        ``latents`` float32 [L, D] also gives what lies around that stretch: it sounds as if all
        of them were decoded at once. Beyond both ends lie zeros.
        """
        stop = len(latents) if stop is None else stop
        with full_precision():
            parts = [
                self._stretch(latents, begin, min(begin + CHUNK, stop))
                for begin in range(start, stop, CHUNK)
            ]
        return torch.cat(parts) if parts else torch.empty(0, CHANNELS, device=latents.device)

    def _stretch(self, latents: Tensor, start: int, stop: int) -> Tensor:
        first = max(0, start - self.look_back)
        around = latents[first : stop + self.look_ahead]
        x = around.view(len(around), CHANNELS, -1).permute(1, 2, 0)  # [N, D / N, L]
        x = torch.round(LEVELS * x) / LEVELS
        for layer in self.decoder:
            x = layer(x)
        rate = self.samples_per_latent
        sound: Tensor = x[:, 0].T[(start - first) * rate : (stop - first) * rate]  # [S, N]
        return sound


class CausalConv(nn.Conv1d):
    """A convolution over the present and the past, as long out as in."""

    def forward(self, x: Tensor) -> Tensor:
        reach = self.dilation[0] * (self.kernel_size[0] - 1)
        out: Tensor = super().forward(F.pad(x, (reach, 0)))
        return out


class ResidualUnit(nn.Module):
    """Two convolutions beside a straight path: the first dilated, the second pointwise."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = CausalConv(channels, channels, kernel, dilation=dilation)
        self.conv2 = CausalConv(channels, channels, 1)
        self.activation1 = nn.PReLU()
        self.activation2 = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation1(self.conv1(x))
        out: Tensor = x + self.activation2(self.conv2(y))
        return out


class Upsampler(nn.Module):
    """``factor`` times as many samples, then residual units of growing dilation."""

    def __init__(self, config: CodecConfig, into: int, out: int, factor: int) -> None:
        super().__init__()
        layer = nn.ConvTranspose1d(into, out, 2 * factor, stride=factor)
        self.up_conv = nn.ModuleDict({"layer": layer})
        self.factor = factor
        self.convs = nn.ModuleList(
            ResidualUnit(out, config.residual_kernel, dilation) for dilation in DILATIONS
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.up_conv["layer"](x)[..., : -self.factor]  # the rest belongs to the future
        for unit in self.convs:
            x = unit(x)
        return x


class Repeater(nn.Module):
    """Every sample ``repeats`` times, smoothed by a convolution."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.repeats = config.repeats
        self.conv = CausalConv(config.channels, config.channels, config.last_kernel)
        self.activation = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.conv(x.repeat_interleave(self.repeats, dim=-1)))
        return out


def _look_back(config: CodecConfig) -> int:
    """How many latents before its own can change a sample: from the end back to the start."""
    reach = config.last_kernel - 1
    if config.repeats > 1:
        reach = math.ceil((reach + config.last_kernel - 1) / config.repeats)
    for factor in reversed(config.upsample_factors):
        reach += sum(DILATIONS) * (config.residual_kernel - 1)
        reach = math.ceil(reach / factor) + 1  # a transposed kernel is two strides long
    return reach + config.look_ahead_kernel // 2
