"""Convolution with a long response, block by block.

Uniformly partitioned overlap-save (T. G. Stockham, 1966; W. G. Gardner, JAES
43, 1995). One partition of delay is kept: for a reverb it is the pre-delay.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mula_daemon.engine.mini.synth.audio import Samples

_FULL_PARTITIONS: Final = 5
_LATE_PART: Final = 5
"""Late partitions keep the lowest fifth of the bins: the tail is dark by then."""

Spectra = NDArray[np.complex64]


class Response:
    """The spectra of a stereo response's partitions. Immutable; any thread."""

    def __init__(self, response: Samples, size: int) -> None:
        """``response`` is ``[2, m]``; ``size`` samples make a partition."""
        self.size = size
        self.count = -(-response.shape[1] // size)
        padded = np.zeros((2, self.count * size), np.float32)
        padded[:, : response.shape[1]] = response
        blocks = padded.reshape(2, self.count, size)
        spectra = scipy.fft.rfft(blocks, 2 * size, axis=2)  # [2, count, size + 1]
        self.late_bins = size // _LATE_PART
        self.early = np.ascontiguousarray(spectra[:, :_FULL_PARTITIONS])
        self.late = np.ascontiguousarray(spectra[:, _FULL_PARTITIONS:, : self.late_bins])


class Convolver:
    """Mono in, stereo out, one partition later. One thread."""

    def __init__(self, response: Response) -> None:
        self._response = response
        size = response.size
        self._input = np.zeros(2 * size, np.float32)
        self._output = np.zeros((2, size), np.float32)
        self._filled = 0
        # The spectra of what came in, the newest first.
        self._early = np.zeros((response.early.shape[1], size + 1), np.complex64)
        self._late = np.zeros((response.count, response.late_bins), np.complex64)
        self._early_products = np.empty_like(response.early)
        self._late_products = np.empty_like(response.late)
        self._sounding = 0

    def render(self, send: Samples | None, n: int) -> Samples:
        """The next ``n`` samples, ``[2, n]``; ``send`` ``[n]``, or None for silence."""
        mix = np.zeros((2, n), np.float32)
        size, done = self._response.size, 0
        while done < n and (send is not None or self._sounding):
            if send is not None:
                # For so many partitions this input will be heard.
                self._sounding = self._response.count + 3
            step = min(size - self._filled, n - done)
            first, last = self._filled, self._filled + step
            mix[:, done : done + step] = self._output[:, first:last]
            heard = 0.0 if send is None else send[done : done + step]
            self._input[size + first : size + last] = heard
            self._filled, done = last, done + step
            if self._filled == size:
                self._advance()
        return mix

    def _advance(self) -> None:
        response, size = self._response, self._response.size
        spectrum = scipy.fft.rfft(self._input)
        self._input[:size] = self._input[size:]
        self._filled = 0
        self._sounding -= 1
        self._early[1:] = self._early[:-1]
        self._early[0] = spectrum
        self._late[1:] = self._late[:-1]
        self._late[0] = spectrum[: response.late_bins]
        np.multiply(self._early, response.early, out=self._early_products)
        total: Spectra = self._early_products.sum(axis=1)
        np.multiply(self._late[len(self._early) :], response.late, out=self._late_products)
        total[:, : response.late_bins] += self._late_products.sum(axis=1)
        self._output = scipy.fft.irfft(total, axis=1)[:, size:]
