"""Convolutions from latents to sound, both channels as two rows of one batch.

All are causal but the first, whose sound comes a few latents late: a stream keeps for each the
inputs that it needs again, so nothing is computed twice, memory is bounded and there are no seams.
Float32 throughout: narrower types are heard. Engine process only.

Letters: N takes, R rows (channels of takes), C convolution channels, L latents, D their width,
T convolution inputs, S samples.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mula_daemon.engine.heartmula.codec.config import CHANNELS, CodecConfig
from mula_daemon.engine.heartmula.codec.precision import full_precision

CHUNK = 32  # latents at a time, of all takes; with published sizes an activation is then 31 MB
DILATIONS = (1, 3, 5, 7, 9)
LEVELS = 9  # the latents the decoder was trained on are multiples of 1 / LEVELS

Past = Mapping[nn.Module, Tensor]
"""What each convolution still needs of its inputs, [R, C, reach]; changed in place."""


class WaveformDecoder(nn.Module):
    """Names of parameters are those of the published checkpoint, its weight norm folded."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.latent_width = config.latent_width
        self.samples_per_latent = config.samples_per_latent
        self.look_ahead = config.look_ahead_kernel // 2
        widths = [config.channels * 2**i for i in range(len(config.upsample_factors), -1, -1)]
        sizes = zip(pairwise(widths), config.upsample_factors, strict=True)
        stages = [Upsampler(config, into, out, factor) for (into, out), factor in sizes]
        last = [Repeater(config)] if config.repeats > 1 else []
        inputs = config.latent_width // CHANNELS
        self.decoder = nn.ModuleList(
            [
                CausalConv(inputs, widths[0], config.look_ahead_kernel),
                *stages,
                *last,
                CausalConv(config.channels, 1, config.last_kernel),
            ]
        )

    @torch.inference_mode()
    def decode(self, latents: Tensor, stop: int | None = None) -> Tensor:
        """The sound of ``latents`` [L, D] up to ``stop``: float32 [S, channels].

        Those behind ``stop`` are heard in it as in the sound of all; beyond both ends lie zeros.
        """
        stop = len(latents) if stop is None else stop
        beyond = stop + self.look_ahead
        heard = F.pad(latents[:beyond], (0, 0, 0, max(0, beyond - len(latents))))
        return WaveformStream(self).push(heard[None])[0]


class WaveformStream:
    """Decodes latents stretch by stretch; each goes on where the one before ended.

    However they are cut, it sounds as if all were decoded at once. ``rows`` takes are decoded side
    by side. What is kept lies in memory of its own and is changed in place: once `look_ahead`
    latents have come, a push of a certain length may be recorded as a CUDA graph and replayed.
    """

    def __init__(self, decoder: WaveformDecoder, rows: int = 1) -> None:
        """At the beginning, before which lie zeros; on the decoder's device as it is now."""
        self._device = next(decoder.parameters()).device
        self._decoder = decoder
        self._takes = rows
        self._chunk = max(1, CHUNK // rows)
        self._past = {
            conv: conv.weight.new_zeros(rows * CHANNELS, conv.in_channels, conv.reach)
            for conv in decoder.modules()
            if isinstance(conv, CausalConv | CausalTransposedConv)
        }
        self._early = decoder.look_ahead

    @property
    def look_ahead(self) -> int:
        """How many latents its sound ends before."""
        return self._decoder.look_ahead

    @property
    def begun(self) -> bool:
        """Whether a push gives as much sound as it takes latents, and always does the same."""
        return not self._early

    def silence(self, latents: int) -> Tensor:
        """[N, L, D] of zeros, which is what lies beyond both ends."""
        return self._zeros(latents, self._decoder.latent_width)

    @torch.inference_mode()
    def reset(self) -> None:
        """Go back to the beginning, in the same memory."""
        for past in self._past.values():
            past.zero_()
        self._early = self._decoder.look_ahead

    @torch.inference_mode()
    def push(self, latents: Tensor) -> Tensor:
        """The sound that is now final, float32 [N, S, channels], of ``latents`` [N, L, D].

        It ends ``look_ahead`` latents before these do, so the first ones give less, or nothing.
        """
        starts = range(0, latents.shape[1], self._chunk)
        with full_precision():
            parts = [self._step(latents[:, at : at + self._chunk]) for at in starts]
        if len(parts) == 1:
            return parts[0]
        return torch.cat([self._zeros(0, CHANNELS), *parts], dim=1)

    def finish(self) -> Tensor:
        """The sound of the last ``look_ahead`` latents, float32 [N, S, channels]: zeros follow."""
        return self.push(self.silence(self.look_ahead))

    def _zeros(self, length: int, width: int) -> Tensor:
        return torch.zeros(self._takes, length, width, device=self._device)

    def _step(self, latents: Tensor) -> Tensor:
        """As `push`, all at once."""
        takes, length, width = latents.shape
        early = min(length, self._early)
        self._early -= early
        x = latents.view(takes, length, CHANNELS, width // CHANNELS)
        x = x.permute(0, 2, 3, 1).flatten(0, 1)  # [R, C, L]
        x = torch.round(LEVELS * x) / LEVELS
        first, *others = self._decoder.decoder
        x = first(x, self._past)[..., early:]  # what belongs before the beginning is not heard
        if early == length:
            return self._zeros(0, CHANNELS)
        for layer in others:
            x = layer(x, self._past)
        sound: Tensor = x.view(takes, CHANNELS, -1).transpose(1, 2).contiguous()
        return sound


class CausalConv(nn.Conv1d):
    """A convolution over the present and the past, as long out as in."""

    @property
    def reach(self) -> int:
        """How many inputs before the present one it sees."""
        return self.dilation[0] * (self.kernel_size[0] - 1)

    def forward(self, x: Tensor, past: Past) -> Tensor:  # type: ignore[override]
        """[R, C, T] -> [R, out, T]."""
        return super().forward(_continued(past[self], x) if self.reach else x)


class CausalTransposedConv(nn.ConvTranspose1d):
    """``factor`` outputs for each input, of it and the one before."""

    reach = 1

    def __init__(self, into: int, out: int, factor: int) -> None:
        super().__init__(into, out, 2 * factor, stride=factor)

    def forward(self, x: Tensor, past: Past) -> Tensor:  # type: ignore[override]
        """[R, C, T] -> [R, out, T * factor]."""
        factor, joined = self.stride[0], _continued(past[self], x)
        if x.device.type == "cpu" and x.shape[-1] < self.in_channels:
            return self._as_product(joined)
        y = super().forward(joined)
        return y[..., factor:-factor]  # the rest belongs to the past, or lacks its future

    def _as_product(self, x: Tensor) -> Tensor:
        """The same of ``x`` [R, C, 1 + T] on a CPU, where a convolution with many weights and few
        inputs spends nearly all its time on laying the weights out, at every call."""
        rows, _, length = x.shape
        y = x.mT.flatten(0, 1) @ self.weight.flatten(1)
        y = y.view(rows, length, self.out_channels, 2, -1)  # halves of the kernel, factor
        y = y[:, 1:, :, 0] + y[:, :-1, :, 1]
        if self.bias is not None:
            y += self.bias[:, None]
        return y.transpose(1, 2).flatten(2)


def _continued(past: Tensor, x: Tensor) -> Tensor:
    """``x`` [R, C, T] with what came before it, which then moves on."""
    joined = torch.cat([past, x], dim=-1)
    past.copy_(joined[..., x.shape[-1] :])
    return joined


class ResidualUnit(nn.Module):
    """Two convolutions beside a straight path: the first dilated, the second pointwise."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = CausalConv(channels, channels, kernel, dilation=dilation)
        self.conv2 = CausalConv(channels, channels, 1)
        self.activation1 = nn.PReLU()
        self.activation2 = nn.PReLU()

    def forward(self, x: Tensor, past: Past) -> Tensor:
        y = self.activation1(self.conv1(x, past))
        out: Tensor = x + self.activation2(self.conv2(y, past))
        return out


class Upsampler(nn.Module):
    """``factor`` times as many samples, then residual units of growing dilation."""

    def __init__(self, config: CodecConfig, into: int, out: int, factor: int) -> None:
        super().__init__()
        self.up_conv = nn.ModuleDict({"layer": CausalTransposedConv(into, out, factor)})
        self.convs = nn.ModuleList(
            ResidualUnit(out, config.residual_kernel, dilation) for dilation in DILATIONS
        )

    def forward(self, x: Tensor, past: Past) -> Tensor:
        x = self.up_conv["layer"](x, past)
        for unit in self.convs:
            x = unit(x, past)
        return x


class Repeater(nn.Module):
    """Every sample ``repeats`` times, smoothed by a convolution."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.repeats = config.repeats
        self.conv = CausalConv(config.channels, config.channels, config.last_kernel)
        self.activation = nn.PReLU()

    def forward(self, x: Tensor, past: Past) -> Tensor:
        repeated = x.repeat_interleave(self.repeats, dim=-1)
        out: Tensor = self.activation(self.conv(repeated, past))
        return out
