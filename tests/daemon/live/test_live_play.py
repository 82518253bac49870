"""Live play with a fake engine host and a speaker that plays to nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic, perf_counter_ns, sleep

import numpy as np
import pytest
import soundfile

from mula_bridge.control.messages.commands import Capture, Generate, Live, SetKnob
from mula_bridge.control.messages.reports import ClipReady, Failed, Heard, JobChanged, LiveChanged
from mula_bridge.control.messages.states import JobState
from mula_daemon.engine.messages import Ended
from mula_daemon.engine.seam import EngineInfo, FrameKnobs
from mula_daemon.live.capture import BEND_SECONDS
from mula_daemon.live.recording import LiveRecording
from support.live_rig import ALICE, FRAME, LEAD_NS, RATE, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.stop()


def test_live_play_is_an_endless_job_that_follows_the_texts(rig: Rig) -> None:
    job = rig.begin()
    request = rig.host.runs[-1]
    assert (request.job, request.endless) == (job, True)
    assert request.follows is not None
    assert rig.ear.all(LiveChanged) == [LiveChanged(True)]


def test_the_engine_is_told_when_frames_are_due_a_lead_before_they_are_heard(rig: Rig) -> None:
    job = rig.begin()
    first = rig.host.paces[0]
    assert (first.job, first.samples) == (job, 0)
    rig.play(job, 4)
    end = monotonic() + 5
    while rig.live.heard_ns(job, 3) is None:
        assert monotonic() < end
        sleep(0.01)
    heard = rig.live.heard_ns(job, 3)
    assert heard is not None
    due = rig.host.paces[-1].due_ns
    sample = rig.host.paces[-1].samples
    expected = due + (3 * FRAME - sample) * 1_000_000_000 // RATE + LEAD_NS
    assert abs(heard - expected) < 2_000_000


def test_with_the_transport_running_it_begins_on_a_bar_line(rig: Rig) -> None:
    rig.conductor.start()
    rig.begin()
    due = rig.host.paces[0].due_ns + LEAD_NS
    beat = rig.conductor.timeline.beat_at(due) / 4
    assert abs(beat - round(beat)) < 1e-3
    assert (rig.host.paces[0].lead_ns, rig.host.paces[0].line) == (LEAD_NS, rig.conductor.timeline)


def test_the_engine_is_told_of_a_beat_that_moves(rig: Rig) -> None:
    rig.begin()
    assert rig.host.paces[-1].line is None
    rig.conductor.start()
    assert rig.host.paces[-1].line == rig.conductor.timeline
    rig.conductor.set_bpm(90.0)
    assert rig.host.paces[-1].line == rig.conductor.timeline
    rig.conductor.stop()
    assert rig.host.paces[-1].line is None


def test_capture_keeps_the_bars_heard_sample_for_sample_while_it_plays_on(
    rig: Rig, tmp_path: Path
) -> None:
    job = rig.begin()
    rig.mailbox.put(Capture(1), ALICE)
    assert "not one bar" in rig.ear.wait(Failed).text
    rig.play(job, 16)
    rig.play(job, 20, FrameKnobs(cfg=3.0, bpm=120.0))
    rig.live.recording.voice.placed = (16 * FRAME + 500, perf_counter_ns())  # type: ignore[union-attr]
    rig.mailbox.put(Capture(4), ALICE)
    ready = rig.ear.wait(ClipReady)
    (clip,) = rig.library.clips()
    assert (clip.recipe.bars, clip.recipe.bpm, ready.job) == (1, 120.0, job)
    written, rate = soundfile.read(clip.path, dtype="float32", always_2d=True)
    assert (len(written), rate) == (16 * FRAME, RATE)
    heard, bent = np.concatenate(rig.sound[:16]), round(BEND_SECONDS * RATE)
    np.testing.assert_allclose(written[:-bent], heard[:-bent], atol=2.0**-23)
    np.testing.assert_allclose(written[-1], written[0], atol=2.0**-22)
    steps = np.abs(np.diff(written[-bent - 1 :], axis=0)).max()
    assert steps <= np.abs(np.diff(heard, axis=0)).max() + 2.0 / bent
    assert clip.codes()[:, 0].tolist() == list(range(16))
    assert clip.recipe.parent is not None
    assert clip.recipe.parent.frame == 0
    assert rig.ear.all(LiveChanged)[-1].on


def test_a_capture_across_a_tempo_change_is_as_long_as_it_was_heard(rig: Rig) -> None:
    job = rig.begin()
    rig.play(job, 8)
    rig.play(job, 9, FrameKnobs(bpm=90.0), 8000)
    length = 8 * FRAME + 8 * 8000
    rig.live.recording.voice.placed = (length + 10, perf_counter_ns())  # type: ignore[union-attr]
    rig.mailbox.put(Capture(1), ALICE)
    rig.ear.wait(ClipReady)
    (clip,) = rig.library.clips()
    assert len(soundfile.read(clip.path)[0]) == length
    assert clip.recipe.bpm == pytest.approx(4 * 60 * RATE / length)


def test_a_change_is_said_to_be_heard_when_it_is(rig: Rig) -> None:
    job = rig.begin()
    rig.play(job, 4)
    end = monotonic() + 5
    while rig.live.heard_ns(job, 0) is None:
        assert monotonic() < end
        sleep(0.01)
    rig.mailbox.put(SetKnob("cfg", 3.0), ALICE)
    sleep(0.05)
    rig.play(job, 1, FrameKnobs(cfg=3.0, bpm=120.0))
    at_ns = rig.live.heard_ns(job, 4)
    heard = rig.ear.wait(Heard)
    assert at_ns is not None
    assert perf_counter_ns() >= at_ns
    assert (heard.name, heard.value, heard.frame) == ("cfg", 3.0, 4)
    assert heard.milliseconds > heard.waited > 0


def test_live_off_cancels_the_job_and_says_so_once_it_has_ended(rig: Rig) -> None:
    job = rig.begin()
    rig.mailbox.put(Live(), ALICE)
    end = monotonic() + 5
    while rig.host.aborts != [job]:
        assert monotonic() < end
        sleep(0.01)
    rig.recorder.ended(Ended(job, JobState.CANCELLED))
    assert not rig.ear.wait(LiveChanged, lambda news: not news.on).reason


def test_an_engine_that_cannot_play_live_says_why_and_makes_a_clip(rig: Rig) -> None:
    rig.ready(EngineInfo("slow", "1", RATE, 2, "cpu", {}))
    rig.mailbox.put(Live(True), ALICE)
    news = rig.ear.wait(LiveChanged)
    assert "slow cannot play live" in news.reason
    running = rig.ear.wait(JobChanged, lambda job: job.state is JobState.RUNNING)
    assert not next(run for run in rig.host.runs if run.job == running.id).endless


class Clock:
    """The one of a machine that can be put to sleep."""

    def __init__(self) -> None:
        self.slept_ns = 0

    def __call__(self) -> int:
        return perf_counter_ns() + self.slept_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("live.recording", "live.handler", "audio.speaker", "audio.outlet"):
        monkeypatch.setattr(f"mula_daemon.{module}.perf_counter_ns", clock)
    return clock


def playing(rig: Rig) -> tuple[str, LiveRecording]:
    """Live play that is heard, and a speaker that stands still from then on."""
    job = rig.begin()
    rig.play(job, 4)
    recording = rig.live.recording
    assert recording is not None
    end = monotonic() + 5
    while recording.voice.placed is None:
        assert monotonic() < end
        sleep(0.005)
    rig.speaker.feeder.stop()
    return job, recording


@pytest.mark.parametrize("slept_s", [1, 3600])
def test_a_machine_that_slept_plays_on_and_does_not_hurry(
    clock: Clock, rig: Rig, slept_s: int
) -> None:
    job, recording = playing(rig)
    before = rig.host.paces[-1]
    clock.slept_ns = slept_s * 1_000_000_000
    rig.play(job, 40)
    after = rig.host.paces[-1]
    moved = after.due_ns - before.due_ns - (after.samples - before.samples) * 10**9 // RATE
    assert moved == pytest.approx(clock.slept_ns, abs=500_000_000)
    assert len(rig.host.paces) < 10
    assert not rig.host.aborts
    assert not recording.too_slow


def test_an_engine_that_is_late_and_catches_up_is_not_too_slow(clock: Clock, rig: Rig) -> None:
    job, recording = playing(rig)
    recording.voice.placed = (0, clock() - 60_000_000_000)
    rig.play(job, 40)
    assert not recording.too_slow


def test_an_engine_that_falls_behind_ends_with_its_measured_rate(clock: Clock, rig: Rig) -> None:
    job, _ = playing(rig)
    for _ in range(40):  # of an eighth of a second each
        clock.slept_ns += 250_000_000
        rig.speaker.awake_ns += 250_000_000
        rig.play(job, 1)
    failed = (
        rig.ear.wait(JobChanged, lambda job: job.state is JobState.FAILED, timeout=2)
        if (rig.recorder.ended(Ended(job, JobState.CANCELLED)) is None)
        else None
    )
    assert failed is not None
    assert "fake makes 0.5" in failed.reason
    assert "s of sound in a second" in failed.reason
    assert rig.ear.wait(LiveChanged, lambda news: not news.on).reason == failed.reason
    clip = rig.ear.wait(JobChanged, lambda one: one.id != job and one.state is JobState.RUNNING)
    assert not next(run for run in rig.host.runs if run.job == clip.id).endless


def test_capture_without_live_play_is_refused(rig: Rig) -> None:
    rig.mailbox.put(Capture(2), ALICE)
    assert "live play is off" in rig.ear.wait(Failed).text
    rig.begin()
    rig.mailbox.put(Capture(99), ALICE)
    assert "1 to 32 bars" in rig.ear.wait(Failed, lambda failed: "32" in failed.text).text


def test_live_play_that_found_no_place_in_the_queue_is_not_on(rig: Rig) -> None:
    for number in range(16):  # without an engine they wait
        rig.mailbox.put(Generate(f"job{number}"))
    rig.mailbox.put(Live(True), ALICE)
    assert rig.ear.wait(Failed).code == "busy"
    rig.mailbox.put(Live(False), ALICE)
    assert rig.ear.wait(LiveChanged) == LiveChanged(False)


def test_generate_waits_for_the_end_of_live_play(rig: Rig) -> None:
    rig.begin()
    rig.mailbox.put(Generate("later"), ALICE)
    rig.ear.wait(JobChanged, lambda job: job.id == "later" and job.state is JobState.QUEUED)
    assert [run.endless for run in rig.host.runs] == [True]
