"""The recipe of a clip that was just written."""

from __future__ import annotations

from pathlib import Path

from mula_bridge.control import KnobValue
from mula_bridge.control.messages import Status
from mula_daemon.audio import Samples, levels
from mula_daemon.clips.recipe import MadeBy, Parent, Performance, Recipe, Warn
from mula_daemon.clips.silence import NEAR_SILENT_DBFS, long_silence
from mula_daemon.clips.take import Finished, Take
from mula_daemon.clips.wav import WavWriter


def describe(
    take: Take, outcome: Finished, wav: WavWriter, *, created: str, parent: Parent | None
) -> Recipe:
    """The recipe of ``take`` in the closed ``wav``, without the files beside it.

    ``created`` is the time of creation (UTC), ``parent`` what the clip goes on from. Measures the
    file: some 10 ms for each second of sound.
    """
    request, engine = take.request, take.engine
    sound = _read(wav.path)
    peak = levels.to_dbfs(max(float(sound.max()), -float(sound.min())))
    silence = None
    warnings = []
    if wav.clipped:
        warnings.append(Warn.CLIPPED)
    if peak is None or peak < NEAR_SILENT_DBFS:
        warnings.append(Warn.NEAR_SILENT)
    elif (silence := long_silence(sound, engine.sample_rate)) is not None:
        warnings.append(Warn.FALLS_SILENT)
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
        loudness_lufs=levels.loudness_lufs(sound, engine.sample_rate),
        warnings=tuple(warnings),
        parent=parent,
        knobs=Performance(initial_knobs(take, outcome), outcome.changes),
        codes=None,
        stems={},
        midi=None,
        status=Status.NEW,
        fit=take.fit,
        silent_from=None if silence is None else round(silence[0], 2),
        silent_until=None if silence is None else round(silence[1], 2),
    )


def initial_knobs(take: Take, outcome: Finished) -> dict[str, KnobValue]:
    """Every knob as it was when the first frame was sampled."""
    return {**take.initial, **outcome.frame_initial}


def _read(path: Path) -> Samples:
    """A finished file. Raises OSError."""
    import soundfile

    # Read back rather than kept: it is in the page cache, and it is what the DAW will hear.
    try:
        samples: Samples
        samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise OSError(f"could not read {path} again: {error}") from error
    return samples
