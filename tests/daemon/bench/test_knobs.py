"""What the knobs benchmark measures, on clips whose answer is known."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mula_bridge.errors import Unavailable
from mula_daemon.bench import knobs, plots
from mula_daemon.bench.clip_sampler import PHRASE, SamplerJob, SamplerSetting
from mula_daemon.bench.knobs import (
    KnobTurn,
    adherence,
    bar_similarity,
    distinct,
    entropy,
    grammar_clips,
    mean,
    mid_clip,
    shipped_curve,
    strength_setting,
)
from mula_daemon.bench.sound import click, measure_loops
from mula_daemon.engine.lm.history import Codes
from mula_daemon.engine.mini import tags

FIGURES = {
    "clips": 2,
    "classifier_accuracy": 0.99,
    "adherence": {"0.0": 0.1, "3.0": 0.9},
    "genre_strength": {"0.0": 0.5, "1.0": 0.9},
    "per_genre_at_3": {"techno": 0.9, "jazz": 0.8},
    "entropy_by_temperature": {"0.5": 0.2, "1.3": 0.9},
    "codes_by_top_k": {"2": 20.0, "50": 200.0},
    "bar_similarity": {"grammar": np.eye(8).tolist(), "mini": np.ones((8, 8)).tolist()},
}


class Labelled:
    """An ear and a sampler in one: a clip's codes are the number of the genre to be heard."""

    def genres(self, codes: Codes) -> Codes:
        return codes[:, ::32, 0]

    def clips(self, genres: Iterable[str], count: int, setting: SamplerSetting) -> dict[str, Codes]:
        """At cfg 1 every second clip is pop, at cfg 3 all are what was asked."""
        every = {genre: self.all(genre, count) for genre in genres}
        if setting.cfg == 1.0:
            for codes in every.values():
                codes[::2] = tags.GENRES.index(knobs.POP)
        return every

    def all(self, genre: str, count: int) -> Codes:
        return np.full((count, PHRASE, 8), tags.GENRES.index(genre), dtype=np.int64)

    def play(self, jobs: Sequence[SamplerJob]) -> list[Codes]:
        """A turn to 3 is heard by all seeds but 0; a turn to 0 by none."""
        out = []
        for job in jobs:
            assert job.history is not None
            half = self.all(job.asked[0], len(job.seeds))[:, : PHRASE // 2]
            assert job.history.shape == half.shape
            stubborn = np.array(job.seeds)[:, None, None] == 0
            second = np.where(stubborn, job.history, half) if job.setting.cfg else job.history
            out.append(np.concatenate([job.history, second], axis=1))
        return out


def test_mid_clip_counts_the_drifted_clips_that_come_back() -> None:
    both = Labelled()
    up, down = mid_clip(both, both, 8)  # type: ignore[arg-type]
    assert up == KnobTurn(pytest.approx(3 / 4), 15 * 4)
    assert down == KnobTurn(0.0, 15 * 8)


def test_adherence_is_the_share_of_windows_heard_as_what_was_asked() -> None:
    both = Labelled()
    at_1 = adherence(both, both, 8, SamplerSetting(1.0))  # type: ignore[arg-type]
    assert at_1["jazz"] == 0.5
    assert at_1["pop"] == 1.0


def test_entropy_is_in_bits_per_code() -> None:
    still = np.zeros((4, 16, 8), dtype=np.int64)
    assert entropy(still) == 0.0
    coin = still.copy()
    coin[::2] = 1
    assert entropy(coin) == pytest.approx(1.0)
    assert distinct(coin) == 16


def test_bars_are_as_alike_as_what_sounds_in_them() -> None:
    clip = np.zeros((1, 48, 8), dtype=np.int64)
    clip[:, 0] = clip[:, 16] = 5
    clip[:, 32, :4] = 5
    assert bar_similarity(clip).tolist() == [[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]]


def test_the_grammars_phrases_have_form() -> None:
    """Bars four apart share their harmony, and bar 8 is the odd one out."""
    matrix = bar_similarity(grammar_clips(12))
    assert matrix[0, 4] > matrix[0, 2] + 0.05
    assert matrix[1, 2] < 0.95
    assert matrix[7, :7].mean() < matrix[5, [0, 1, 2, 3, 4, 6, 7]].mean()


def test_clips_are_whole_bars_and_loop_without_a_click() -> None:
    clips = grammar_clips(1)[::8, :32]
    assert len(clips) == 2
    bar_exact, worst_click = measure_loops(clips)
    assert bar_exact == 1.0
    assert worst_click <= 1.0


def test_a_click_at_the_seam_is_measured() -> None:
    sound = np.sin(np.arange(4800) / 50)[:, None].repeat(2, 1).astype(np.float32)
    assert click(sound) > 10
    assert click(sound[: round(100 * np.pi)]) < 1.3  # one whole wave, but for a rounding


def test_genre_strength_is_read_from_the_presets() -> None:
    curve = shipped_curve()
    ends = [strength_setting(curve, at) for at in (0.0, 1.0)]
    assert ends[0] == SamplerSetting(1.5, 1.0, 50)
    assert ends[0].cfg < ends[1].cfg
    assert mean({"a": 0.0, "b": 1.0}) == 0.5


def test_drawing_without_matplotlib_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(Unavailable, match=r"mulabridge\[plot\]"):
        knobs.main(["--plot", "knobs.png"])


def test_the_figure_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plots.draw(FIGURES, tmp_path / "knobs.png")
    assert (tmp_path / "knobs.png").read_bytes().startswith(b"\x89PNG")
