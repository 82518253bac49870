"""What is measured for live play when the engine gets warm, and how much at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mula_daemon.engine.heartmula.codec.heart_codec import HeartCodec
from mula_daemon.engine.heartmula.model import live_measure
from mula_daemon.engine.heartmula.model.live_measure import (
    FRAMES,
    FRAMES_S,
    LONGEST_S,
    WindowMeasure,
    measure_frames,
)
from mula_daemon.engine.heartmula.model.live_plan import choose, evenly
from mula_daemon.engine.heartmula.model.sound import CodecLane
from mula_daemon.engine.heartmula.model.streaming import StreamSettings

CODEC = Path(__file__).parents[4] / "data/heartmula_reference/HeartCodec-oss"
QUICK = StreamSettings.parse("hop=2,context=5,steps=1,guidance=1")
HERE = torch.device("cpu")


@pytest.fixture(scope="module")
def codec() -> HeartCodec:
    return HeartCodec.load(CODEC)


class Clock:
    """Time that passes by work alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        for name in ("perf_counter", "monotonic"):
            monkeypatch.setattr(live_measure, name, lambda: self.now_s)

    def works(self, *seconds: float) -> Callable[[], None]:
        """Something that takes so long, the last of them ever after."""
        left = list(seconds)

        def work() -> None:
            self.now_s += left.pop(0) if len(left) > 1 else left[0]

        return work


def test_a_frame_is_the_median_of_some_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert measure_frames(clock.works(5.0)) == 5.0  # one is enough to know that
    assert clock.now_s == 5.0
    assert measure_frames(clock.works(0.5, 0.3, 0.01, 0.02, 0.01)) == pytest.approx(0.01)
    assert clock.now_s <= 5.0 + 0.82 + FRAMES * 0.01
    assert measure_frames(clock.works(0.2)) == pytest.approx(0.2)
    assert clock.now_s < 8.0 + FRAMES_S


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[StreamSettings]:
    """The windows that are measured; each takes 10 ms a step and frame, and half a second more for
    context."""
    clock, asked = Clock(monkeypatch), list[StreamSettings]()

    def measure(codec: object, settings: StreamSettings, lane: object, windows: int = 3) -> float:
        asked.append(settings)
        took_s = 0.01 * settings.steps * settings.hop + 0.5 * bool(settings.context)
        clock.now_s += took_s * windows
        return took_s

    monkeypatch.setattr(live_measure, "measure_window", measure)
    return asked


def test_windows_that_would_take_minutes_are_given_up_after_the_smallest_there_is(
    monkeypatch: pytest.MonkeyPatch, codec: HeartCodec
) -> None:
    asked: list[StreamSettings] = []

    def slow(codec: object, settings: StreamSettings, lane: object, windows: int = 3) -> float:
        asked.append(settings)
        return 1.0

    monkeypatch.setattr(live_measure, "measure_window", slow)
    assert choose(StreamSettings(), 0.01, WindowMeasure(codec, CodecLane(HERE))) == evenly(
        StreamSettings()
    )
    (smallest,) = asked
    assert (smallest.hop, smallest.context, smallest.steps) == (1, 0, 1)


def test_measuring_has_an_end(asked: list[StreamSettings], codec: HeartCodec) -> None:
    measure = WindowMeasure(codec, CodecLane(HERE))
    steady = [measure(replace(QUICK, guidance=2.0 + number)) for number in range(30)]
    known = [seconds for seconds in steady if seconds is not None]
    assert measure(replace(QUICK, guidance=2.0)) == known[0]  # as it was measured already
    assert known == steady[: len(known)] and 0 < len(known) < 30
    assert sum(known) * 3 < LONGEST_S + 2
