"""Live play of an engine whose frames follow the clock: its sound comes later, in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from time import monotonic, perf_counter_ns, sleep

import numpy as np
import pytest
import soundfile

from mula_bridge.control.messages.commands import Capture, Live, SetKnob
from mula_bridge.control.messages.reports import ClipReady, Failed, Heard, JobChanged, LiveChanged
from mula_bridge.control.messages.states import JobState
from mula_daemon.engine.messages import Ended
from mula_daemon.engine.seam import AudioBlock, EngineInfo, Frame, FrameKnobs, Timing
from mula_daemon.live.capture import BEND_SECONDS
from mula_daemon.live.handler import HEAD_START_NS, LYRICS_NS, SPARE_NS
from mula_daemon.live.margin import IN_A_ROW
from support.live_rig import ALICE, LEAD_NS, RATE, Rig
from support.takes import noise

FRAME = 3840
HOP = 4
DELAY_S = 0.64
CLOCKED = EngineInfo("clocked", "1", RATE, 2, "cpu", {}, frame_seconds=0.08, delay_seconds=DELAY_S)


class Clocked(Rig):
    """Its engine makes a block of sound for every four frames, one window later."""

    def begin_clocked(self) -> str:
        self.ready(CLOCKED)
        self.mailbox.put(Live(True), ALICE)
        return self.ear.wait(JobChanged, lambda job: job.state is JobState.RUNNING).id

    def play_clocked(self, job: str, frames: int) -> None:
        for _ in range(frames):
            index = self.made
            self.made += 1
            frame = Frame(job, index, 0, ((index,),), self.knobs, perf_counter_ns())
            self.recorder.frame(frame)
            if index % HOP == HOP - 1 and index >= HOP:
                self.sound.append(noise(HOP * FRAME, seed=index))
                self.recorder.audio(AudioBlock(job, 0, self.sound[-1]))

    made = 0
    knobs = FrameKnobs(bpm=120.0)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Clocked]:
    rig = Clocked(tmp_path)
    yield rig
    rig.stop()


def test_the_lead_makes_room_for_what_the_sound_lags_behind(rig: Clocked) -> None:
    rig.begin_clocked()
    recording = rig.live.recording
    assert recording is not None
    assert recording.lead_ns >= max(LEAD_NS, DELAY_S * 1e9 + SPARE_NS)
    assert rig.live.ahead_ns() == recording.lead_ns


def test_a_new_timing_of_the_engine_moves_the_lead_and_nothing_that_is_heard(rig: Clocked) -> None:
    job = rig.begin_clocked()
    recording = rig.live.recording
    assert recording is not None
    first_ns, last = recording.heard_ns(0), rig.host.paces[-1]
    for delay_s, burst in ((0.9, 8), (0.5, 2), (0.001, 1)):
        rig.recorder.timing(Timing(job, burst, delay_s))
        pace = rig.host.paces[-1]
        assert pace.lead_ns == recording.lead_ns
        needed_ns = round(delay_s * 1e9) + SPARE_NS + rig.speaker.ahead_ns
        assert pace.lead_ns == max(LEAD_NS, needed_ns)
        # A longer lead lets the engine begin so much sooner, a shorter one so much later.
        assert pace.due_ns + pace.lead_ns == last.due_ns + last.lead_ns
        assert (pace.job, pace.samples, recording.heard_ns(0)) == (job, 0, first_ns)
        # What waits for a beat is in time for the last frame of a burst.
        assert rig.live.ahead_ns() == pace.lead_ns + (burst - 1) * 80_000_000


def test_sound_that_keeps_coming_late_makes_the_lead_longer_by_that(rig: Clocked) -> None:
    job = rig.begin_clocked()
    recording = rig.live.recording
    assert recording is not None
    rig.speaker.feeder.stop()
    before_ns, first_ns = recording.lead_ns, recording.heard_ns(0)
    late_ns = 30_000_000
    for _ in range(IN_A_ROW):
        assert recording.lead_ns == before_ns
        heard = recording.voice.written
        recording.voice.placed = (heard, perf_counter_ns() + rig.speaker.ahead_ns - late_ns)
        rig.play_clocked(job, HOP)
        while recording.voice.written == heard:
            rig.play_clocked(job, 1)
    assert before_ns + late_ns <= recording.lead_ns < before_ns + 20 * late_ns
    pace = rig.host.paces[-1]
    assert pace.lead_ns == recording.lead_ns
    assert pace.due_ns + pace.lead_ns == first_ns
    rig.recorder.timing(Timing(job, 2, DELAY_S + 0.1))  # and it stays when the engine has news
    assert recording.lead_ns == rig.host.paces[-1].lead_ns
    assert recording.lead_ns - pace.lead_ns == 100_000_000


def test_a_timing_of_another_job_or_of_none_changes_nothing(rig: Clocked) -> None:
    rig.begin_clocked()
    before = list(rig.host.paces)
    rig.recorder.timing(Timing("clip7", 8, 3.0))
    assert rig.host.paces == before


def test_it_has_time_to_read_lyrics_before_its_first_frame_is_due(rig: Clocked) -> None:
    before_ns = perf_counter_ns()
    rig.begin_clocked()
    assert rig.host.paces[0].due_ns - before_ns >= HEAD_START_NS + LYRICS_NS


def test_every_frame_has_its_own_piece_of_the_sound(rig: Clocked) -> None:
    job = rig.begin_clocked()
    rig.play_clocked(job, 21)
    recording = rig.live.recording
    assert recording is not None
    played = recording.played.since(0)
    assert [one.frame.index for one in played] == list(range(16))
    assert all(len(one.samples) == FRAME for one in played)
    assert all(a.end == b.first for a, b in pairwise(played))
    together = np.concatenate([one.samples for one in played])
    assert np.array_equal(together, np.concatenate(rig.sound))
    assert recording.played.first_of(16) == 16 * FRAME


def test_a_capture_is_bars_of_the_sessions_tempo_up_to_what_was_heard(rig: Clocked) -> None:
    job = rig.begin_clocked()
    rig.mailbox.put(SetKnob("bpm", 150.0), ALICE)  # a bar is 1.6 s: 20 frames
    rig.mailbox.put(Capture(1), ALICE)
    assert "not one bar" in rig.ear.wait(Failed).text
    rig.play_clocked(job, 80)
    heard = 50 * FRAME + 100
    rig.live.recording.voice.placed = (heard, perf_counter_ns())  # type: ignore[union-attr]
    rig.mailbox.put(Capture(4), ALICE)
    ready = rig.ear.wait(ClipReady)
    (clip,) = rig.library.clips()
    assert (clip.recipe.bars, clip.recipe.bpm, ready.job) == (2, 150.0, job)
    written, _ = soundfile.read(clip.path, dtype="float32", always_2d=True)
    assert len(written) == 2 * 20 * FRAME
    parent = clip.recipe.parent
    assert parent is not None
    assert 10 <= parent.frame <= 12  # up to the frames that were heard when it was asked for
    bent, begin = round(BEND_SECONDS * RATE), parent.frame * FRAME
    whole = np.concatenate(rig.sound)[begin : begin + len(written)]
    np.testing.assert_allclose(written[:-bent], whole[:-bent], atol=2.0**-23)
    assert clip.codes()[:, 0].tolist() == list(range(parent.frame, parent.frame + 40))


def test_a_frame_is_heard_when_its_piece_is(rig: Clocked) -> None:
    job = rig.begin_clocked()
    rig.play_clocked(job, 12)
    end = monotonic() + 5
    while rig.live.heard_ns(job, 7) is None:
        assert monotonic() < end
        sleep(0.01)
    one, other = rig.live.heard_ns(job, 2), rig.live.heard_ns(job, 7)
    assert one is not None and other is not None
    assert abs(other - one - 400_000_000) < 1000


def test_a_change_is_said_to_be_heard_though_its_sound_comes_after_its_frame(rig: Clocked) -> None:
    job = rig.begin_clocked()
    rig.mailbox.put(SetKnob("cfg", 3.0), ALICE)
    sleep(0.05)
    rig.knobs = FrameKnobs(cfg=3.0, bpm=120.0)
    rig.play_clocked(job, 1)  # nothing has been heard, and no sound has come
    at_ns = rig.live.heard_ns(job, 0)
    assert at_ns is not None
    heard = rig.ear.wait(Heard)
    assert (heard.name, heard.value, heard.frame) == ("cfg", 3.0, 0)
    assert perf_counter_ns() >= at_ns
    recording = rig.live.recording
    assert recording is not None
    assert heard.milliseconds * 1e6 >= 0.9 * recording.lead_ns  # it begins on a bar line


def test_one_that_falls_behind_ends_with_the_rate_it_had(rig: Clocked) -> None:
    job = rig.begin_clocked()
    recording = rig.live.recording
    assert recording is not None
    recording.voice.placed = (0, perf_counter_ns() - 60_000_000_000)
    began = perf_counter_ns()
    for _ in range(24):
        rig.play_clocked(job, 1)
        sleep(0.02)
        rig.speaker.awake_ns += 80_000_000  # and as much longer as each of them lasts
    took = (perf_counter_ns() - began) / 1e9 + 24 * 0.08
    rig.recorder.ended(Ended(job, JobState.CANCELLED))
    failed = rig.ear.wait(JobChanged, lambda job: job.state is JobState.FAILED, timeout=2)
    rate = float(failed.reason.split("makes ")[1].split()[0])
    assert rate == pytest.approx(24 * 0.08 / took, rel=0.25)
    assert rig.ear.wait(LiveChanged, lambda news: not news.on).reason == failed.reason
