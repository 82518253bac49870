"""The session against a fake host: every command, every engine event."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mula_bridge.control.knobs import KNOBS
from mula_bridge.control.messages.commands import (
    Cancel,
    Command,
    Generate,
    LearnKnob,
    LoadPreset,
    MorphPresets,
    NudgeKnob,
    Panic,
    QueryDump,
    QueryKnob,
    QueryStatus,
    Render,
    ResetKnob,
    SavePreset,
    SetKnob,
    SetLyrics,
    SetTags,
    Stop,
    StopLearning,
    ToggleTag,
)
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import (
    AudioDevice,
    AudioReport,
    EngineChanged,
    Failed,
    FrameReport,
    JobChanged,
    KnobChanged,
    KnobLearnt,
    LyricsChanged,
    Notice,
    PresetSaved,
    PresetsChanged,
    Progress,
    StatusReport,
    TagsChanged,
)
from mula_bridge.control.messages.states import DeviceState, EngineState, JobState, Prompt
from mula_bridge.control.presets import Preset
from mula_bridge.errors import Unavailable
from mula_daemon.engine.messages import Ended
from mula_daemon.engine.seam import ClipRequest, EngineInfo, Frame, FrameKnobs, Texts
from mula_daemon.jobs.events import EngineNews, Remapped
from mula_daemon.jobs.guards import Remake
from mula_daemon.jobs.queue import Job
from mula_daemon.jobs.recording import Recording
from mula_daemon.session import Session
from mula_daemon.steering.controls import Controls
from mula_daemon.steering.preset_store import PresetStore
from mula_daemon.tempo.conductor import Conductor
from support.fakes import Ear, FakeHost

ALICE = Origin("osc", ("127.0.0.1", 1), address="/mula/here")
INFO = EngineInfo("tone", "1", 48_000, 2, "cpu", {}, vocabulary={"techno": "techno"})


class FakeSpeaker:
    def __init__(self) -> None:
        self.calls: list[object] = []
        self.gain_db = 0.0

    def stop(self) -> None:
        self.calls.append("stop")

    def panic(self) -> None:
        self.calls.append("panic")

    def stats(self) -> AudioReport:
        return AudioReport(-60.0, 0)


class Rig:
    def __init__(self) -> None:
        self.host, self.ear, self.speaker = FakeHost(), Ear(), FakeSpeaker()
        self.refuse = ""
        self.conductor = Conductor()
        controls = Controls(lambda at: {"cfg": 1.5 + at})
        self.session = Session(
            controls,
            self.host,
            self._record,
            presets=PresetStore({"soft": Preset({"cfg": 2.0}), "hard": Preset({"cfg": 3.0})}),
            rendering=lambda clip, job: Job(ClipRequest(job, (clip,), (1,)), {}),
            speaker=self.speaker,
            conductor=self.conductor,
            queue_limit=2,
        )
        self.session.listen(self.ear)

    def _record(self, job: Job, engine: EngineInfo) -> Recording:
        if self.refuse:
            raise Unavailable(self.refuse)
        return Recording([], [])

    def send(self, *commands: Command) -> None:
        """Emit, then wait until all of it is handled."""
        for command in commands:
            self.session.emit(command, ALICE)
        before = len(self.ear.all(StatusReport))
        self.session.emit(QueryStatus(), ALICE)
        self.ear.wait(StatusReport, lambda _: len(self.ear.all(StatusReport)) > before)

    def ready(self) -> None:
        self.session.post(EngineNews(EngineState.READY, "tone", INFO))

    def states(self, job: str) -> list[JobState]:
        """The states everyone heard of; who asked hears of the first one apart."""
        return [
            news.state
            for news, to, _ in self.ear.heard
            if isinstance(news, JobChanged) and news.id == job and to is None
        ]

    def answers(self) -> list[object]:
        return [report for report, to, _ in self.ear.heard if to == ALICE]

    def news(self) -> list[object]:
        return [report for report, to, but in self.ear.heard if to is None and but == ALICE]


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    rig.session.start()
    yield rig
    rig.session.stop()


def test_a_knob_reaches_the_engine_its_sender_and_everyone_else(rig: Rig) -> None:
    rig.send(SetKnob("cfg", 3.0))
    assert rig.host.turns[-1].cfg == 3.0
    assert KnobChanged("cfg", 3.0, 0.5) in rig.answers()
    assert KnobChanged("cfg", 3.0, 0.5) in rig.news()


def test_a_knob_of_the_next_clip_is_not_sent_to_the_engine(rig: Rig) -> None:
    rig.send(SetKnob("bars", 8))
    assert [turn.revision for turn in rig.host.turns] == [rig.host.turns[0].revision]


def test_the_tempo_knob_sets_the_conductors_tempo(rig: Rig) -> None:
    rig.send(SetKnob("bpm", 90.0))
    assert rig.conductor.timeline.bpm == 90.0


def test_a_macro_tells_its_sender_what_it_moved(rig: Rig) -> None:
    rig.send(SetKnob("genre_strength", 1.0))
    moved = [r for r, to, but in rig.ear.heard if isinstance(r, KnobChanged) and not to and not but]
    assert moved == [KnobChanged("cfg", 2.5, 0.375)]


def test_norm_nudge_reset_preset_and_query(rig: Rig) -> None:
    rig.send(SetKnob("cfg", 1.0, norm=True), NudgeKnob("cfg", -1.0))
    assert rig.host.turns[-1].cfg == 4.0
    rig.send(LoadPreset("hard"))
    assert rig.host.turns[-1].cfg == 3.0
    rig.send(ResetKnob("cfg"), QueryKnob("cfg"))
    assert rig.answers()[-2:-1] == [KnobChanged("cfg", 1.5, 0.125)]


def test_presets_are_saved_morphed_and_loaded_with_news_for_everyone(rig: Rig) -> None:
    rig.send(SetTags(("techno",)), SetKnob("cfg", 4.0), SavePreset("mine"), SetTags(("pop",)))
    rig.send(MorphPresets("soft", 2, 0.5))
    assert rig.host.turns[-1].cfg == 2.5
    rig.send(LoadPreset(3))
    assert rig.host.turns[-1].cfg == 4.0
    assert TagsChanged(("techno",)) in [r for r, to, but in rig.ear.heard if not to and not but]
    assert PresetSaved("mine") in rig.answers()


def test_the_engine_hears_what_texts_are_set(rig: Rig) -> None:
    before = len(rig.host.turns)
    rig.send(SetTags(("techno",)), SetTags(("techno",)), SetLyrics("la"))
    assert [turn.texts for turn in rig.host.turns[before:]] == [
        Texts(("techno",)),
        Texts(("techno",), lyrics="la"),
    ]


def test_other_presets_and_another_curve_take_over_while_it_runs(rig: Rig) -> None:
    rig.send(SetKnob("cfg", 4.0), SavePreset("mine"))
    assert rig.ear.all(PresetsChanged)[-1] == PresetsChanged(("soft", "hard", "mine"))
    rig.session.post(Remapped({"hard": Preset({"cfg": 2.5})}, lambda at: {"cfg": 1.0 + at}))
    rig.send(LoadPreset("hard"))
    assert rig.ear.all(PresetsChanged)[-1] == PresetsChanged(("hard", "mine"))
    assert rig.host.turns[-1].cfg == 2.5
    rig.send(SetKnob("genre_strength", 0.5))
    assert rig.host.turns[-1].cfg == 1.5
    rig.session.post(Remapped({}, None))
    rig.send(LoadPreset("hard"), SetKnob("genre_strength", 1.0))
    assert rig.host.turns[-1].cfg == 2.0
    assert [failed.code for failed in rig.ear.all(Failed)] == ["unknown"]


def test_a_silent_take_is_made_again_as_a_job_like_any_other(rig: Rig) -> None:
    rig.ready()
    rig.session.post(Notice("a", "near-silent", "take 1 is near-silent"))
    rig.session.post(Remake(Job(ClipRequest("a~1", ("techno",), (4,)), {}, rerolls=1)))
    rig.ear.wait(JobChanged, lambda job: job.id == "a~1" and job.state is JobState.RUNNING)
    assert rig.ear.all(Notice) == [Notice("a", "near-silent", "take 1 is near-silent")]
    assert rig.host.runs[-1].seeds == (4,)


def test_texts_are_set_asked_for_and_toggled(rig: Rig) -> None:
    rig.send(SetTags(("techno",)), SetTags(("jazz",), Prompt.B), SetLyrics("la"))
    rig.send(SetTags(None), SetTags(None, Prompt.B), SetLyrics(None), ToggleTag("dark", True))
    answers = rig.answers()
    assert TagsChanged(("techno",)) in answers
    assert TagsChanged(("jazz",), Prompt.B) in answers
    assert LyricsChanged("la") in answers
    assert TagsChanged(("techno", "dark")) in rig.news()


def test_a_dump_holds_every_knob_and_text(rig: Rig) -> None:
    rig.send(QueryDump())
    answers = rig.answers()
    assert [r.name for r in answers if isinstance(r, KnobChanged)] == list(KNOBS)
    assert {type(r) for r in answers} >= {TagsChanged, LyricsChanged, EngineChanged}


def test_bad_input_is_answered_to_its_sender_alone_and_changes_nothing(rig: Rig) -> None:
    rig.ready()
    rig.send(SetKnob("cgf", 1.0), SetTags(("tekno",)), Cancel("nobody"), LoadPreset("sift"))
    failures = [r for r in rig.answers() if isinstance(r, Failed)]
    assert [f.code for f in failures] == ["unknown", "unknown_tag", "unknown", "unknown"]
    assert all(f.address == "/mula/here" for f in failures)
    assert not rig.news()


def test_jobs_wait_for_the_engine_then_run_one_by_one(rig: Rig) -> None:
    rig.send(Generate("a"), Generate("b"))
    assert not rig.host.runs
    rig.ready()
    rig.send()
    assert [run.job for run in rig.host.runs] == ["a"]
    rig.session.post(Ended("a", JobState.DONE))
    rig.send()
    assert [run.job for run in rig.host.runs] == ["a", "b"]
    assert rig.states("a") == [JobState.QUEUED, JobState.RUNNING, JobState.DONE]


def test_a_job_takes_the_settings_of_the_moment_it_was_asked_for(rig: Rig) -> None:
    rig.send(SetKnob("seed", 7), SetKnob("takes", 3), SetKnob("bpm", 100.0), Generate("a"))
    rig.send(SetKnob("bpm", 90.0), Generate("b", {"bars": 2, "seed": 9, "takes": 1}))
    rig.ready()
    rig.send()
    assert (rig.host.runs[0].seeds, rig.host.runs[0].bpm) == ((7, 8, 9), 100.0)
    rig.session.post(Ended("a", JobState.DONE))
    rig.send()
    assert (rig.host.runs[1].seeds, rig.host.runs[1].bars) == ((9,), 2)


def test_a_seed_is_drawn_when_none_is_asked_for(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"), Generate("b"))
    rig.session.post(Ended("a", JobState.DONE))
    rig.send()
    first, second = (run.seeds[0] for run in rig.host.runs)
    assert 0 <= first != second


def test_a_clip_is_rendered_again_as_a_job_of_its_own(rig: Rig) -> None:
    rig.ready()
    rig.send(Render("abc123"), Generate("next"))
    assert rig.host.runs[0].tags == ("abc123",)
    assert rig.states(rig.host.runs[0].job) == [JobState.QUEUED, JobState.RUNNING]


def test_who_asks_for_a_job_learns_its_id(rig: Rig) -> None:
    rig.send(Generate())
    assert JobChanged("job1", JobState.QUEUED) in rig.answers()


def test_a_full_queue_says_busy(rig: Rig) -> None:
    rig.ready()
    rig.send(*(Generate(name) for name in "abcd"))
    failures = [r for r in rig.answers() if isinstance(r, Failed)]
    assert [f.code for f in failures] == ["busy"]
    assert rig.states("d") == []


def test_cancel_of_a_queued_and_of_a_running_job(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"), Generate("b"), Cancel("b"))
    assert rig.states("b") == [JobState.QUEUED, JobState.CANCELLED]
    rig.send(Cancel())
    assert rig.host.aborts == ["a"]
    rig.session.post(Ended("a", JobState.CANCELLED))
    rig.send()
    assert rig.states("a")[-1] is JobState.CANCELLED


def test_cancel_with_nothing_running_is_no_error(rig: Rig) -> None:
    rig.send(Cancel())
    assert not rig.ear.all(Failed)


def test_panic_silences_and_cancels_everything(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"), Generate("b"), Panic())
    assert rig.speaker.calls == ["panic"]
    assert rig.host.aborts == ["a"]
    assert rig.states("b")[-1] is JobState.CANCELLED


def test_stop_and_gain_go_to_the_speaker(rig: Rig) -> None:
    rig.send(SetKnob("gain_db", -6.0), Stop())
    assert rig.speaker.gain_db == -6.0
    assert rig.speaker.calls == ["stop"]


def test_frames_are_reported_with_progress(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"))
    rig.session.post(Frame("a", 3, 16, ((0,),), FrameKnobs(revision=5, cfg=2.5), 99))
    rig.session.post(Frame("stranger", 3, 16, ((0,),), FrameKnobs(), 99))
    rig.send()
    assert [f.revision for f in rig.ear.all(FrameReport)] == [5]
    assert rig.ear.all(FrameReport)[0].knobs["cfg"] == 2.5
    assert rig.ear.all(Progress) == [Progress("a", 0.25)]


def test_a_lost_engine_fails_the_running_job_and_keeps_the_others(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"), Generate("b"))
    rig.session.post(EngineNews(EngineState.RESTARTING, "killed by signal 9", None))
    rig.session.post(EngineNews(EngineState.STARTING, "tone", None))
    rig.send()
    assert JobChanged("a", JobState.FAILED, "killed by signal 9") in rig.ear.all(JobChanged)
    assert rig.states("b") == [JobState.QUEUED]
    rig.ready()
    rig.send()
    assert rig.host.runs[-1].job == "b"


def test_an_engine_lost_for_good_fails_every_job_and_refuses_new_ones(rig: Rig) -> None:
    rig.send(Generate("a"), Generate("b"))
    rig.session.post(EngineNews(EngineState.FAILED, "no weights", None))
    rig.send(Generate("c"))
    assert [rig.states(name)[-1] for name in "ab"] == [JobState.FAILED] * 2
    assert [f.code for f in rig.ear.all(Failed)] == ["unavailable"]


def test_a_place_that_cannot_take_the_clip_fails_the_job_not_the_daemon(rig: Rig) -> None:
    rig.ready()
    rig.refuse = "folder is not writable"
    rig.send(Generate("a"))
    assert JobChanged("a", JobState.FAILED, "folder is not writable") in rig.ear.all(JobChanged)
    rig.refuse = ""
    rig.send(Generate("b"))
    assert rig.states("b")[-1] is JobState.RUNNING


def test_an_unready_engines_end_of_a_stranger_job_is_ignored(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"))
    rig.session.post(Ended("old", JobState.DONE))
    rig.send()
    assert rig.states("a")[-1] is JobState.RUNNING


class FakeLearning:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def learn(self, knob: str) -> None:
        self.calls.append(knob)

    def stop_learning(self) -> None:
        self.calls.append("stop")


def test_learning_goes_to_midi_and_is_refused_without_it(rig: Rig) -> None:
    rig.send(LearnKnob("cfg"))
    assert [failed.code for failed in rig.ear.all(Failed)] == ["unavailable"]
    rig.session.learning = learning = FakeLearning()
    rig.send(LearnKnob("cfg"), StopLearning())
    assert learning.calls == ["cfg", "stop"]
    rig.session.post(KnobLearnt("cfg", "cc 16"))
    rig.send()
    assert rig.ear.all(KnobLearnt) == [KnobLearnt("cfg", "cc 16")]


def test_an_interface_that_came_or_went_is_said_and_remembered(rig: Rig) -> None:
    lost = AudioDevice(DeviceState.LOST, detail="the audio output has stopped")
    rig.session.post(lost)
    rig.send(QueryDump())
    assert rig.ear.all(AudioDevice) == [lost, lost]
