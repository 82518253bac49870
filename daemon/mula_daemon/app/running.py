"""The daemon put together: what starts in which order, and stops in reverse.

    sound -> OSC and page -> inbox folder -> session -> files -> MIDI -> engine

OSC answers before the folder is read and the model is warm; the engine comes last
because it takes longest. At the end those that report to the session stop before it,
and have done by then what they were asked to; those that it reports to stop after it,
and hear all of it. What hangs there is left behind (`Ending`). A machine without sound or
MIDI works on, and says so once.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from mula_bridge.bindings import OscBindings
from mula_bridge.control import STOP_S, Curve, Emit, Errands, Listener, Preset, Service, Task
from mula_bridge.control.messages import Panic
from mula_bridge.errors import Unavailable
from mula_bridge.mapping import BASE, Mapping, MappingWatcher, load_mapping, mapping_paths
from mula_bridge.servers import MidiLearning, MidiSource, default_learnt_file
from mula_daemon.app.ending import Ending
from mula_daemon.app.learning import Learning
from mula_daemon.app.network import Network, start_network
from mula_daemon.app.services import Services
from mula_daemon.app.sound import Sounding, insist, interface_of
from mula_daemon.app.takes import Takes
from mula_daemon.audio import Interface, Speaker
from mula_daemon.audition import Audition, Relatives, Turntable
from mula_daemon.clips import Archivist, Catalogue, Library, preload
from mula_daemon.engine import EngineProcess, EngineSpec, require_engine
from mula_daemon.jobs import Jobs, Recorder
from mula_daemon.live import Capturer, KnobTrace, LivePlay, Punctual, heard_by
from mula_daemon.requests import RequestFolder
from mula_daemon.session import Handler, Mailbox, Publisher, Session
from mula_daemon.settings import Config
from mula_daemon.steering import Controls, PresetStore, Remapped, Steering, default_preset_file
from mula_daemon.tempo import Conductor, LinkPeer, MidiTempo, Transport

SWITCH_INTERVAL_S: Final = 0.0005
"""A thread that wants the interpreter waits at most this long for one that computes;
Python's default of 5 ms would show in every OSC round trip."""

LAST_WORDS_S: Final = 5.0
"""For the session to handle what still waits for it at the end."""
LAST_FILES_S: Final = 30.0
"""For captures, moves and presets that still wait for the disk at the end."""

GENERIC_MAP: Final = "generic-8-knobs"

MOST_PLAYS: Final = 16
"""Clips that wait to be read for the deck; of more the newest count."""
MOST_FILES: Final = 256
"""Judgements and presets that wait for their files; one more is refused."""
MOST_CAPTURES: Final = 16
"""Captured bars that wait for the disk; one more is refused. 32 bars hold 25 MB at 120 BPM and
74 MB at 40 BPM; captures of the same bars hold them together."""


class App(Struct, frozen=True):
    """A running daemon: what the command line needs of it."""

    emit: Emit
    """Hands a command to the session; from any thread."""
    session: Session
    engine: EngineProcess
    library: Library
    conductor: Conductor
    speaker: Speaker
    interface: Interface | None
    """The audio interface, None where sound is off."""
    live: LivePlay
    network: Network | None
    services: Services
    """How its threads fare."""

    @property
    def audio(self) -> str:
        """The audio output that plays now, empty without one."""
        output = self.interface.state.output if self.interface is not None else None
        return str(output) if output is not None else ""

    @property
    def osc_address(self) -> tuple[str, int] | None:
        """Where OSC is heard, None without it."""
        return self.network.osc if self.network is not None else None

    @property
    def page(self) -> str:
        """Address of the page, empty without one."""
        return self.network.page if self.network is not None else ""


@contextmanager
def running(
    config: Config, listeners: Sequence[Listener] = (), *, osc: bool = True
) -> Iterator[App]:
    """Start everything; stop everything when the block is left.

    Raises MulaError when something the daemon cannot do without is missing: the
    folder, the OSC port, a readable mapping, the engine's own parts.
    """
    require_engine()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    mailbox, publisher = Mailbox(), Publisher()
    services = Services(publisher.publish)
    library = Library(config.clip_folder.folder)
    library.make_ready()
    catalogue = Catalogue(library)
    mapping = read_mapping(config)

    curve, presets = _curve(mapping), _presets(config, mapping)

    # What is heard, and when.
    link = LinkPeer(conductor := Conductor())
    interface = interface_of(config, mailbox.post)
    speaker = Speaker(interface.outlet if interface is not None else None)
    # Of clips to be played the newest counts; what is to be kept is refused rather than lost.
    reader = Errands("reader", limit=MOST_PLAYS, newest=True, drop=True)
    files, writer = Errands("files", limit=MOST_FILES), Errands("capture", limit=MOST_CAPTURES)
    turntable = Turntable(speaker, library, reader, lambda: conductor.timeline, mailbox.post)

    # What is made, and what becomes of it.
    engine = EngineProcess(engine_spec(config))
    recorder = Recorder(mailbox.post, engine.abort)
    takes = Takes(
        catalogue,
        config.clip_layout,
        turntable,
        mailbox.post,
        tend=services.tend,
        rerolls=config.rerolls,
        beats=config.beats_mode,
    )
    capturer = Capturer(catalogue, writer, takes.place, takes.published, mailbox.post)

    # Who obeys.
    publish = publisher.publish
    controls = Controls(curve.at)
    steering = Steering(controls, presets, files, mailbox, publish, engine, conductor, speaker)
    jobs = Jobs(
        engine,
        recorder,
        takes.record,
        catalogue,
        steering,
        publish,
        speaker,
        follow_texts=config.follow_texts,
    )
    live = LivePlay(
        controls,
        engine,
        speaker,
        conductor,
        capturer,
        jobs,
        mailbox,
        publish,
        lead_ns=config.live_lead_ns,
        rerolls=config.rerolls,
    )
    transport = Transport(conductor, mailbox, publish, live.ahead_ns)
    audition = Audition(
        catalogue,
        turntable,
        files,
        mailbox.post,
        publish,
        bpm=lambda: controls.knobs.number("bpm"),
        can_be_heard=lambda: interface is not None and interface.state.output is not None,
    )
    relatives = Relatives(
        audition.deck, catalogue, jobs, takes=lambda: int(controls.knobs.number("takes"))
    )
    sound = Sounding(speaker, publish)

    # Who listens, and asks.
    punctual = Punctual(mailbox.post)
    trace = KnobTrace(heard_by(live.heard_ns, takes.heard_ns), punctual.hand)
    archivist = Archivist(catalogue, config.limits) if config.limits else None
    requests = RequestFolder(library.hidden, mailbox.put) if osc else None
    bindings = OscBindings(mapping)
    midi = _midi(config, mapping, conductor, mailbox)

    def remap(new: Mapping) -> None:
        bindings.reload(new)
        mailbox.post(_remapped(new))
        if midi is not None:
            midi.reload(new)

    watcher = MappingWatcher(partial(_mapping_files, config), remap, mailbox.post)
    learning = Learning(
        MidiLearning(midi, _learnt_file(config), watcher.check, mailbox.post) if midi else None
    )

    with Ending() as ending:

        def begin(*begun: Service | None, limit: float = STOP_S) -> None:
            for service in filter(None, begun):
                services.tend(service)
                service.start()
                ending.callback(partial(service.stop, limit), service.name)

        # The loudness meter's imports take a second, which the first clip should not wait for.
        loading = Task("preload", preload)
        services.tend(loading)
        loading.start()
        services.tend(link.listener)
        ending.callback(link.listener.stop)
        conductor.offer_link(link, in_auto=config.link)
        conductor.choose(config.clock_source)
        begin(speaker.feeder)
        first: tuple[Listener, ...] = (live, trace, services, *listeners)
        for listener in first:
            publisher.listen(listener)
        handlers: list[Handler[Any, Any]] = [
            steering,
            transport,
            live,
            audition,
            relatives,
            jobs,
            sound,
            learning,
            services,
        ]
        network = None
        if osc:
            shipped = tuple(mapping.presets)
            network = start_network(
                config, mailbox, publisher, bindings, shipped, ending.callback, services.tend
            )
            handlers.append(network)
        others: tuple[Listener | None, ...] = (requests, archivist, midi)
        for other in filter(None, others):
            publisher.listen(other)
        begin(requests)
        session = Session(mailbox, publisher, handlers)
        begin(session, limit=LAST_WORDS_S)
        begin(files, writer, limit=LAST_FILES_S)
        # At once, so that one that hangs takes nothing of the other's time.
        ending.callback(partial(_end_together, files, writer), "the last files")
        begin(reader, punctual, transport, interface, archivist)
        audition.survey()
        if midi is not None:
            services.tend(*midi.services)
            midi.start(mailbox.put)
            ending.callback(midi.stop, "midi")
        begin(watcher)
        if interface is not None and config.audio:
            insist(interface)
        # Whoever listens hears that the job was cancelled.
        ending.callback(partial(recorder.end_all, "the daemon stopped"), "recordings")
        ending.callback(engine.stop, "engine")
        ending.callback(partial(mailbox.pass_on, Panic()), "session")
        services.tend(*engine.services)
        engine.start(recorder)
        if requests is not None:
            ending.callback(requests.rest)
        ending.callback(mailbox.close, "session")
        # What is there now stays: no pause of the collector should be long enough to be heard.
        gc.collect()
        gc.freeze()
        yield App(
            mailbox.put,
            session,
            engine,
            library,
            conductor,
            speaker,
            interface,
            live,
            network,
            services,
        )


def read_mapping(config: Config) -> Mapping:
    """The presets, and the user's controller map or else the generic one. Raises MappingError."""
    return load_mapping(_mapping_files(config))


def engine_spec(config: Config) -> EngineSpec:
    """Which engine the config asks for, and how it is to be built."""
    return EngineSpec(
        config.engine,
        config.checkpoint,
        config.precision,
        config.kit,
        config.wants_stems,
        codec=config.codec,
        codec_stream=config.codec_stream,
        ending=config.ending,
        device=config.device,
    )


def _end_together(*services: Service) -> None:
    """Let each know that it is to end, before any of them is waited for."""
    for service in services:
        service.stopping.set()
        service.wake()


def _midi(
    config: Config, mapping: Mapping, conductor: Conductor, mailbox: Mailbox
) -> MidiSource | None:
    if config.midi_ports is None:
        return None
    system, pattern = config.midi_ports
    return MidiSource(mapping, pattern, system, failed=mailbox.post, clock=MidiTempo(conductor))


def _mapping_files(config: Config) -> list[Path]:
    learnt = _learnt_file(config)
    names = config.mappings or (GENERIC_MAP,)
    return mapping_paths(*names) + ([learnt] if learnt.exists() else [])


def _learnt_file(config: Config) -> Path:
    return config.learnt or default_learnt_file()


def _presets(config: Config, mapping: Mapping) -> PresetStore:
    return PresetStore(_shipped(mapping), config.presets or default_preset_file())


def _shipped(mapping: Mapping) -> dict[str, Preset]:
    return {name: Preset(knobs) for name, knobs in mapping.presets.items()}


def _remapped(mapping: Mapping) -> Remapped:
    curve = mapping.genre_strength
    return Remapped(_shipped(mapping), curve.at if curve else None)


def _curve(mapping: Mapping) -> Curve:
    """Raises Unavailable when the shipped maps have none."""
    if mapping.genre_strength is None:
        raise Unavailable(f"{BASE}.yaml has no genre_strength curve; reinstall mulabridge")
    return mapping.genre_strength
