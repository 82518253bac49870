"""From the engine's rate and channels to the interface's."""

from __future__ import annotations

import numpy as np

from mula_bridge.errors import Unavailable
from mula_daemon.audio.samples import Samples


class Converter:
    """One take's way from (rate, channels) to (rate, channels); rates in Hz.

    Equal rates pass sample for sample. Mono goes to every channel; of more channels
    than the interface has, the first ones are heard, and a mono interface hears their
    mean. Raises Unavailable when a conversion is needed and soxr is not there. One
    thread, one take.
    """

    def __init__(self, rate: int, channels: int, to_rate: int, to_channels: int) -> None:
        self._heard = min(2, channels)
        self._to_channels = to_channels
        self._stream = None
        if rate == to_rate:
            return
        try:
            import soxr
        except ImportError as error:
            raise Unavailable(
                f"the audio interface runs at {to_rate} Hz and the engine at {rate} Hz: "
                f"set the interface to {rate} Hz, or install soxr (pip install soxr)"
            ) from error
        self._stream = soxr.ResampleStream(rate, to_rate, to_channels, dtype="float32")

    def convert(self, samples: Samples, *, last: bool = False) -> Samples:
        """The next frames [m, to_channels] from ``samples`` [n, channels].

        ``last`` hands out what the filter still holds; call no more after it.
        """
        mapped = self._map(samples)
        if self._stream is None:
            return mapped
        converted: Samples = self._stream.resample_chunk(np.ascontiguousarray(mapped), last=last)
        return converted

    def _map(self, samples: Samples) -> Samples:
        heard = samples[:, : self._heard]
        if heard.shape[1] == self._to_channels:
            return heard
        if self._to_channels == 1:
            mean: Samples = heard.mean(axis=1, keepdims=True, dtype=np.float32)
            return mean
        return np.repeat(heard, self._to_channels, axis=1)
