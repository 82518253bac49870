"""A folder whose clips are cut to the bars they have, for models without a tempo of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from msgspec import structs

from mula_bridge.errors import Unavailable
from mula_daemon.audio import Samples
from mula_daemon.beats import Fit, cut_of, grid, loop_of, tracker
from mula_daemon.clips.folder_sink import FolderSink
from mula_daemon.clips.take import Finished, Outcome, Take
from mula_daemon.engine import EngineInfo
from mula_daemon.settings import BeatsMode

_log = logging.getLogger(__name__)

_NO_BEAT: Final = "no beat was found"


def needs_fitting(engine: EngineInfo) -> bool:
    """Whether the beats of its clips fall where they like."""
    return not engine.frames_per_beat


class FittedSink:
    """A Sink in front of a `FolderSink`; like it, one take at a time, one thread at a time.

    What comes is written through, so that a full disk is met as soon as ever. ``close`` looks
    for the beat (some 30 ms for each second of sound) and lands the cut in place of it.
    """

    def __init__(
        self,
        folder: FolderSink,
        mode: BeatsMode,
        found: Callable[[Take, Fit], None] = lambda take, fit: None,
    ) -> None:
        """``found`` is called from ``close``, before the clip is in the folder."""
        self._folder = folder
        self._mode = mode
        self._found = found
        self._take: Take | None = None
        self._blocks: list[Samples] = []

    def open(self, take: Take) -> None:
        """As of the folder."""
        self._folder.open(take)
        self._take = take

    def write(self, samples: Samples) -> None:
        """As of the folder."""
        self._folder.write(samples)
        self._blocks.append(samples.copy())

    def close(self, outcome: Outcome) -> None:
        """Publish the take, cut to whole bars where it keeps a tempo; or leave nothing of it."""
        take, self._take = self._take, None
        blocks, self._blocks = self._blocks, []
        if take is None or not isinstance(outcome, Finished) or not blocks:
            self._folder.close(outcome)
            return
        sound = np.concatenate(blocks)
        if len(sound) != take.samples:
            self._folder.close(outcome)  # which says what is wrong
            return
        fitted, loop = self._fit(take, sound)
        assert fitted.fit is not None
        self._found(fitted, fitted.fit)
        if fitted.samples != take.samples or not np.array_equal(loop, sound):
            self._folder.reopen(fitted)
            self._folder.write(loop)
        else:
            self._folder.describe_as(fitted)
        self._folder.close(outcome)

    def release(self) -> None:
        """Nothing to do: a file never holds the writer back."""
        self._folder.release()

    def _fit(self, take: Take, sound: Samples) -> tuple[Take, Samples]:
        """The take as it lands, with its fit, and its sound."""
        request, rate = take.request, take.engine.sample_rate
        fit = Fit(request.bpm, request.bars, request.spare_bars, None, problem=_NO_BEAT)
        asked = replace(request, spare_bars=0)
        uncut = sound[: asked.samples(rate)]
        try:
            pulses = tracker.track(sound, rate, request.bpm)
        except Exception as error:  # a clip that is not cut is better than none
            known = isinstance(error, Unavailable)
            if not known:
                _log.exception("looking for the beat failed")
            problem = str(error) if known else f"{_NO_BEAT}: {error!r}"
            fit = structs.replace(fit, problem=problem)
            return replace(take, request=asked, fit=fit), uncut
        line = grid.best(pulses, request.beats_per_bar)
        if line is None:
            return replace(take, request=asked, fit=fit), uncut
        fit = structs.replace(
            fit,
            bpm=round(line.bpm, 3),
            drift_ms=round(1000 * line.drift_rms, 1),
            most_drift_ms=round(1000 * line.drift_largest, 1),
            steadiness=round(line.steadiness, 3),
            problem=line.problem,
        )
        cut = cut_of(line, len(sound), rate, request.bars, request.beats_per_bar)
        if self._mode is not BeatsMode.TRIM or fit.problem or cut is None:
            return replace(take, request=asked, fit=fit), uncut
        loop, faded = loop_of(sound, cut, rate)
        fit = structs.replace(
            fit,
            start_s=round(cut.start / rate, 6),
            fade_ms=round(1000 * faded, 1),
            trimmed=True,
        )
        return replace(take, request=replace(asked, bpm=cut.bpm, bars=cut.bars), fit=fit), loop
