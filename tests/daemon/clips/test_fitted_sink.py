"""What lands in the folder of a model that has no tempo of its own: real librosa, real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from mula_bridge.control.knobs import Knobs
from mula_bridge.control.messages.reports import ClipReady, Notice
from mula_daemon.app.takes import Takes
from mula_daemon.audio.samples import Samples
from mula_daemon.clips.catalogue import Catalogue
from mula_daemon.clips.library import Library
from mula_daemon.clips.recipe import Recipe
from mula_daemon.clips.replay import replay_request
from mula_daemon.engine.seam import AudioBlock, ClipRequest, EngineInfo, Frame, FrameKnobs
from mula_daemon.jobs.queue import Job
from mula_daemon.settings.choices import BeatsMode, Layout
from support.decks import turning
from support.drums import RATE, drums, steady

pytestmark = pytest.mark.librosa

ENGINE = EngineInfo("free", "1", RATE, 2, "cpu", {})
BARS = 4


class Studio:
    """A folder, a deck, and takes whose sound the test brings."""

    def __init__(self, folder: Path, mode: BeatsMode) -> None:
        self.folder, self.mode = folder, mode
        self.library = Library(folder)
        self.library.prepare()
        self.said: list[object] = []
        self.recut: list[str] = []

    def play(self, *sounds: Samples, performance: bool = False) -> list[Recipe]:
        """One job at 120 BPM whose takes sound like the beginnings of ``sounds``."""
        script = ((0, FrameKnobs()),) if performance else ()
        knobs = Knobs({"bpm": 120.0, "bars": BARS})
        request = ClipRequest(
            "job1", ("rock",), tuple(range(len(sounds))), 120.0, BARS, performance=script
        )
        job = Job(request, dict(knobs))
        return self.run(job, *sounds)

    def run(self, job: Job, *sounds: Samples) -> list[Recipe]:
        before = {clip.recipe.id for clip in self.library.clips()}
        with turning(self.folder) as (turntable, _):
            takes = Takes(
                Catalogue.of(self.library),
                Layout.FLAT,
                turntable,
                self.said.append,
                beats=self.mode,
            )
            turntable.renew = self.recut.append  # type: ignore[method-assign]
            recording = takes.record(job, ENGINE)
            rows = tuple((1,) for _ in sounds)
            recording.frame(Frame(job.id, 0, 1, rows, FrameKnobs(), 0))
            length = job.request.samples(RATE)
            for take, sound in enumerate(sounds):
                for at in range(0, length, 9600):
                    block = sound[at : min(at + 9600, length)]
                    recording.audio(AudioBlock(job.id, take, block))
            recording.finish()
        clips = [clip for clip in self.library.clips() if clip.recipe.id not in before]
        return [clip.recipe for clip in sorted(clips, key=lambda clip: clip.recipe.take)]

    def words(self) -> list[str]:
        return [said.text for said in self.said if isinstance(said, Notice)]


def rock(bpm: float, first: float = 0.31) -> Samples:
    return drums(steady(bpm, first, 14.0), 14.0, noise=0.003)


def wav(studio: Studio, recipe: Recipe) -> Samples:
    sound: Samples = soundfile.read(
        studio.library.find(recipe.id).path, dtype="float32", always_2d=True
    )[0]
    return sound


def assert_same(landed: Samples, made: Samples) -> None:
    """But for the 24 bits of the file."""
    np.testing.assert_allclose(landed, made, atol=2**-23)


@pytest.mark.parametrize("bpm", [117.4, 120.0, 124.6])
def test_a_clip_is_cut_to_the_bars_it_has(tmp_path: Path, bpm: float) -> None:
    studio = Studio(tmp_path, BeatsMode.TRIM)
    sound = rock(bpm)
    (recipe,) = studio.play(sound)
    assert recipe.fit is not None and recipe.fit.trimmed
    assert recipe.bpm == pytest.approx(bpm, abs=0.1)
    assert (recipe.bars, recipe.fit.asked_bpm, recipe.fit.asked_bars) == (BARS, 120.0, BARS)
    assert recipe.fit.start_s == pytest.approx(0.31, abs=0.01)
    loop = wav(studio, recipe)
    assert len(loop) == round(BARS * 4 * 60 * RATE / recipe.bpm)
    start = round(recipe.fit.start_s * RATE)
    kept = len(loop) - RATE // 10
    assert_same(loop[:kept], sound[start : start + kept])
    path = studio.library.find(recipe.id).path
    assert f"_{round(recipe.bpm)}bpm_" in path.name
    (ready,) = (said for said in studio.said if isinstance(said, ClipReady))
    assert (ready.bpm, ready.bars) == (recipe.bpm, BARS)
    assert studio.recut == [recipe.id]
    assert "cut to 4 bars" in studio.words()[0]


def test_without_a_steady_beat_it_lands_as_long_as_was_asked_with_the_reason(
    tmp_path: Path,
) -> None:
    studio = Studio(tmp_path, BeatsMode.TRIM)
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal((14 * RATE, 2))).astype(np.float32)
    (recipe,) = studio.play(sound)
    assert recipe.fit is not None and not recipe.fit.trimmed and recipe.fit.problem
    assert (recipe.bpm, recipe.bars) == (120.0, BARS)
    assert_same(wav(studio, recipe), sound[: 8 * RATE])
    assert "lands as it was made" in studio.words()[0]


def test_a_report_cuts_nothing_and_makes_nothing_beyond_what_was_asked(tmp_path: Path) -> None:
    studio = Studio(tmp_path, BeatsMode.REPORT)
    sound = rock(122.0)
    (recipe,) = studio.play(sound)
    assert recipe.fit is not None and recipe.fit.bpm == pytest.approx(122.0, abs=0.1)
    assert recipe.fit.most_drift_ms < 5
    assert not recipe.fit.trimmed and recipe.fit.spare_bars == 0
    assert_same(wav(studio, recipe), sound[: 8 * RATE])


def test_off_looks_for_nothing(tmp_path: Path) -> None:
    studio = Studio(tmp_path, BeatsMode.OFF)
    (recipe,) = studio.play(rock(122.0))
    assert recipe.fit is None
    assert not studio.words()


def test_takes_are_ranked_once_all_are_there(tmp_path: Path) -> None:
    studio = Studio(tmp_path, BeatsMode.TRIM)
    recipes = studio.play(rock(126.0), rock(120.0), rock(122.0))
    assert [recipe.take for recipe in recipes] == [0, 1, 2]
    assert studio.words()[-1].startswith("takes by tempo, the best first: 2 (120")
    assert len(studio.words()) == 4


def test_a_cut_clip_can_be_made_again_as_it_was(tmp_path: Path) -> None:
    studio = Studio(tmp_path, BeatsMode.TRIM)
    sound = rock(123.0)
    (recipe,) = studio.play(sound)
    request = replay_request(recipe, "again")
    assert (request.bpm, request.bars, request.spare_bars) == (120.0, BARS, 1)
    (again,) = studio.run(Job(request, dict(recipe.knobs.initial)), sound)
    assert np.array_equal(wav(studio, recipe), wav(studio, again))
    assert again.fit == recipe.fit


@pytest.mark.parametrize("error", [RuntimeError("a bug"), MemoryError(), ValueError("nan")])
def test_a_tracker_that_fails_costs_the_cut_and_no_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("mula_daemon.clips.fitted_sink.tracker.track", broken)
    (recipe,) = Studio(tmp_path, BeatsMode.TRIM).play(rock(120.0))
    assert recipe.fit is not None
    assert recipe.fit.problem == f"no beat was found: {error!r}"
    assert recipe.seconds == pytest.approx(BARS * 2.0)
