"""A session with live play whose engine is the test, and a speaker that plays to nobody."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter_ns

from mula_bridge.control.messages.commands import Live
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import ClipReady, JobChanged
from mula_bridge.control.messages.states import EngineState, JobState
from mula_daemon.app.takes import Takes
from mula_daemon.audio.outlet import Nowhere
from mula_daemon.audio.samples import Samples
from mula_daemon.audio.speaker import Speaker
from mula_daemon.audition.take_sink import TakeSink
from mula_daemon.audition.turntable import Turntable
from mula_daemon.clips.library import Library
from mula_daemon.engine.seam import AudioBlock, EngineInfo, Frame, FrameKnobs
from mula_daemon.jobs.events import EngineNews
from mula_daemon.live.capture import Capturer
from mula_daemon.live.handler import LivePlay
from mula_daemon.live.trace import KnobTrace, Punctual
from mula_daemon.session import Session
from mula_daemon.settings.choices import Layout
from mula_daemon.steering.controls import Controls
from mula_daemon.steering.preset_store import PresetStore
from mula_daemon.tempo.conductor import Conductor
from support.decks import Quiet
from support.fakes import Ear, FakeHost
from support.takes import noise

ALICE = Origin("test")
RATE = 48_000
FRAME = 6000
LEAD_NS = 300_000_000
INFO = EngineInfo("fake", "1", RATE, 2, "cpu", {}, frames_per_beat=4)


class Rig:
    """A session whose engine is the test: it sends frames and blocks itself."""

    def __init__(self, folder: Path) -> None:
        self.host, self.ear = FakeHost(), Ear()
        self.library = Library(folder)
        self.library.prepare()
        self.speaker = Speaker(Nowhere().itself)
        self.conductor = Conductor()
        controls = Controls(lambda at: {})
        self.turntable = Turntable(
            self.speaker, self.library, lambda: self.conductor.timeline, lambda *_: None
        )
        takes = Takes(
            self.library,
            Layout.FLAT,
            lambda: TakeSink(self.turntable, Quiet()),
            lambda clip: self.post(clip),
        )
        self.session = Session(
            controls,
            self.host,
            lambda job, engine: (
                self.live.record(job, engine) if job.request.endless else takes.record(job, engine)
            ),
            presets=PresetStore({}),
            rendering=lambda clip, job: None,  # type: ignore[arg-type,return-value]
            speaker=self.speaker,
            conductor=self.conductor,
        )
        self.live = LivePlay(
            controls,
            self.host,
            self.speaker,
            self.conductor,
            Capturer(self.library, takes.place, takes.published, self.session.post),
            self.session,
            lead_ns=LEAD_NS,
        )
        self.session.add_handler(self.live)
        self.session.listen(self.live)
        self.punctual = Punctual(self.session.post)
        self.session.listen(KnobTrace(self.live.heard_ns, self.punctual.hand))
        self.session.listen(self.ear)
        self.punctual.start()
        self.session.start()
        self.sound: list[Samples] = []

    def post(self, clip: ClipReady) -> None:
        self.session.post(clip)

    def ready(self, info: EngineInfo = INFO) -> None:
        self.session.post(EngineNews(EngineState.READY, info.name, info))

    def begin(self) -> str:
        self.ready()
        self.session.emit(Live(True), ALICE)
        return self.ear.wait(JobChanged, lambda job: job.state is JobState.RUNNING).id

    def play(
        self, job: str, frames: int, knobs: FrameKnobs | None = None, size: int = FRAME
    ) -> None:
        for _ in range(frames):
            index = len(self.sound)
            sampled = knobs or FrameKnobs(bpm=120.0)
            frame = Frame(job, index, 0, ((index,),), sampled, perf_counter_ns())
            self.session.recorder.frame(frame)
            self.sound.append(noise(size, seed=index))
            self.session.recorder.audio(AudioBlock(job, 0, self.sound[-1]))

    def stop(self) -> None:
        self.punctual.stop()
        self.session.stop()
        self.speaker.shutdown()
