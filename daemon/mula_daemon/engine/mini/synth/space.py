"""Rooms, a hall and a dub echo around the instruments."""

from __future__ import annotations

import functools
import itertools
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.signal import lfilter

from mula_daemon.engine.mini.synth.audio import Samples, butterworth, stereo_gains
from mula_daemon.engine.mini.synth.convolver import Convolver, Response

SENDS: Final = {
    "room": (0.03, 0.28, 0.10, 0.26, 0.0, 0.22, 0.24, 0.0),
    "hall": (0.0, 0.19, 0.05, 0.24, 0.0, 0.32, 0.36, 0.2),
    "dub": (0.0, 0.22, 0.03, 0.32, 0.0, 0.40, 0.42, 0.0),
}
"""How much of each of `tokens.INSTRUMENTS` goes into a space. The bass stays dry."""
ECHO_SIXTEENTHS: Final = 3
ECHO_FEEDBACK: Final = 0.52

PRE_DELAY: Final = 2048
"""Samples until a tail begins; the walls are heard before."""

Walls = tuple[tuple[float, float, float], ...]
ROOM_WALLS: Final[Walls] = (
    (0.0071, 0.42, -0.7), (0.0093, 0.40, 0.6), (0.0137, 0.34, 0.9), (0.0172, 0.31, -0.9),
    (0.0229, 0.26, 0.3), (0.0287, 0.22, -0.4), (0.0361, 0.17, 0.8), (0.0418, 0.14, -0.8),
)  # fmt: skip
HALL_WALLS: Final[Walls] = (
    (0.0181, 0.20, -0.8), (0.0243, 0.19, 0.8), (0.0311, 0.17, 0.4), (0.0379, 0.15, -0.5),
    (0.0447, 0.13, 0.9), (0.0521, 0.11, -0.9),
)  # fmt: skip

_QUIET: Final = 1e-6
_IN_TIME: Final = 0.005
_ENTRY: Final = 64
"""Samples over which a held note enters a new space: enough not to click."""


class Space:
    """The space codes of the texture codebook: dry stems in, what comes back out. One thread."""

    def __init__(self, sixteenth: float, sample_rate: int) -> None:
        """``sixteenth`` is the length of a sixteenth in samples, for the echo."""
        self._reverbs = {
            "room": Reverb(room(sample_rate), ROOM_WALLS, sample_rate),
            "hall": Reverb(hall(sample_rate), HALL_WALLS, sample_rate),
        }
        self._echo = Echo(round(ECHO_SIXTEENTHS * sixteenth), sample_rate)
        self._sends = {name: np.asarray(sends, np.float32) for name, sends in SENDS.items()}
        self._before = ""

    def retune(self, sixteenth: float) -> None:
        """Echo in time with sixteenths of another length in samples, from now on."""
        self._echo.retime(round(ECHO_SIXTEENTHS * sixteenth))

    def render(self, stems: Samples, space: str) -> Samples:
        """What comes back from the spaces for stems ``[8, 2, n]``, as ``[2, n]``.

        A space that is left fades out over the block and rings on; a new one
        is there nearly at once, for the hit that the block begins with.
        """
        n = stems.shape[2]
        mono = (stems[:, 0] + stems[:, 1]) * np.float32(0.5)  # [8, n]
        mix = np.zeros((2, n), np.float32)
        for name, sends in self._sends.items():
            send = self._send(mono, sends, before=self._before == name, now=space == name)
            returns = self._echo if name == "dub" else self._reverbs[name]
            mix += returns.render(send, n)
        self._before = space
        return mix

    def _send(self, mono: Samples, sends: Samples, *, before: bool, now: bool) -> Samples | None:
        """The mix ``[n]`` of stems ``[8, n]`` that goes into a space, None when nothing does."""
        if not before and not now:
            return None
        send: Samples = np.einsum("k,kn->n", sends, mono)
        if not now:
            send *= np.linspace(1.0, 0.0, len(send), dtype=np.float32)
        elif not before and self._before:
            send[:_ENTRY] *= np.linspace(0.0, 1.0, len(send[:_ENTRY]), dtype=np.float32)
        return send


class Reverb:
    """First reflections off the walls, then a diffuse tail. One thread."""

    def __init__(self, tail: Response, walls: Walls, sample_rate: int) -> None:
        """``walls`` are each reflection's seconds, gain and side, -1 left to 1 right."""
        self._tail = Convolver(tail)
        self._delays = [round(seconds * sample_rate) for seconds, _, _ in walls]
        self._gains = stereo_gains([side for _, _, side in walls])[:, :, None]  # [2, walls, 1]
        self._gains *= np.array([[gain] for _, gain, _ in walls], np.float32)
        self._heard = np.zeros(max(self._delays), np.float32)

    def render(self, send: Samples | None, n: int) -> Samples:
        """What comes back in the next ``n`` samples, ``[2, n]``; ``send`` None is silence."""
        mix = self._tail.render(send, n)
        if send is None and not self._heard.any():
            return mix
        line = np.concatenate([self._heard, np.zeros(n, np.float32) if send is None else send])
        longest = len(self._heard)
        for wall, delay in enumerate(self._delays):
            mix += line[longest - delay : longest - delay + n] * self._gains[:, wall]
        self._heard = line[n:]
        return mix


class Echo:
    """A tape echo that bounces from side to side and darkens. One thread."""

    def __init__(self, delay: int, sample_rate: int) -> None:
        """``delay`` in samples, longer than any block."""
        self._line = np.zeros((2, delay), np.float32)
        self._at = 0
        low = butterworth(1, 220.0, "highpass", sample_rate)[0]
        high = butterworth(1, 3200.0, "lowpass", sample_rate)[0]
        # Two filters of the first order are one of the second: half the time.
        self._numerator = np.convolve(low[:2], high[:2])
        self._denominator = np.convolve(low[3:5], high[3:5])
        self._state = np.zeros((2, 2))
        self._silent = True

    def retime(self, delay: int) -> None:
        """Change the delay as a tape that runs at another speed does: the pitch slides along.

        A difference too small to be heard as out of time changes nothing.
        """
        before = self._line.shape[1]
        if abs(delay - before) < _IN_TIME * before:
            return
        line = np.roll(self._line, -self._at, axis=1)
        places = np.linspace(0.0, before - 1.0, delay)
        self._line = np.stack([np.interp(places, np.arange(before), side) for side in line])
        self._line = self._line.astype(np.float32)
        self._at = 0

    def render(self, send: Samples | None, n: int) -> Samples:
        """The echoes of the next ``n`` samples, ``[2, n]``; ``send`` None is silence."""
        if send is None and self._silent:
            return np.zeros((2, n), np.float32)
        size = self._line.shape[1]
        here = np.arange(self._at, self._at + n) % size
        echoes = self._line[:, here]
        filtered, self._state = lfilter(self._numerator, self._denominator, echoes, zi=self._state)
        # Left feeds right and right left; tape saturates before it can run away.
        back = np.tanh(filtered[::-1].astype(np.float32) * np.float32(ECHO_FEEDBACK))
        if send is not None:
            back[0] += send
        self._line[:, here] = back
        self._at = (self._at + n) % size
        self._silent = send is None and bool(np.abs(self._line).max() < _QUIET)
        if self._silent:
            self._line[:] = 0.0
            self._state[:] = 0.0
        return echoes


@functools.cache
def room(sample_rate: int) -> Response:
    """The tail of a small wooden room: 0.4 s."""
    return Response(_tail(sample_rate, 0.4, 0.42, 0.25, seed=1), PRE_DELAY)


@functools.cache
def hall(sample_rate: int) -> Response:
    """The tail of a large hall: 2.2 s, and darker as it dies."""
    return Response(_tail(sample_rate, 1.7, 2.2, 0.9, seed=2), PRE_DELAY)


def _tail(
    sample_rate: int, length: float, low_seconds: float, high_seconds: float, seed: int
) -> Samples:
    """A diffuse tail, float32 ``[2, n]``: noise that dies sooner the higher it is.

    ``low_seconds`` and ``high_seconds`` are the times to -60 dB below 250 Hz
    and above 6 kHz (J. A. Moorer, About This Reverberation Business, 1979).
    """
    rng = np.random.default_rng(seed)
    n = int(length * sample_rate)
    t = np.arange(n) / sample_rate
    spectrum = scipy.fft.rfft(rng.standard_normal((2, n)).astype(np.float32), axis=1)
    hz = scipy.fft.rfftfreq(n, 1.0 / sample_rate)
    edges = np.array([140.0, 450.0, 1200.0, 2800.0, 5500.0, 11000.0])
    tail = np.zeros((2, n))
    for band, (low, high) in enumerate(itertools.pairwise(edges)):
        seconds = low_seconds + (high_seconds - low_seconds) * band / (len(edges) - 2)
        part = scipy.fft.irfft(spectrum * _between(hz, low, high), n, axis=1)
        tail += part * 10.0 ** (-3.0 * t / seconds)
    fade = n // 8
    tail[:, -fade:] *= np.linspace(1.0, 0.0, fade)
    tail /= np.sqrt(np.sum(tail**2) / 2.0)
    return tail.astype(np.float32)


def _between(hz: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    safe = np.maximum(hz, 1.0)
    response: NDArray[np.float64] = 1.0 / np.sqrt(
        (1.0 + (low / safe) ** 4) * (1.0 + (safe / high) ** 4)
    )
    return response
