"""The recipe of a clip that was just written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mula_bridge.control import KnobValue
from mula_bridge.control.messages import Status
from mula_daemon.audio import levels
from mula_daemon.clips.recipe import MadeBy, Parent, Performance, Recipe, Warn
from mula_daemon.clips.take import Finished, Take
from mula_daemon.clips.wav import WavWriter

NEAR_SILENT_DBFS: Final = -60.0


def describe(
    take: Take, outcome: Finished, wav: WavWriter, *, created: str, parent: Parent | None
) -> Recipe:
    """The recipe of ``take`` in the closed ``wav``, without the files beside it.

    ``created`` is the time of creation (UTC), ``parent`` what the clip goes on from. Measures the
    file: some 10 ms for each second of sound.
    """
    request, engine = take.request, take.engine
    peak, loudness = _measured(wav.path, engine.sample_rate)
    warnings = []
    if wav.clipped:
        warnings.append(Warn.CLIPPED)
    if peak is None or peak < NEAR_SILENT_DBFS:
        warnings.append(Warn.NEAR_SILENT)
    return Recipe(
        id=take.id,
        job=request.job,
        take=take.take,
        created=created,
        engine=MadeBy(engine.name, engine.version, engine.checkpoint, engine.sha256, engine.kit),
        tags=request.tags,
        tags_b=request.tags_b,
        lyrics=request.lyrics,
        seed=take.seed,
        bpm=request.bpm,
        bars=request.bars,
        meter=f"{request.beats_per_bar}/4",
        key=request.key,
        seconds=take.samples / engine.sample_rate,
        sample_rate=engine.sample_rate,
        peak_dbfs=peak,
        loudness_lufs=loudness,
        warnings=tuple(warnings),
        parent=parent,
        knobs=Performance(initial_knobs(take, outcome), outcome.changes),
        codes=None,
        stems={},
        midi=None,
        status=Status.NEW,
        fit=take.fit,
    )


def initial_knobs(take: Take, outcome: Finished) -> dict[str, KnobValue]:
    """Every knob as it was when the first frame was sampled."""
    return {**take.initial, **outcome.frame_initial}


def _measured(path: Path, sample_rate: int) -> tuple[float | None, float | None]:
    """Peak in dBFS and loudness in LUFS of a finished file. Raises OSError."""
    import soundfile

    # Read back rather than kept: it is in the page cache, and it is what the DAW will hear.
    try:
        samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise OSError(f"could not read {path} again: {error}") from error
    peak = levels.to_dbfs(max(float(samples.max()), -float(samples.min())))
    return peak, levels.loudness_lufs(samples, sample_rate)
