"""``mula bench codec``: HeartCodec's streaming decode against its full decode, over a grid.

For each setting: the log-mel distance to a full decode of the same codes, how fast it is (compute
seconds per audio second), and how long the first sound takes. A full decode with another seed is
measured too: no stream can be expected to come closer than two full decodes are to each other.

Codes should be a clip's own (--codes, or --clip with its id). Random ones give the right speed, but
their sound is noise, so their distances say little. The last line is JSON.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mula_bridge.errors import BadInput
from mula_daemon.audio import Samples
from mula_daemon.bench.figures import print_json
from mula_daemon.engine.heartmula.codec import Arithmetic, GeneratorNoise, HeartCodec
from mula_daemon.engine.heartmula.model import StreamingDecoder, StreamSettings
from mula_daemon.weights import CODEC

FRAME_S: Final = 0.08
WINDOW: Final = 2048
HOP: Final = 512
BANDS: Final = 80
GRID: Final = ("first", "context", "hop", "steps", "guidance", "flow")
FLOOR_DB: Final = 80.0
"""What lies this far below the louder sound's loudest band is silence."""

Floats = NDArray[np.float64]


def main(argv: Sequence[str]) -> int:
    """Measure the grid, print a line for each setting and one JSON line."""
    made = argparse.ArgumentParser(
        prog="mula bench codec",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--checkpoint", required=True, type=Path, metavar="DIR")
    made.add_argument("--codes", type=Path, metavar="FILE", help="a clip's .npz of codes")
    made.add_argument("--clip", metavar="ID", help="a clip of the library, by its id")
    made.add_argument(
        "--folder", type=Path, metavar="DIR", help="the library, if not the usual one"
    )
    made.add_argument("--seconds", type=float, default=29.76, help="of random codes")
    made.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    made.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    made.add_argument("--first", type=int, default=StreamSettings.first, metavar="FRAMES")
    made.add_argument("--context", type=_whole, default=[25, 52], metavar="N,...")
    made.add_argument("--hop", type=_whole, default=[12, 25, 50], metavar="N,...")
    made.add_argument("--steps", type=_whole, default=[10, 5, 3], metavar="N,...")
    made.add_argument("--flow", type=_arithmetics, default=[Arithmetic.LOADED], metavar="NAME,...")
    made.add_argument("--guidance", type=_numbers, default=[1.25, 1.0], metavar="X,...")
    parsed = made.parse_args(argv)
    dtype = getattr(torch, parsed.dtype)
    codec = HeartCodec.load(parsed.checkpoint.expanduser() / CODEC, parsed.device, dtype)
    codes, what = _codes(parsed, codec)
    grid = product(parsed.context, parsed.hop, parsed.steps, parsed.guidance, parsed.flow)
    figures = measure(codec, codes, [StreamSettings(parsed.first, *row) for row in grid])
    for row in figures["grid"]:
        print(
            f"context {row['context']:>3}  hop {row['hop']:>3}  steps {row['steps']:>2}  "
            f"guidance {row['guidance']:<5g} {row['flow']:9} "
            f"{row['log_mel_db']:6.2f} dB  RTF {row['rtf']:.3f}"
        )
    print_json(
        bench="codec",
        checkpoint=parsed.checkpoint.name,
        device=parsed.device,
        dtype=parsed.dtype,
        codes=what,
        **figures,
    )
    return 0


def measure(codec: HeartCodec, codes: np.ndarray, grid: Sequence[StreamSettings]) -> dict[str, Any]:
    """The figures for ``codes`` [codebooks, frames]; distances in dB, RTF in compute seconds per
    audio second. Raises BadInput for a clip too short to compare."""
    audio_s = codes.shape[1] * codec.config.samples_per_frame / codec.sample_rate
    if codes.shape[1] * codec.config.samples_per_frame < WINDOW:
        raise BadInput(f"{codes.shape[1]} frames are too short to compare")
    warm = codec.device.type != "cpu"  # a CPU has no kernels to load, and no time to waste
    full, full_s = _timed(lambda: codec.decode(codes, torch.Generator().manual_seed(0)), warm)
    other = codec.decode(codes, torch.Generator().manual_seed(1))
    rows = []
    for settings in grid:
        sound, seconds = _timed(lambda settings=settings: stream(codec, codes, settings), warm)
        rows.append(
            {name: getattr(settings, name) for name in GRID}
            | {
                "log_mel_db": round(log_mel_distance_db(full, sound, codec.sample_rate), 3),
                "rtf": round(seconds / audio_s, 4),
            }
        )
    return {
        "audio_s": round(audio_s, 2),
        "full_rtf": round(full_s / audio_s, 4),
        "floor_db": round(log_mel_distance_db(full, other, codec.sample_rate), 3),
        "limit": "two full decodes with different seeds are floor_db apart",
        "grid": rows,
    }


def log_mel_distance_db(one: Samples, other: Samples, sample_rate: int) -> float:
    """How far two sounds are apart for an ear: the mean absolute difference of their log-mel
    spectrograms in dB, over bands and time. Both are [S, channels], S >= 2048.

    Mel scale of O'Shaughnessy (1987); triangular filters, power spectra, Hann windows.
    """
    if one.shape != other.shape or len(one) < WINDOW:
        raise ValueError(f"{one.shape} and {other.shape} cannot be compared")
    bands = filters(sample_rate)
    powers = [power(sound.mean(axis=1), bands) for sound in (one, other)]
    floor = max(float(each.max()) for each in powers) * 10 ** (-FLOOR_DB / 10) or 1e-12
    mine, theirs = (10 * np.log10(np.maximum(each, floor)) for each in powers)
    return float(np.abs(mine - theirs).mean())


def power(sound: NDArray[np.floating], bands: Floats) -> Floats:
    """[windows, BANDS] of mono ``sound`` [S]."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)) ** 2
    result: Floats = spectrum @ bands
    return result


def filters(sample_rate: int) -> Floats:
    """[WINDOW / 2 + 1, BANDS]: triangles, evenly spread in mel from 20 Hz to half the rate."""
    frequencies = np.fft.rfftfreq(WINDOW, 1 / sample_rate)
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (20.0, sample_rate / 2))
    corners = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    rise = (frequencies[:, None] - corners[:-2]) / (corners[1:-1] - corners[:-2])
    fall = (corners[2:] - frequencies[:, None]) / (corners[2:] - corners[1:-1])
    triangles: Floats = np.clip(np.minimum(rise, fall), 0.0, None)
    return triangles


def stream(codec: HeartCodec, codes: np.ndarray, settings: StreamSettings) -> Samples:
    """A streaming decode from beginning to end, frame by frame."""
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    decoder = StreamingDecoder(codec, [noise], settings)
    pieces = [decoder.push(frame[None, :, None]) for frame in codes.T]
    made = [piece[0].cpu() for piece in (*pieces, decoder.finish())]
    samples: Samples = torch.cat(made).numpy()
    return samples


def _timed(work: Any, warm: bool) -> tuple[Samples, float]:
    """What ``work`` makes, and how long it takes; with ``warm`` the second time."""
    if warm:
        work()
    start = perf_counter()
    made: Samples = work()  # it ends with a copy to the host, so nothing is left running
    return made, perf_counter() - start


def _codes(parsed: argparse.Namespace, codec: HeartCodec) -> tuple[np.ndarray, str]:
    """[codebooks, frames], and what they are."""
    if parsed.clip is not None:
        from mula_daemon.clips import Library
        from mula_daemon.settings import default_folder

        clip = Library(parsed.folder or default_folder().folder).find(parsed.clip)
        return _known(clip.codes(), codec), f"clip {parsed.clip}"
    if parsed.codes is not None:
        with np.load(parsed.codes) as stored:
            return _known(stored["codes"], codec), parsed.codes.name
    frames = max(1, round(parsed.seconds / FRAME_S))
    size = (codec.config.quantisers, frames)
    return np.random.default_rng(0).integers(0, codec.config.codebook_size, size), "random"


def _known(codes: np.ndarray, codec: HeartCodec) -> np.ndarray:
    """[frames, codebooks] as they are stored -> [codebooks, frames], up to where a take ended."""
    ends = (codes >= codec.config.codebook_size).any(axis=1)
    return codes[: int(ends.argmax()) if ends.any() else len(codes)].T


def _whole(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _arithmetics(text: str) -> list[Arithmetic]:
    return [Arithmetic(part) for part in text.split(",")]


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]
