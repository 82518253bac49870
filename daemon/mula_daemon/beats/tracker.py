"""Beats of a sound, found with librosa and then placed more finely than its frames.

librosa (ISC licence) brings numba, which compiles for some seconds when it is first imported, so
it is an extra (``pip install 'mulabridge[beats]'``) and imported late.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from math import log2
from types import ModuleType
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mula_bridge.errors import Unavailable
from mula_daemon.audio import Samples

Curve = NDArray[np.float64]

MISSING: Final = (
    "the beats of this model's clips fall where they like: with pip install 'mulabridge[beats]' "
    "they are cut to whole bars (--beats off says nothing of it)"
)
SHORTEST_SECONDS: Final = 2.0
SILENT: Final = 1e-4
"""A peak below this (-80 dBFS) has no beats."""
_FRAME_SECONDS: Final = 0.0055
"""Between librosa's frames."""
_FINE_SECONDS: Final = 0.002
"""Between ours."""
_REACH_SECONDS: Final = 0.035
"""How far from where librosa hears a beat its attack may lie."""
FRAMES_PER_BEAT: Final = 80
TIGHTNESS: Final = 400.0
"""How firmly librosa holds on to the tempo; its default of 100 wanders off in syncopated music."""
_FLOOR: Final = 0.01
_OUT_OF_STEP: Final = 0.1  # beats
_LOW_HZ: Final = 150.0
_IMPORTING: Final = threading.Lock()


class Pulse(Struct, frozen=True):
    """Beats in order: ``times`` in seconds [n], and the ``weights`` [n] of their low ends.

    A weight is how much louder it gets below 150 Hz with the beat, linear, at least 0. ``bpm`` is
    the tempo at which the whole repeats itself, and ``clarity`` how much more strongly it does so
    than at any tempo: some 1 to 1.7 in noise, 3 and up where there is a beat.
    """

    times: Curve
    weights: Curve
    bpm: float
    clarity: float


def is_there() -> bool:
    """Whether librosa is installed. Costs nothing; any thread."""
    return find_spec("librosa") is not None


def load() -> ModuleType:
    """librosa, imported and compiled: seconds at first, then nothing. Any thread.

    Raises Unavailable with the remedy where it is not installed.
    """
    with _IMPORTING:  # who comes meanwhile waits, lest it sees half of it
        try:
            import librosa
            import librosa.beat
            import librosa.feature
            import librosa.onset
        except ImportError as error:
            raise Unavailable(
                f"beats are found with librosa, which is not installed ({error}); "
                "pip install 'mulabridge[beats]'"
            ) from error
    return librosa


def track(sound: Samples, rate: int, bpm: float) -> tuple[Pulse, ...]:
    """The beats of ``sound``, float32 [samples, channels] at ``rate`` Hz, near ``bpm``.

    They come twice: as they fall when librosa's tracker is led to where most of a beat's sound
    begins, which is better for music that keeps its time; and as it finds them by itself.
    That there are some does not mean that they are steady: see `grid`. None at all in silence,
    in less than two seconds, or where nothing begins.

    What librosa takes for the tempo is doubled or halved until it is nearest to ``bpm``, so
    that a beat here is a beat to whoever asked. Takes about 30 ms for each second of sound.
    Raises Unavailable without librosa. Any thread.
    """
    if len(sound) < SHORTEST_SECONDS * rate or float(np.abs(sound).max()) < SILENT:
        return ()
    librosa = load()
    mono = _floored(sound.mean(axis=1))
    hop = round(_FRAME_SECONDS * rate)
    spectra = {"y": mono, "sr": rate, "hop_length": hop, "n_fft": 2 ** round(log2(0.043 * rate))}
    full = librosa.onset.onset_strength(**spectra, n_mels=64, fmax=min(8000.0, rate / 2))
    low = librosa.onset.onset_strength(**spectra, n_mels=4, fmin=30.0, fmax=200.0)
    if not full.any():
        return ()
    (heard,) = librosa.feature.tempo(
        onset_envelope=full, sr=rate, hop_length=hop, start_bpm=bpm, std_bpm=0.5
    )
    tempo, clarity = sharpened(full, rate / hop, folded(float(heard), bpm))
    # The tracker rounds a beat to whole frames of its own: give it frames that need no rounding.
    frame_rate = FRAMES_PER_BEAT * tempo / 60
    frames = np.arange(int((len(full) - 1) * hop / rate * frame_rate)) / frame_rate
    full, low = (np.interp(frames, np.arange(len(full)) * hop / rate, each) for each in (full, low))
    novelty = _novelty(sound, rate)
    pulses = []
    for strength in (full * _lead(full, low), full):
        _, beats = librosa.beat.beat_track(
            onset_envelope=strength, sr=frame_rate, hop_length=1, bpm=tempo, tightness=TIGHTNESS
        )
        times = _ended(np.unique(_placed(np.asarray(beats) / frame_rate, novelty)))
        pulses.append(Pulse(times, _low_weights(mono, rate, times), tempo, clarity))
    return tuple(pulses)


def _floored(mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """With its peak at 1, and noise 40 dB below: out of digital silence every hat is a blow."""
    peak = float(np.abs(mono).max()) or 1.0
    noise = np.random.default_rng(0).standard_normal(len(mono), np.float32)
    floored: NDArray[np.float32] = mono / np.float32(peak) + np.float32(_FLOOR) * noise
    return floored


def folded(heard: float, asked: float) -> float:
    """``heard`` BPM moved by octaves to within half an octave of ``asked``."""
    return heard * 2.0 ** -round(log2(heard / asked))


def sharpened(strength: Curve, frame_rate: float, bpm: float) -> tuple[float, float]:
    """The tempo within 1.5 % of ``bpm`` that the whole of an onset curve repeats itself at, and
    its clarity (see `Pulse`).

    Lags of whole frames are too coarse for that: this looks at its spectrum, at the beat and at
    its halves and quarters.
    """
    waves = (strength - strength.mean()) * np.hanning(len(strength))
    seconds = np.arange(len(strength)) / frame_rate

    def strengths(tempi: Curve) -> Curve:
        found: Curve = np.zeros(len(tempi))
        for parts in (1, 2, 4):
            turns = np.exp(-2j * np.pi * parts * np.outer(tempi / 60, seconds))
            found += np.abs(turns @ waves)
        return found

    tempi = bpm * np.linspace(0.985, 1.015, 121)
    near = strengths(tempi)
    best = int(np.argmax(near))
    step = _peak(near, np.array([best]))[0] * (tempi[1] - tempi[0])
    usual = float(np.median(strengths(bpm * np.exp(np.linspace(-0.4, 0.4, 200)))))
    return float(tempi[best] + step), float(near[best]) / usual if usual else 0.0


def _peak(curve: Curve, places: NDArray[np.int64]) -> Curve:
    """How far beside each of ``places`` a parabola through it and its neighbours is highest."""
    inner = np.clip(places, 1, len(curve) - 2)
    left, top, right = (curve[inner + step] for step in (-1, 0, 1))
    bend = left - 2 * top + right
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where(bend < 0, 0.5 * (left - right) / bend, 0.0)
    beside: Curve = np.clip(between, -0.5, 0.5) + (inner - places)
    return beside


def _lead(full: Curve, low: Curve) -> Curve:
    """A curve that is high around the one place in the beat where most begins, the low end above
    all. Both have `FRAMES_PER_BEAT`."""
    whole = len(full) // FRAMES_PER_BEAT * FRAMES_PER_BEAT
    if not whole:
        return np.ones_like(full)
    means = (each[:whole].reshape(-1, FRAMES_PER_BEAT).mean(axis=0) for each in (full, low))
    most, lows = (mean + 0.5 * (np.roll(mean, 1) + np.roll(mean, -1)) for mean in means)
    place = int(np.argmax(most * np.sqrt(lows))) if lows.any() else int(np.argmax(most))
    half = FRAMES_PER_BEAT // 2
    away = ((np.arange(len(full)) - place + half) % FRAMES_PER_BEAT - half) / FRAMES_PER_BEAT
    led: Curve = 0.2 + np.exp(-0.5 * (away / 0.08) ** 2)
    return led


def _novelty(sound: Samples, rate: int) -> Curve:
    """How much begins in each 2 ms: the rise of the loudness in them, at least 0."""
    energy = _energy(sound, round(_FINE_SECONDS * rate))
    loudness = np.log1p(1000.0 * energy / energy.max())
    rise = np.maximum(0.0, np.diff(loudness, prepend=loudness[:1]))
    smooth: Curve = np.convolve(rise, (0.25, 0.5, 0.25), "same")
    return smooth


def _energy(sound: Samples, size: int) -> Curve:
    """Mean square of each ``size`` samples, over all channels."""
    whole = sound[: len(sound) // size * size].astype(float).reshape(-1, size * sound.shape[1])
    energy: Curve = np.mean(whole**2, axis=1)
    return energy


def _placed(times: Curve, novelty: Curve) -> Curve:
    """Each of ``times`` moved to the strongest attack near it, between the 2 ms of `_novelty`."""
    reach = round(_REACH_SECONDS / _FINE_SECONDS)
    offsets = np.arange(-reach, reach + 1)
    nearness = 1.0 - 0.5 * (offsets / reach) ** 2
    centres = np.round(times / _FINE_SECONDS - 0.5).astype(int)
    places = centres[:, None] + offsets
    inside = (places > 0) & (places < len(novelty) - 1)
    heights = np.where(inside, novelty[np.clip(places, 0, len(novelty) - 1)], 0.0) * nearness
    best = np.clip(places[np.arange(len(times)), heights.argmax(axis=1)], 1, len(novelty) - 2)
    found = (best + _peak(novelty, best) + 0.5) * _FINE_SECONDS
    return np.where(heights.any(axis=1), found, times)


def _ended(times: Curve) -> Curve:
    """Without a first or last beat that is out of step: the tracker's path ends with the sound,
    beat or no beat."""
    if len(times) < 4:
        return times
    gaps = np.diff(times)
    usual = float(np.median(gaps))
    begin, end = (abs(gap / usual - 1) > _OUT_OF_STEP for gap in (gaps[0], gaps[-1]))
    return times[int(begin) : len(times) - int(end)]


def _low_weights(mono: NDArray[np.float32], rate: int, times: Curve) -> Curve:
    """How much louder the low end is in the 100 ms from each time on than in the 50 before."""
    from scipy.signal import butter, sosfiltfilt

    low = sosfiltfilt(butter(2, _LOW_HZ, fs=rate, output="sos"), mono)
    power = np.concatenate([[0.0], np.cumsum(low**2)])

    def level(begin: Curve, end: Curve) -> Curve:
        first, last = (
            np.clip(np.round(at * rate), 0, len(mono)).astype(int) for at in (begin, end)
        )
        mean: Curve = np.sqrt((power[last] - power[first]) / np.maximum(1, last - first))
        return mean

    return np.maximum(0.0, level(times, times + 0.1) - level(times - 0.055, times - 0.005))
