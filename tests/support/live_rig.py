"""A session with live play whose engine is the test, and a speaker that plays to nobody."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter_ns

from mula_bridge.control.messages.commands import Live
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import JobChanged
from mula_bridge.control.messages.states import EngineState, JobState
from mula_bridge.control.service import Errands
from mula_daemon.app.takes import Takes
from mula_daemon.audio.samples import Samples
from mula_daemon.audio.speaker import Speaker
from mula_daemon.audition.events import DeckEvent
from mula_daemon.audition.turntable import Turntable
from mula_daemon.clips.catalogue import Catalogue
from mula_daemon.clips.library import Library
from mula_daemon.engine.seam import AudioBlock, EngineInfo, Frame, FrameKnobs
from mula_daemon.jobs.handler import Jobs
from mula_daemon.jobs.recorder import EngineNews, Recorder
from mula_daemon.live.capture import Capturer
from mula_daemon.live.handler import LivePlay
from mula_daemon.live.trace import KnobTrace, Punctual
from mula_daemon.session import Mailbox, Publisher, Session
from mula_daemon.settings.choices import Layout
from mula_daemon.steering.controls import Controls
from mula_daemon.steering.handler import Steering
from mula_daemon.steering.preset_store import PresetStore
from mula_daemon.tempo.conductor import Conductor
from support.fakes import Ear, FakeHost
from support.takes import noise

ALICE = Origin("test")
RATE = 48_000
FRAME = 6000
LEAD_NS = 300_000_000
INFO = EngineInfo("fake", "1", RATE, 2, "cpu", {}, frames_per_beat=4)


class Rig:
    """A session whose engine is the test: it sends frames and blocks itself."""

    def __init__(self, folder: Path, rerolls: int = 0) -> None:
        self.host, self.ear = FakeHost(), Ear()
        self.library = Library(folder)
        self.library.prepare()
        self.catalogue = Catalogue.of(self.library)
        self.mailbox, publisher = Mailbox(), Publisher()
        self.speaker = Speaker()
        self.conductor = Conductor()
        reader, self.writer = Errands("reader", drop=True), Errands("files")
        self.turntable = Turntable(
            self.speaker, self.library, reader, lambda: self.conductor.timeline, self.mailbox.post
        )
        takes = Takes(self.catalogue, Layout.FLAT, self.turntable, self.post)
        controls, post, publish = Controls(lambda at: {}), self.mailbox.post, publisher.publish
        steering = Steering(
            controls,
            PresetStore({}),
            self.writer,
            self.mailbox,
            publish,
            self.host,
            self.conductor,
            self.speaker,
        )
        self.recorder = Recorder(post, self.host.abort)
        jobs = Jobs(
            self.host, self.recorder, takes.record, self.catalogue, steering, publish, self.speaker
        )
        self.live = LivePlay(
            controls,
            self.host,
            self.speaker,
            self.conductor,
            Capturer(self.catalogue, self.writer, takes.place, takes.published, self.post),
            jobs,
            self.mailbox,
            publish,
            lead_ns=LEAD_NS,
            rerolls=rerolls,
        )
        punctual = Punctual(post)
        for listener in (self.live, KnobTrace(self.live.heard_ns, punctual.hand), self.ear):
            publisher.listen(listener)
        session = Session(self.mailbox, publisher, [steering, self.live, jobs])
        self.services = (self.speaker.feeder, reader, session, self.writer, punctual)
        for service in self.services:
            service.start()
        self.sound: list[Samples] = []

    def post(self, event: object) -> None:
        """As takes and captures do; what only the deck wants to know goes nowhere here."""
        if not isinstance(event, DeckEvent):
            self.mailbox.post(event)

    def ready(self, info: EngineInfo = INFO) -> None:
        self.mailbox.post(EngineNews(EngineState.READY, info.name, info))

    def begin(self) -> str:
        self.ready()
        self.mailbox.put(Live(True), ALICE)
        return self.ear.wait(JobChanged, lambda job: job.state is JobState.RUNNING).id

    def play(
        self, job: str, frames: int, knobs: FrameKnobs | None = None, size: int = FRAME
    ) -> None:
        for _ in range(frames):
            index = len(self.sound)
            sampled = knobs or FrameKnobs(bpm=120.0)
            frame = Frame(job, index, 0, ((index,),), sampled, perf_counter_ns())
            self.recorder.frame(frame)
            self.sound.append(noise(size, seed=index))
            self.recorder.audio(AudioBlock(job, 0, self.sound[-1]))

    def stop(self) -> None:
        for service in reversed(self.services):
            service.stop()
