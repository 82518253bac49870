from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.errors import Unavailable
from mula_daemon.audio.samples import Samples
from mula_daemon.clips.replay import performance
from mula_daemon.clips.take import Abandoned, Finished, Outcome, Take
from mula_daemon.engine.seam import (
    NO_TEXTS,
    AudioBlock,
    ClipRequest,
    EngineInfo,
    Frame,
    FrameKnobs,
    Texts,
)
from mula_daemon.jobs.recording import KnobTimeline, Recording, frame_values

REQUEST = ClipRequest("j", ("x",), (1, 2), bars=1)
ENGINE = EngineInfo("tone", "1", 48_000, 2, "cpu", {})

knobs = st.builds(
    FrameKnobs,
    revision=st.integers(0, 99),
    cfg=st.sampled_from([0.0, 1.0, 2.5]),
    temperature=st.sampled_from([0.5, 1.0]),
    top_k=st.sampled_from([1, 50]),
    morph=st.sampled_from([0.0, 1.0]),
    texts=st.sampled_from([None, None, Texts(("dark",), ("jazz", "warm")), Texts(lyrics="la, la")]),
)


@given(st.lists(knobs, min_size=1, max_size=40))
def test_a_timeline_replays_to_the_very_knobs_it_saw(played: list[FrameKnobs]) -> None:
    timeline = KnobTimeline()
    for index, now in enumerate(played):
        timeline.add(index, now)
    script = dict(performance(timeline.initial, timeline.changes))
    current, texts = script[0], NO_TEXTS
    for index, now in enumerate(played):
        current, texts = script.get(index, current), now.texts or texts
        assert frame_values(current) == frame_values(now)
        assert current.texts == texts


class Sieve:
    """A Sink that notes its calls and can fail at one of them."""

    def __init__(self, fail_at: str = "") -> None:
        self.calls: list[object] = []
        self.fail_at = fail_at

    def _note(self, name: str, what: object) -> None:
        self.calls.append(what)
        if name == self.fail_at:
            raise Unavailable(f"no {name}")

    def open(self, take: Take) -> None:
        self._note("open", take.take)

    def write(self, samples: Samples) -> None:
        self._note("write", len(samples))

    def close(self, outcome: Outcome) -> None:
        self._note("close", outcome)

    def release(self) -> None:
        self.calls.append("release")


def recording(*sinks: Sieve) -> Recording:
    takes = [Take(f"id{i}", i, REQUEST, ENGINE, {}) for i in range(len(sinks))]
    return Recording(takes, [[sink] for sink in sinks])


def frame(index: int, cfg: float = 1.5) -> Frame:
    return Frame("j", index, 2, ((index, 1), (index, 2)), FrameKnobs(cfg=cfg), 0)


def block(take: int, length: int = 10) -> AudioBlock:
    return AudioBlock("j", take, np.zeros((length, 2), np.float32))


def test_each_take_gets_its_own_audio_codes_and_one_outcome() -> None:
    first, second = Sieve(), Sieve()
    made = recording(first, second)
    for index in range(2):
        made.frame(frame(index, cfg=1.5 + index))
        made.audio(block(0, 10))
        made.audio(block(1, 20))
    made.finish()
    assert first.calls[:3] == [0, 10, 10]
    assert second.calls[:3] == [1, 20, 20]
    outcome = second.calls[-1]
    assert isinstance(outcome, Finished)
    assert outcome.codes == ((0, 2), (1, 2))
    assert outcome.changes == ((1, "cfg", 2.5),)


def test_blocks_of_the_seam_come_with_the_outcome_and_are_not_written() -> None:
    first, second = Sieve(), Sieve()
    made = recording(first, second)
    made.audio(block(1, 10))
    seam = AudioBlock("j", 1, np.ones((4, 2), np.float32), at=3)
    made.audio(seam)
    made.finish()
    assert second.calls[:-1] == [1, 10]
    outcomes = first.calls[-1], second.calls[-1]
    assert all(isinstance(outcome, Finished) for outcome in outcomes)
    assert [outcome.seam for outcome in outcomes] == [(), (seam,)]


def test_stems_reach_only_the_sinks_that_keep_them() -> None:
    class StemSieve(Sieve):
        def write_stems(self, stems: Samples) -> None:
            self.calls.append(stems.shape)

    plain, keeper = Sieve(), StemSieve()
    made = Recording([Take("id", 0, REQUEST, ENGINE, {})], [[plain, keeper]])
    stems = np.zeros((8, 10, 2), np.float32)
    made.audio(AudioBlock("j", 0, stems[0], stems))
    assert plain.calls == [0, 10]
    assert keeper.calls == [0, 10, (8, 10, 2)]


def test_abandoning_closes_every_sink_once_whatever_they_say(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = Sieve(fail_at="close"), Sieve()
    made = recording(first, second)
    made.frame(frame(0))
    made.abandon("cancelled")
    made.abandon("again")
    assert "a take could not be abandoned" in caplog.text
    assert "no close" in caplog.text
    assert first.calls == [0, Abandoned("cancelled")]
    assert second.calls == [1, Abandoned("cancelled")]


@pytest.mark.parametrize("place", ["open", "write", "close"])
def test_the_error_of_a_sink_comes_out_and_nothing_stays_open(place: str) -> None:
    bad, good = Sieve(fail_at=place), Sieve()
    made = recording(good, bad)
    with pytest.raises(Unavailable, match=f"no {place}"):
        made.frame(frame(0))
        made.audio(block(1))
        made.finish()
    made.abandon("over")
    closed = [call for call in good.calls if isinstance(call, Finished | Abandoned)]
    assert len(closed) == 1


def test_release_reaches_every_sink() -> None:
    sinks = Sieve(), Sieve()
    recording(*sinks).release()
    assert [sink.calls for sink in sinks] == [["release"], ["release"]]
