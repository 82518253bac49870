"""The session against a fake host: every command, every engine event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from time import sleep
from typing import Any, Never, get_args

import pytest

from mula_bridge.control.knobs import KNOBS
from mula_bridge.control.messages.commands import (
    Cancel,
    Command,
    Generate,
    LearnCommand,
    LearnKnob,
    Live,
    LiveCommand,
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
    Report,
    StatusReport,
    TagsChanged,
)
from mula_bridge.control.messages.states import DeviceState, EngineState, JobState, Prompt
from mula_bridge.control.presets import Preset
from mula_bridge.control.service import Errands
from mula_bridge.errors import Unavailable
from mula_daemon.app.services import Services
from mula_daemon.app.sound import Sounding
from mula_daemon.audio.levels import Gain
from mula_daemon.clips.catalogue import Catalogue
from mula_daemon.clips.library import Library
from mula_daemon.clips.recipe import Performance
from mula_daemon.engine.messages import Ended
from mula_daemon.engine.seam import ClipRequest, EngineInfo, Frame, FrameKnobs, Texts
from mula_daemon.jobs.guards import Remake
from mula_daemon.jobs.handler import Jobs
from mula_daemon.jobs.queue import Job
from mula_daemon.jobs.recorder import EngineNews, Recorder
from mula_daemon.jobs.recording import Recording
from mula_daemon.session import Handler, Mailbox, Publisher, Session
from mula_daemon.steering.controls import Controls
from mula_daemon.steering.handler import Remapped, Steering
from mula_daemon.steering.preset_store import PresetStore
from mula_daemon.tempo.conductor import Conductor
from support.fakes import Ear, FakeHost
from support.shelved_clips import put_clip

ALICE = Origin("osc", ("127.0.0.1", 1), address="/mula/here")
INFO = EngineInfo("tone", "1", 48_000, 2, "cpu", {}, vocabulary={"techno": "techno"})


class FakeSpeaker:
    def __init__(self) -> None:
        self.calls: list[object] = []
        self.gain = Gain()

    def stop(self) -> None:
        self.calls.append("stop")

    def panic(self) -> None:
        self.calls.append("panic")

    underruns = 0

    def stats(self) -> AudioReport:
        return AudioReport(-60.0, 0)


class AtOnce(Errands):
    """A worker that does everything while it is handed it."""

    def __init__(self) -> None:
        super().__init__("files")

    def do(self, errand: Callable[[], object]) -> None:
        errand()


class FakeLearning(Handler[LearnCommand, Never]):
    """A handler that only notes what it was told."""

    commands = get_args(LearnCommand)

    def __init__(self) -> None:
        self.commands_seen: list[LearnCommand] = []

    def handle(self, command: LearnCommand, origin: Origin) -> None:
        self.commands_seen.append(command)


class Rig:
    def __init__(self, folder: Path, *others: Handler[Any, Any]) -> None:
        self.host, self.ear, self.speaker = FakeHost(), Ear(), FakeSpeaker()
        self.refuse = ""
        self.learning = FakeLearning()
        self.mailbox, publisher = Mailbox(), Publisher()
        self.publisher = publisher
        self.conductor = Conductor()
        self.library = Library(folder)
        self.library.prepare()
        self.catalogue = Catalogue.of(self.library)
        publish = publisher.publish
        steering = Steering(
            Controls(lambda at: {"cfg": 1.5 + at}),
            PresetStore({"soft": Preset({"cfg": 2.0}), "hard": Preset({"cfg": 3.0})}),
            AtOnce(),
            self.mailbox,
            publish,
            self.host,
            self.conductor,
            self.speaker,  # type: ignore[arg-type]
        )
        self.recorder = Recorder(self.mailbox.post, self.host.abort)
        jobs = Jobs(
            self.host,
            self.recorder,
            self._record,
            self.catalogue,
            steering,
            publish,
            self.speaker,  # type: ignore[arg-type]
            queue_limit=2,
        )
        sound = Sounding(self.speaker, publish)  # type: ignore[arg-type]
        self.session = Session(
            self.mailbox, publisher, [steering, jobs, sound, self.learning, *others]
        )
        publisher.listen(self.ear)

    def _record(self, job: Job, engine: EngineInfo) -> Recording:
        if self.refuse:
            raise Unavailable(self.refuse)
        return Recording([], [])

    def send(self, *commands: Command) -> None:
        """Emit, then wait until all of it is handled."""
        for command in commands:
            self.mailbox.put(command, ALICE)
        before = len(self.ear.all(StatusReport))
        self.mailbox.put(QueryStatus(), ALICE)
        self.ear.wait(StatusReport, lambda _: len(self.ear.all(StatusReport)) > before)

    def ready(self) -> None:
        self.mailbox.post(EngineNews(EngineState.READY, "tone", INFO))

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
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
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
    rig.mailbox.post(Remapped({"hard": Preset({"cfg": 2.5})}, lambda at: {"cfg": 1.0 + at}))
    rig.send(LoadPreset("hard"))
    assert rig.ear.all(PresetsChanged)[-1] == PresetsChanged(("hard", "mine"))
    assert rig.host.turns[-1].cfg == 2.5
    rig.send(SetKnob("genre_strength", 0.5))
    assert rig.host.turns[-1].cfg == 1.5
    rig.mailbox.post(Remapped({}, None))
    rig.send(LoadPreset("hard"), SetKnob("genre_strength", 1.0))
    assert rig.host.turns[-1].cfg == 2.0
    assert [failed.code for failed in rig.ear.all(Failed)] == ["unknown"]


def test_a_silent_take_is_made_again_as_a_job_like_any_other(rig: Rig) -> None:
    rig.ready()
    rig.mailbox.post(Notice("a", "near-silent", "take 1 is near-silent"))
    rig.mailbox.post(Remake(Job(ClipRequest("a~1", ("techno",), (4,)), {}, rerolls=1)))
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


@pytest.mark.parametrize(
    "command",
    [
        Generate("../../x"),
        Generate("x" * 65),
        Generate("a\0"),
        Generate("a\ud83d"),
        SavePreset("../../x"),
        SavePreset("x" * 5000),
        SetTags(("dark \ud83d",)),
        SetTags(("dark\x1b",)),
        ToggleTag("a\0", True),
        SetLyrics("la \ud83d"),
        Generate(lyrics="la \ud83d"),
        Generate(tags=("\udce9",)),
    ],
    ids=range(12),
)
def test_junk_names_and_texts_that_nobody_can_spell_are_refused_at_once(
    rig: Rig, command: Command
) -> None:
    rig.ready()
    rig.send(command)
    (failed,) = [report for report in rig.answers() if isinstance(report, Failed)]
    assert failed.code == "bad_input"
    failed.text.encode()
    assert not rig.news()


def test_a_key_is_set_as_it_is_usually_written(rig: Rig) -> None:
    rig.ready()
    rig.send(SetKnob("key", "E♭ major"))
    assert KnobChanged("key", "D#maj", KNOBS["key"].to_norm("D#maj")) in rig.news()


def test_bad_input_is_answered_to_its_sender_alone_and_changes_nothing(rig: Rig) -> None:
    rig.ready()
    rig.send(SetKnob("cgf", 1.0), SetTags(("tekno",)), Cancel("nobody"), LoadPreset("sift"))
    failures = [r for r in rig.answers() if isinstance(r, Failed)]
    assert [f.code for f in failures] == ["unknown", "unknown_tag", "unknown", "unknown"]
    assert all(f.address == "/mula/here" for f in failures)
    assert not rig.news()


def test_what_fails_without_anybody_having_asked_for_it_is_told_to_everybody(rig: Rig) -> None:
    lost = Failed("", "audio", "playing is off: the interface has gone")
    rig.mailbox.post(lost)
    rig.mailbox.put(SetKnob("nonsense", 1.0))  # the daemon's own
    rig.send()
    told = [(report, to) for report, to, _ in rig.ear.heard if isinstance(report, Failed)]
    assert told[0] == (lost, None)
    assert [(report.code, to) for report, to in told[1:]] == [("unknown", None)]


def test_jobs_wait_for_the_engine_then_run_one_by_one(rig: Rig) -> None:
    rig.send(Generate("a"), Generate("b"))
    assert not rig.host.runs
    rig.ready()
    rig.send()
    assert [run.job for run in rig.host.runs] == ["a"]
    rig.mailbox.post(Ended("a", JobState.DONE))
    rig.send()
    assert [run.job for run in rig.host.runs] == ["a", "b"]
    assert rig.states("a") == [JobState.QUEUED, JobState.RUNNING, JobState.DONE]


def test_a_job_takes_the_settings_of_the_moment_it_was_asked_for(rig: Rig) -> None:
    rig.send(SetKnob("seed", 7), SetKnob("takes", 3), SetKnob("bpm", 100.0), Generate("a"))
    rig.send(SetKnob("bpm", 90.0), Generate("b", {"bars": 2, "seed": 9, "takes": 1}))
    rig.ready()
    rig.send()
    assert (rig.host.runs[0].seeds, rig.host.runs[0].bpm) == ((7, 8, 9), 100.0)
    rig.mailbox.post(Ended("a", JobState.DONE))
    rig.send()
    assert (rig.host.runs[1].seeds, rig.host.runs[1].bars) == ((9,), 2)


def test_a_seed_is_drawn_when_none_is_asked_for(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"), Generate("b"))
    rig.mailbox.post(Ended("a", JobState.DONE))
    rig.send()
    first, second = (run.seeds[0] for run in rig.host.runs)
    assert 0 <= first != second


def test_a_clip_is_rendered_again_as_a_job_of_its_own(rig: Rig) -> None:
    frame_knobs = {"cfg": 3.0, "temperature": 1.0, "top_k": 50, "morph": 0.0}
    knobs = Performance(frame_knobs, ())
    put_clip(rig.library, "abc123", tags=("dub", "dark"), knobs=knobs)
    rig.catalogue.put(rig.library.find("abc123"))
    rig.ready()
    rig.send(Render("abc123"), Generate("next"))
    assert rig.host.runs[0].tags == ("dub", "dark")
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
    rig.mailbox.post(Ended("a", JobState.CANCELLED))
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
    assert rig.speaker.gain.decibels == -6.0
    assert rig.speaker.calls == ["stop"]


def test_frames_are_reported_with_progress(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"))
    rig.mailbox.post(Frame("a", 3, 16, ((0,),), FrameKnobs(revision=5, cfg=2.5), 99))
    rig.mailbox.post(Frame("stranger", 3, 16, ((0,),), FrameKnobs(), 99))
    rig.send()
    assert [f.revision for f in rig.ear.all(FrameReport)] == [5]
    assert rig.ear.all(FrameReport)[0].knobs["cfg"] == 2.5
    assert rig.ear.all(Progress) == [Progress("a", 0.25)]


@pytest.mark.parametrize("state", [EngineState.RESTARTING, EngineState.RESTING])
def test_a_lost_engine_fails_the_running_job_and_keeps_the_others(
    rig: Rig, state: EngineState
) -> None:
    rig.ready()
    rig.send(Generate("a"), Generate("b"))
    rig.mailbox.post(Frame("a", 0, 16, ((0,),), FrameKnobs(), 99))
    lose(rig, state)
    assert JobChanged("a", JobState.FAILED, "killed by signal 9") in rig.ear.all(JobChanged)
    assert rig.states("b") == [JobState.QUEUED]
    rig.ready()
    rig.send()
    assert rig.host.runs[-1].job == "b"


def lose(rig: Rig, state: EngineState = EngineState.RESTARTING) -> None:
    rig.mailbox.post(EngineNews(state, "killed by signal 9", None))
    rig.mailbox.post(EngineNews(EngineState.STARTING, "tone", None))
    rig.send()


def test_a_job_without_a_frame_is_the_next_to_run_once_and_says_so(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"), *(Generate(f"b{number}") for number in range(16)))
    lose(rig)
    again = rig.ear.wait(JobChanged, lambda job: "killed by signal 9; nothing was" in job.reason)
    assert (again.id, again.state) == ("a", JobState.QUEUED)
    rig.ready()
    rig.send()
    assert [run.job for run in rig.host.runs] == ["a", "a"]
    lose(rig)
    assert JobChanged("a", JobState.FAILED, "killed by signal 9") in rig.ear.all(JobChanged)
    assert rig.states("a") == [JobState.QUEUED, JobState.RUNNING] * 2 + [JobState.FAILED]
    rig.ready()
    rig.send()
    assert rig.host.runs[-1].job == "b0"


def test_what_waits_for_an_engine_begins_though_the_knobs_could_not_be_fitted(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(steering: Steering, engine: EngineInfo) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Steering, "fit", fit)
    rig.send(Generate("a"))
    rig.ready()
    rig.send()
    assert rig.states("a") == [JobState.QUEUED, JobState.RUNNING]


def test_a_job_that_was_cancelled_does_not_begin_again(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"), Cancel("a"))
    lose(rig)
    assert rig.ear.all(JobChanged)[-1] == JobChanged("a", JobState.CANCELLED)


def test_a_job_that_waits_once_more_can_be_cancelled(rig: Rig) -> None:
    rig.ready()
    rig.send(Generate("a"))
    lose(rig)
    rig.send(Cancel("a"))
    rig.ready()
    rig.send()
    assert rig.states("a")[-1] is JobState.CANCELLED
    assert len(rig.host.runs) == 1


@pytest.mark.parametrize("state", [EngineState.RESTARTING, EngineState.FAILED])
def test_nothing_is_left_of_a_job_that_began_in_the_moment_of_a_loss(
    rig: Rig, state: EngineState
) -> None:
    """The engine's side had abandoned all there was already when the session began with it."""
    rig.ready()
    rig.send(Generate("a"))
    assert "a" in rig.recorder._recordings
    lose(rig, state)
    assert not rig.recorder._recordings


def test_every_order_is_for_the_engine_that_was_ready_when_it_was_given(rig: Rig) -> None:
    one, other = copy(INFO), copy(INFO)
    rig.mailbox.post(EngineNews(EngineState.READY, "tone", one))
    rig.send(Generate("a"))
    lose(rig)
    rig.mailbox.post(EngineNews(EngineState.READY, "tone", other))
    rig.send()
    assert [id(engine) for engine in rig.host.engines] == [id(one), id(other)]


def test_an_engine_lost_for_good_fails_every_job_and_refuses_new_ones(rig: Rig) -> None:
    rig.send(Generate("a"), Generate("b"))
    rig.mailbox.post(EngineNews(EngineState.FAILED, "no weights", None))
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
    rig.mailbox.post(Ended("old", JobState.DONE))
    rig.send()
    assert rig.states("a")[-1] is JobState.RUNNING


def test_learning_is_for_who_owns_it_and_what_came_of_it_for_everybody(rig: Rig) -> None:
    rig.send(LearnKnob("cfg"), StopLearning())
    assert rig.learning.commands_seen == [LearnKnob("cfg"), StopLearning()]
    rig.mailbox.post(KnobLearnt("cfg", "cc 16"))
    rig.send()
    assert rig.ear.all(KnobLearnt) == [KnobLearnt("cfg", "cc 16")]


def test_an_interface_that_came_or_went_is_said_and_remembered(rig: Rig) -> None:
    lost = AudioDevice(DeviceState.LOST, detail="the audio output has stopped")
    rig.mailbox.post(lost)
    rig.send(QueryDump())
    assert rig.ear.all(AudioDevice) == [lost, lost]


class Clumsy(Handler[LiveCommand, str]):
    """A handler with a bug in everything it does."""

    commands = get_args(LiveCommand)
    events = (str,)

    def handle(self, command: LiveCommand, origin: Origin) -> None:
        raise RuntimeError("a handler's bug")

    def hear(self, event: str) -> None:
        raise RuntimeError("a hearer's bug")

    def settle(self) -> None:
        raise RuntimeError("it never settles")

    def tick(self) -> None:
        raise RuntimeError("it never ticks")


def test_a_handler_with_bugs_costs_what_it_was_asked_and_nothing_else(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Clumsy())
    rig.session.start()
    rig.mailbox.post("news")
    rig.mailbox.post(object())  # which nobody hears
    rig.send(Live(True), SetKnob("cfg", 3.0))
    assert [failed.code for failed in rig.ear.all(Failed)] == ["internal"]
    assert rig.host.turns[-1].cfg == 3.0
    rig.session.stop()
    assert not rig.session.alive
    assert rig.session.faults >= 4  # and is told, as of any service


class Stubborn(Clumsy):
    """And in what it should do for everybody."""

    commands = ()
    events = ()

    def hush(self, command: object) -> None:
        raise RuntimeError("it does not stop")

    def dump(self, origin: Origin) -> None:
        raise RuntimeError("it does not tell")


def test_a_panic_reaches_all_whatever_one_of_them_does(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Stubborn())
    rig.session._handlers = (Stubborn(), *rig.session._handlers)
    rig.session.start()
    rig.send(Panic(), Stop(), QueryDump())
    rig.session.stop()
    assert rig.speaker.calls == ["panic", "stop"]
    assert rig.ear.all(KnobChanged)
    assert {failed.code for failed in rig.ear.all(Failed)} == {"internal"}


class Deaf:
    """A listener that can take nothing, not even the word of that."""

    def __init__(self) -> None:
        self.told = 0

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        self.told += 1
        raise RuntimeError("a listener's bug")


def test_a_listener_that_can_take_nothing_is_told_of_to_the_others_and_does_not_go_round(
    rig: Rig,
) -> None:
    """What is said of its trouble is trouble for it, too."""
    deaf, services = Deaf(), Services(rig.publisher.publish)
    rig.publisher._listeners.insert(0, deaf)
    services.tend(rig.session)
    rig.session._handlers = (*rig.session._handlers, services)
    rig.send(SetKnob("cfg", 3.0))
    failed = rig.ear.wait(Failed)
    assert failed.code == "service"
    assert "session left something undone: telling Deaf of" in failed.text
    before = deaf.told
    sleep(0.6)  # two ticks
    assert deaf.told - before < 20
    assert rig.session.alive


def test_two_owners_of_one_command_are_found_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"Live is obeyed by .*Clumsy.* and by .*Clumsy"):
        Session(Mailbox(), Publisher(), [Clumsy(), Clumsy()])


def test_what_was_asked_before_the_end_is_still_done(rig: Rig) -> None:
    rig.send()
    rig.mailbox.put(SetKnob("cfg", 4.0), ALICE)
    rig.session.stop()
    assert rig.host.turns[-1].cfg == 4.0
