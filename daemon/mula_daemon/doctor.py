"""What ``mula doctor`` checks: each check is a function from the Config to findings.

A check never raises and changes nothing that stays. Slow imports (torch) happen
inside the check that needs them.
"""

from __future__ import annotations

import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from mula_bridge import __version__
from mula_bridge.control import Knobs
from mula_bridge.control.messages import Clock, Status
from mula_bridge.errors import MulaError
from mula_daemon.engine import (
    ClipRequest,
    EngineInfo,
    Finding,
    Grade,
    best_device,
    findings,
    gpu_trouble,
)
from mula_daemon.settings import Config

GIB: Final = 2**30
LOW_DISK_GIB: Final = 1.0


Check = Callable[[Config], Iterator[Finding]]


def python(_config: Config) -> Iterator[Finding]:
    """The interpreter: python-rtmidi has no wheels beyond 3.12."""
    version = platform.python_version()
    if sys.version_info[:2] in ((3, 11), (3, 12)):
        yield Finding("python", Grade.OK, version)
    else:
        yield Finding("python", Grade.WARN, version, "use Python 3.11 or 3.12")


def folder(config: Config) -> Iterator[Finding]:
    """Whether clips can land, and how much room is left."""
    from mula_daemon.clips import Library

    chosen = config.clip_folder
    path = chosen.folder
    try:
        Library(path).prepare()
    except MulaError as error:
        yield Finding("folder", Grade.FAIL, str(error), "choose another one with --folder")
        return
    # Where the engine is not installed no clip can be made, as the engines say.
    if find_spec("soundfile") is not None and (problem := try_a_take(path)) is not None:
        yield Finding("folder", Grade.FAIL, problem, "mend that, or choose another with --folder")
        return
    free = shutil.disk_usage(path).free / GIB
    low = free < LOW_DISK_GIB
    yield Finding(
        "folder",
        Grade.WARN if low else Grade.OK,
        f"{path} is writable, {free:.1f} GiB free; {chosen.why}",
        "make room, or choose another one with --folder" if low else "",
    )


def try_a_take(folder: Path) -> str | None:
    """Do in ``folder`` all that a clip goes through, with a short one; what fails, in words.

    It lies in a hidden folder of its own, and nothing of it stays.
    """
    from mula_daemon.clips import Finished, FolderSink, Library, Shelves, Take

    request = ClipRequest("doctor", ("doctor",), (1,), bpm=240.0, bars=1, beats_per_bar=1)
    engine = EngineInfo("tone", __version__, 48_000, 2, "cpu", {})
    take = Take("doctor", 0, request, engine, dict(Knobs({"bpm": 240.0, "bars": 1})))
    doing, where = "made a folder in", str(folder)
    try:
        with TemporaryDirectory(
            prefix=".mula-doctor-", dir=folder, ignore_cleanup_errors=True
        ) as made:
            where, place = made, Path(made)
            library = Library(place)
            library.prepare()
            doing = "written to"
            sink = FolderSink(place)
            sink.open(take)
            sink.write(np.full((take.samples, 2), 0.25, np.float32))
            doing = "finished in"
            sink.close(Finished(((1,),), {"cfg": 1.5}, ()))
            shelves = Shelves(library)
            doing = "kept in"
            shelves.put(take.id, Status.KEPT)
            doing = "moved back in"
            shelves.put(take.id, Status.NEW)
    except (MulaError, OSError) as error:
        said = str(error).replace(where, str(folder))
        return f"a clip cannot be {doing} {folder} ({said})"
    return None


def osc(config: Config) -> Iterator[Finding]:
    """Whether the OSC port is free, and a burst finds room."""
    from mula_bridge.net import RECEIVE_BUFFER, open_udp, receive_buffer

    host, port = config.osc_address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError as error:
            yield Finding(
                "osc",
                Grade.FAIL,
                f"{host}:{port}: {error.strerror}",
                "stop the other mula run or program, or choose another port with --osc",
            )
            return
    yield Finding("osc", Grade.OK, f"{host}:{port} is free")
    with open_udp(host, 0) as opened:
        room = receive_buffer(opened)
    if room < RECEIVE_BUFFER:
        yield Finding(
            "osc",
            Grade.WARN,
            f"the system keeps {room // 1024} KiB of OSC for us, of {RECEIVE_BUFFER // 1024}: "
            "a burst of thousands of messages loses some",
            f"sudo sysctl -w net.core.rmem_max={RECEIVE_BUFFER} (and in /etc/sysctl.d, to last)"
            if sys.platform == "linux"
            else "",
        )


def midi(config: Config) -> Iterator[Finding]:
    """The MIDI inputs, and which of them the pattern takes."""
    from mula_bridge.midi import list_ports, port_matches

    if config.midi_ports is None:
        yield Finding("midi", Grade.OK, "off, as asked")
        return
    system, pattern = config.midi_ports
    try:
        inputs, _ = list_ports(system)
    except MulaError as error:
        yield Finding("midi", Grade.WARN, str(error), "OSC works without MIDI")
        return
    if not inputs:
        yield Finding(
            "midi", Grade.WARN, "no MIDI inputs", "plug in a controller; it is found while running"
        )
    for name in inputs:
        taken = port_matches(pattern, name)
        yield Finding(
            "midi",
            Grade.OK if taken else Grade.WARN,
            name if taken else f"{name} does not match {pattern!r}",
            "" if taken else "widen --midi if you want it",
        )


def clock(config: Config) -> Iterator[Finding]:
    """Whom the tempo follows, and whether Ableton Link could be joined."""
    wanted = config.clock_source == Clock.LINK or config.link
    if find_spec("aalink") is not None:
        state = "on" if wanted else "off (--link on joins the session)"
        yield Finding("clock", Grade.OK, f"follows {config.clock_source}; Ableton Link is {state}")
        return
    yield Finding(
        "clock",
        Grade.FAIL if wanted else Grade.OK,
        f"follows {config.clock_source}; Ableton Link is not installed",
        "pip install 'mulabridge[link]'" if wanted else "",
    )


def mapping(config: Config) -> Iterator[Finding]:
    """Whether the controller map can be read."""
    from mula_daemon.app import read_mapping

    try:
        found = read_mapping(config)
    except MulaError as error:
        yield Finding("mapping", Grade.FAIL, str(error), "mend that line, or leave --mapping out")
        return
    yield Finding(
        "mapping",
        Grade.OK,
        f"{len(found.bindings) + len(found.osc)} bindings, {len(found.presets)} presets",
    )


def audio(config: Config) -> Iterator[Finding]:
    """The audio outputs, and whether the one asked for is among them."""
    from mula_daemon.audio import choose, list_outputs

    if config.audio is None:
        yield Finding("audio", Grade.OK, "off, as asked")
        return
    found = list_outputs()
    if found.problem:
        yield Finding("audio", Grade.WARN, found.problem, "clips land in the folder without it")
        return
    try:
        chosen = choose(found.outputs, config.audio)
    except MulaError as error:
        yield Finding("audio", Grade.FAIL, str(error), "choose one of these with --audio")
        return
    for output in found.outputs:
        mark = ", used" if output == chosen else ""
        yield Finding("audio", Grade.OK, f"{output}{mark}")


def graphics(_config: Config) -> Iterator[Finding]:
    """The GPU and its memory, through torch."""
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            yield _broken_torch(error)
        return  # the engines say what is not installed
    except (ImportError, OSError) as error:  # a library of the system's that it lacks
        yield _broken_torch(error)
        return
    trouble = gpu_trouble()
    if trouble is not None:
        yield replace(trouble, remedy=f"{trouble.remedy}; until then mini is in real time")
    elif (device := best_device()) == "cuda":
        for index in range(torch.cuda.device_count()):
            yield _card(index)
    elif device == "mps":
        yield Finding("gpu", Grade.OK, f"Apple MPS (torch {torch.__version__})")
    else:
        yield Finding(
            "gpu",
            Grade.WARN,
            f"none that torch {torch.__version__} can use",
            "mini runs in real time on the CPU; large models want a GPU",
        )


def _broken_torch(error: Exception) -> Finding:
    return Finding(
        "gpu",
        Grade.FAIL,
        f"torch cannot be imported: {error}",
        "pip install --force-reinstall torch (on Windows also Microsoft's Visual C++ "
        "Redistributable)",
    )


def _card(index: int) -> Finding:
    import torch

    try:
        name = torch.cuda.get_device_name(index)
        free, total = torch.cuda.mem_get_info(index)
    except Exception as error:  # drivers fail in many ways
        return Finding(
            "gpu",
            Grade.WARN,
            f"card {index} does not answer ({type(error).__name__}: {error})".split("\n")[0],
            "close what else uses it, restart the machine, or use --device cpu",
        )
    return Finding(
        "gpu",
        Grade.OK,
        f"{name}, {free / GIB:.1f} of {total / GIB:.1f} GiB free (torch {torch.__version__})",
    )


def models(config: Config) -> Iterator[Finding]:
    """What each model says: its weights, its memory, what else it was given."""
    from mula_daemon.app import engine_spec

    return findings(engine_spec(config))


CHECKS: Final[tuple[Check, ...]] = (
    python,
    folder,
    osc,
    midi,
    clock,
    mapping,
    audio,
    graphics,
    models,
)
