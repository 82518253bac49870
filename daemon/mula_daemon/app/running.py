"""The daemon put together: what starts in which order, and stops in reverse.

    folder -> sound -> OSC and page -> session -> inbox folder -> MIDI -> engine

OSC answers before the model is warm; the engine comes last because it takes
longest. A machine without sound or MIDI works on, and says so once.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mula_bridge.bindings import OscBindings
from mula_bridge.control import Emit, Listener, Preset
from mula_bridge.control.messages import DAEMON, Panic
from mula_bridge.errors import MulaError, Unavailable
from mula_bridge.mapping import BASE, Mapping, MappingWatcher, load_mapping, mapping_paths
from mula_bridge.servers import MidiLearning, MidiSource, default_learnt_file
from mula_daemon.app.network import start_network
from mula_daemon.app.sound import insist, interface_of
from mula_daemon.app.takes import Takes
from mula_daemon.audio import Interface, Nowhere, Speaker
from mula_daemon.audition import Audition, Relatives, TakeSink, Turntable
from mula_daemon.clips import Archivist, Library, preload, replay_request
from mula_daemon.engine import EngineProcess, EngineSpec
from mula_daemon.jobs import Act, Job, Remapped
from mula_daemon.live import Capturer, KnobTrace, LivePlay, Punctual, heard_by
from mula_daemon.requests import RequestFolder
from mula_daemon.session import Rendering, Session
from mula_daemon.settings import OFF, Config
from mula_daemon.steering import Controls, PresetStore, default_preset_file
from mula_daemon.tempo import Conductor, LinkPeer, MidiTempo, Transport

log = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0005
"""A thread that wants the interpreter waits at most this long for one that computes;
Python's default of 5 ms would show in every OSC round trip."""

GENERIC_MAP = "generic-8-knobs"


@dataclass(frozen=True, slots=True)
class App:
    """A running daemon: what the command line needs of it."""

    session: Session
    engine: EngineProcess
    library: Library
    conductor: Conductor
    osc_address: tuple[str, int] | None
    speaker: Speaker
    interface: Interface | None
    """The audio interface, None where sound is off."""
    live: LivePlay
    page: str
    """Address of the page, empty without one."""

    @property
    def audio(self) -> str:
        """The audio output that plays now, empty without one."""
        output = self.interface.state.output if self.interface is not None else None
        return str(output) if output is not None else ""

    @property
    def emit(self) -> Emit:
        """Hands a command to the session; from any thread."""
        return self.session.emit


@contextmanager
def running(
    config: Config, listeners: Sequence[Listener] = (), *, osc: bool = True
) -> Iterator[App]:
    """Start everything; stop everything when the block is left.

    Raises MulaError when something the daemon cannot do without is missing: the
    folder, the OSC port, a readable mapping.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    library = Library(config.clip_folder.folder)
    library.prepare()
    mapping = read_mapping(config)
    # The loudness meter's imports take a second, which the first clip should not wait for.
    threading.Thread(target=preload, name="preload", daemon=True).start()
    with ExitStack() as stack:
        interface = interface_of(config, lambda event: session.post(event))
        speaker = Speaker(interface.outlet if interface is not None else Nowhere().itself)
        stack.callback(speaker.shutdown)
        engine = EngineProcess(engine_spec(config))
        conductor = _conductor(config, stack)
        controls = _controls(mapping)
        turntable = Turntable(
            speaker, library, lambda: conductor.timeline, lambda *why: audition.unplayable(*why)
        )
        stack.callback(turntable.shutdown)
        takes = Takes(
            library,
            config.clip_layout,
            lambda: TakeSink(turntable, audition),
            lambda event: session.post(event),
            rerolls=config.rerolls,
            beats=config.beats_mode,
            recut=turntable.renew,
            complete=lambda recipe: audition.complete(recipe),
        )
        session = Session(
            controls,
            engine,
            lambda job, engine: (
                live.record(job, engine) if job.request.endless else takes.record(job, engine)
            ),
            presets=PresetStore(
                _shipped(mapping),
                Path(config.presets).expanduser() if config.presets else default_preset_file(),
            ),
            rendering=_renderings(library),
            follow_texts=config.follow_texts,
            speaker=speaker,
            conductor=conductor,
        )
        transport = Transport(conductor, session.publish, session.emit, session.post)
        session.add_handler(transport)
        capturer = Capturer(library, takes.place, takes.published, session.post)
        live = LivePlay(
            controls, engine, speaker, conductor, capturer, session, lead_ns=config.live_lead_ns
        )
        session.add_handler(live)
        session.listen(live)
        transport.ahead_ns = live.ahead_ns
        punctual = Punctual(session.post)
        session.listen(KnobTrace(heard_by(live.heard_ns, takes.heard_ns), punctual.hand))
        punctual.start()
        stack.callback(punctual.stop)
        audition = Audition(
            library,
            turntable,
            session.publish,
            lambda act: session.post(Act(act)),
            bpm=lambda: controls.knobs.number("bpm"),
            can_be_heard=lambda: interface is not None and interface.state.output is not None,
        )
        stack.callback(audition.shutdown)
        session.add_handler(audition)
        session.every_tick(audition.tick)
        session.add_handler(
            Relatives(
                audition.deck,
                library,
                queue=session.queue,
                job_id=session.job_id,
                takes=lambda: int(controls.knobs.number("takes")),
            )
        )
        for listener in listeners:
            session.listen(listener)
        address, page = None, ""
        bindings = OscBindings(mapping)
        reloads = [bindings.reload, lambda mapping: session.post(_remapped(mapping))]
        if osc:
            address, page = start_network(config, session, bindings, tuple(mapping.presets), stack)
        requests = RequestFolder(library.hidden) if osc else None
        if requests is not None:
            session.listen(requests)
        session.start()
        stack.callback(session.stop)
        if requests is not None:
            requests.start(session.emit)
            stack.callback(requests.stop)
        transport.start()
        stack.callback(transport.stop)
        if interface is not None:
            interface.start()
            stack.callback(interface.stop)
        if config.limits:
            archivist = Archivist(library, config.limits)
            session.listen(archivist)
            archivist.start()
            stack.callback(archivist.stop)
        watcher = MappingWatcher(
            partial(_mapping_files, config), partial(_reload, reloads), session.post
        )
        if config.midi != OFF:
            system, pattern = config.midi_ports
            clock = MidiTempo(conductor)
            midi = MidiSource(mapping, pattern, system, failed=session.post, clock=clock)
            session.listen(midi)
            session.learning = MidiLearning(midi, _learnt_file(config), watcher.check, session.post)
            reloads.append(midi.reload)
            midi.start(session.emit)
            stack.callback(midi.stop)
        watcher.start()
        stack.callback(watcher.stop)
        if interface is not None and config.audio:
            insist(interface)
        stack.callback(_stop_engine, engine, session)
        engine.start(session.recorder)
        # What is there now stays: no pause of the collector should be long enough to be heard.
        gc.collect()
        gc.freeze()
        yield App(session, engine, library, conductor, address, speaker, interface, live, page)


def _stop_engine(engine: EngineProcess, session: Session) -> None:
    """End what runs in an orderly way: whoever listens hears that the job was cancelled."""
    with suppress(MulaError):
        session.emit(Panic(), DAEMON)
    engine.stop()
    session.recorder.abandon_all("the daemon stopped")


def read_mapping(config: Config) -> Mapping:
    """The presets, and the user's controller map or else the generic one. Raises MappingError."""
    return load_mapping(_mapping_files(config))


def _reload(targets: Sequence[Callable[[Mapping], None]], mapping: Mapping) -> None:
    for reload in targets:
        reload(mapping)


def _mapping_files(config: Config) -> list[Path]:
    learnt = _learnt_file(config)
    names = config.mappings or (GENERIC_MAP,)
    return mapping_paths(*names) + ([learnt] if learnt.exists() else [])


def _learnt_file(config: Config) -> Path:
    return Path(config.learnt).expanduser() if config.learnt else default_learnt_file()


def _shipped(mapping: Mapping) -> dict[str, Preset]:
    return {name: Preset(knobs) for name, knobs in mapping.presets.items()}


def _remapped(mapping: Mapping) -> Remapped:
    curve = mapping.genre_strength
    return Remapped(_shipped(mapping), curve.at if curve else None)


def _controls(mapping: Mapping) -> Controls:
    if mapping.genre_strength is None:
        raise Unavailable(f"{BASE}.yaml has no genre_strength curve; reinstall mulabridge")
    return Controls(mapping.genre_strength.at)


def _conductor(config: Config, stack: ExitStack) -> Conductor:
    """Raises Unavailable when Ableton Link is asked for and is not there."""
    conductor = Conductor()
    link = LinkPeer(conductor)
    stack.callback(link.close)
    conductor.offer_link(link, in_auto=config.link != OFF)
    conductor.choose(config.clock_source)
    return conductor


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


def _renderings(library: Library) -> Rendering:
    """How a clip becomes the job that makes it again."""

    def job(clip_id: str, job_id: str) -> Job:
        recipe = library.find(clip_id).recipe
        return Job(replay_request(recipe, job_id), dict(recipe.knobs.initial))

    return job
