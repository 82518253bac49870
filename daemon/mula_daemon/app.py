"""The daemon put together: what starts in which order, and stops in reverse.

    folder -> sound -> OSC and page -> session -> MIDI -> engine

OSC answers before the model is warm; the engine comes last because it takes
longest. A machine without sound or MIDI works on, and says so once.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mula_bridge.bundled import BASE, mapping_paths
from mula_bridge.errors import MulaError, Unavailable
from mula_bridge.mapping import Mapping
from mula_bridge.mapping_file import load_mapping
from mula_bridge.mapping_watcher import MappingWatcher
from mula_bridge.messages import DAEMON, ClipReady, Emit, Failed, Listener, Panic
from mula_bridge.midi_ports import MidiSource
from mula_bridge.osc_bindings import OscBindings
from mula_bridge.presets import Preset
from mula_daemon.clips import Library, default_folder
from mula_daemon.clock import ClockTempo
from mula_daemon.config import OFF, Config
from mula_daemon.controls import Controls
from mula_daemon.engine.base import EngineInfo
from mula_daemon.engine.messages import EngineSpec
from mula_daemon.engine.process import EngineProcess
from mula_daemon.jobs import Job
from mula_daemon.learning import MidiLearning, default_learnt_file
from mula_daemon.network import start_network
from mula_daemon.preset_store import PresetStore, default_preset_file
from mula_daemon.recipe import Recipe
from mula_daemon.recording import Recording
from mula_daemon.replay import replay_request
from mula_daemon.scheduler import StartRecording
from mula_daemon.session import Rendering, Session
from mula_daemon.sinks.audio_out import AudioOut
from mula_daemon.sinks.base import Sink, Take
from mula_daemon.sinks.folder import FolderSink, preload

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
    osc_address: tuple[str, int] | None
    audio: str
    """Name of the audio output, empty without one."""
    page: str
    """Address of the page, empty without one."""

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
    library = Library(Path(config.folder).expanduser() if config.folder else default_folder())
    library.prepare()
    mapping = read_mapping(config)
    notices: list[Failed] = []
    # The loudness meter's imports take a second, which the first clip should not wait for.
    threading.Thread(target=preload, name="preload", daemon=True).start()
    with ExitStack() as stack:
        audio = _open_audio(config, notices)
        if audio is not None:
            stack.callback(audio.shutdown)
        engine = EngineProcess(EngineSpec(config.engine, config.checkpoint))
        session = Session(
            _controls(mapping),
            engine,
            _recordings(library, audio, lambda clip: session.post(clip)),
            presets=PresetStore(
                {name: Preset(knobs) for name, knobs in mapping.presets.items()},
                Path(config.presets).expanduser() if config.presets else default_preset_file(),
            ),
            rendering=_renderings(library),
            speaker=audio,
        )
        for listener in listeners:
            session.listen(listener)
        address, page = None, ""
        bindings = OscBindings(mapping)
        reloads = [bindings.reload]
        if osc:
            address, page = start_network(config, session, bindings, tuple(mapping.presets), stack)
        session.start()
        stack.callback(session.stop)
        for notice in notices:
            session.post(notice)
        watcher = MappingWatcher(
            partial(_mapping_files, config), partial(_reload, reloads), session.post
        )
        if config.midi != OFF:
            system, pattern = config.midi_ports
            clock = ClockTempo(session.emit)
            midi = MidiSource(mapping, pattern, system, failed=session.post, clock=clock)
            session.listen(midi)
            session.learning = MidiLearning(midi, _learnt_file(config), watcher.check, session.post)
            reloads.append(midi.reload)
            midi.start(session.emit)
            stack.callback(midi.stop)
        watcher.start()
        stack.callback(watcher.stop)
        stack.callback(_stop_engine, engine, session)
        engine.start(session.recorder)
        yield App(session, engine, library, address, str(audio.output) if audio else "", page)


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


def _controls(mapping: Mapping) -> Controls:
    if mapping.genre_strength is None:
        raise Unavailable(f"{BASE}.yaml has no genre_strength curve; reinstall mulabridge")
    return Controls(mapping.genre_strength.at)


def _open_audio(config: Config, notices: list[Failed]) -> AudioOut | None:
    if config.audio == OFF:
        return None
    try:
        return AudioOut(config.audio or None)
    except Unavailable as error:
        if config.audio:
            raise
        notices.append(Failed("", error.code, f"playing is off: {error}"))
        return None


def _recordings(
    library: Library, audio: AudioOut | None, announce: Callable[[ClipReady], None]
) -> StartRecording:
    """How a job's takes are recorded: each into the folder, the first one into the ear too."""

    def published(recipe: Recipe, path: Path) -> None:
        announce(
            ClipReady(
                id=recipe.id,
                job=recipe.job,
                path=str(path),
                bpm=recipe.bpm,
                bars=recipe.bars,
                seed=recipe.seed,
                seconds=recipe.seconds,
            )
        )

    def start(job: Job, engine: EngineInfo) -> Recording:
        takes = [
            Take(library.new_id(), number, job.request, engine, job.knobs)
            for number in range(len(job.request.seeds))
        ]
        sinks: list[list[Sink]] = [[FolderSink(library.folder, published=published)] for _ in takes]
        if audio is not None and not audio.problem:
            sinks[0].append(audio)
        return Recording(takes, sinks)

    return start


def _renderings(library: Library) -> Rendering:
    """How a clip becomes the job that makes it again."""

    def job(clip_id: str, job_id: str) -> Job:
        recipe = library.find(clip_id).recipe
        return Job(replay_request(recipe, job_id), dict(recipe.knobs.initial))

    return job
