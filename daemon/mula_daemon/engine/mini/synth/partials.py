"""Many damped sines at once, as one matrix product.

A damped sine is z^t for one complex z, and z^(256 row + column) is
(z^256)^row z^column: a block is a product of a matrix that knows the row and a
matrix that knows the column. Struck, plucked and rung things are made of these
(modal synthesis: J.-M. Adrien, in Representations of Musical Signals, 1991).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mula_daemon.engine.mini.synth.audio import Samples

_COLUMNS: Final = 256
_INAUDIBLE: Final = 2e-6
_LONGEST_BLOCK: Final = 8192
_TILE_ROWS: Final = 4
_TILE_DEPTH: Final = 192


Factors = NDArray[np.complex64]


class Modes:
    """The frequencies and decays of ``m`` partials. Any thread.

    Partials are kept from the longest to the shortest: what has died away is
    then a slice off the end.
    """

    def __init__(self, hertz: ArrayLike, decays: ArrayLike, sample_rate: int) -> None:
        """Frequencies ``[m]`` in Hz, and decays ``[m]`` as time constants in seconds.

        Partials too near the Nyquist frequency are left out.
        """
        hz = np.asarray(hertz, np.float64)
        decay = np.broadcast_to(np.asarray(decays, np.float64), hz.shape)
        order = np.argsort(-decay, kind="stable")
        self.order = order[hz[order] < 0.46 * sample_rate]
        """Where each kept partial stood in the arguments."""
        self.exponents = (2j * np.pi * hz - 1.0 / decay)[self.order] / sample_rate
        self._rows: dict[int, Factors] = {}
        # z^column as a product, (z^16)^a z^b: few exponentials are slow.
        ramp = np.exp(self.exponents[:, None] * np.arange(16))
        leaps = np.exp(self.exponents[:, None] * np.arange(0, _COLUMNS, 16))
        fine = (leaps[:, :, None] * ramp[:, None, :]).reshape(len(ramp), _COLUMNS)
        # Rows alternate as the parts of a complex number do in memory; the real
        # part of a product is re re - im im.
        self.columns = np.empty((2 * len(fine), _COLUMNS), np.float32)
        self.columns[0::2] = fine.real
        self.columns[1::2] = -fine.imag

    def rows(self, n: int) -> Factors:
        """What each row of a block of ``n`` samples starts from, complex64 ``[rows, m]``."""
        # Whole tiles, so that products need no padding.
        count = -(-n // (_COLUMNS * _TILE_ROWS)) * _TILE_ROWS
        if count not in self._rows:
            at = np.arange(count)[:, None] * _COLUMNS
            self._rows[count] = np.exp(self.exponents * at).astype(np.complex64)
        return self._rows[count]


class Partials:
    """`Modes` that sound, in 1 or 2 channels. Owned by one sound; one thread."""

    def __init__(self, modes: Modes, amplitudes: ArrayLike, phases: ArrayLike = 0.0) -> None:
        """Amplitudes ``[m]`` or ``[channels, m]``; phases in cycles, 0 starts a sine at zero."""
        self._modes = modes
        amplitude = np.atleast_2d(np.asarray(amplitudes, np.float64))[:, modes.order]
        phase = np.asarray(phases, np.float64)
        if phase.ndim:
            phase = phase[modes.order]
        # A cosine is the real part; a quarter of a cycle back makes it a sine.
        self._z = amplitude * np.exp(2j * np.pi * (phase - 0.25))  # [channels, m]
        self._forget_inaudible()

    @property
    def done(self) -> bool:
        """Whether every partial has died away."""
        return len(self._z[0]) == 0

    def render(self, n: int) -> Samples:
        """The next ``n`` samples, float32 ``[channels, n]``."""
        if n > _LONGEST_BLOCK:
            rest = n - _LONGEST_BLOCK
            return np.concatenate([self.render(_LONGEST_BLOCK), self.render(rest)], axis=1)
        channels, m = self._z.shape
        if m == 0:
            return np.zeros((channels, n), np.float32)
        rows = self._modes.rows(n)
        factors = np.empty((channels, len(rows), m), np.complex64)
        np.multiply(self._z.astype(np.complex64)[:, None, :], rows[:, :m], out=factors)
        block = _product(factors.view(np.float32), self._modes.columns[: 2 * m])
        self._z = self._z * np.exp(self._modes.exponents[:m] * n)
        self._forget_inaudible()
        return block.reshape(channels, -1)[:, :n]

    def _forget_inaudible(self) -> None:
        # Numbers that fade without end would turn denormal, a hundred times as slow.
        heard = np.flatnonzero(np.abs(self._z).max(axis=0) > _INAUDIBLE)
        self._z = self._z[:, : heard[-1] + 1 if heard.size else 0]


def _product(left: Samples, right: Samples) -> Samples:
    """``left @ right``, of ``[channels, rows, depth]`` and ``[depth, columns]``.

    In tiles too small for BLAS to share among threads. Sharing would gain
    little here and lose everything on a busy machine, where each product waits
    for a core that someone else has.
    """
    depth = left.shape[2]
    tiles = left.reshape(-1, _TILE_ROWS, depth)
    total: Samples = tiles[:, :, :_TILE_DEPTH] @ right[:_TILE_DEPTH]
    for first in range(_TILE_DEPTH, depth, _TILE_DEPTH):
        here = slice(first, first + _TILE_DEPTH)
        total += tiles[:, :, here] @ right[here]
    return total
