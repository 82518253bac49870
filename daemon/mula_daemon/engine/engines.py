"""The table of engines: the one place that knows them by name.

Each row says where its parts are; a part, and torch with it, is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mula_bridge.errors import Unavailable, UnknownName
from mula_daemon.engine.extra import lacking
from mula_daemon.engine.findings import Finding
from mula_daemon.engine.messages import EngineSpec
from mula_daemon.engine.seam import ClipRequest, Engine, EngineInfo
from mula_daemon.weights import default_place, named_place

Codes = tuple[tuple[int, ...], ...]
"""What was sampled: codes of every frame, [frames][codebooks]."""


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine: how it is built, what it says of this machine, and its codes as a MIDI file."""

    build: Callable[[EngineSpec], Engine]
    findings: Callable[[EngineSpec], Iterator[Finding]] | None = None
    notes: Callable[[Codes, ClipRequest, str], bytes] | None = None
    libraries: Callable[[EngineSpec], tuple[str, ...]] = lambda _spec: ()
    """Modules that take a while to import, and need neither card nor weights for it."""
    small: Callable[[EngineSpec], bool] = lambda _spec: False
    """Whether there is room for a second one, already warm, beside the one that works."""


_MINI: Final = ("torch", "mula_daemon.engine.mini.model")
_HEARTMULA: Final = ("torch", "mula_daemon.engine.heartmula.model")


def _mini(spec: EngineSpec) -> Engine:
    from mula_daemon.engine.mini.model import MiniEngine

    return MiniEngine(Path(spec.kit) if spec.kit else None, stems=spec.stems)


def _mini_findings(spec: EngineSpec) -> Iterator[Finding]:
    from mula_daemon.engine.mini import findings

    return findings(spec)


def _mini_notes(codes: Codes, request: ClipRequest, title: str) -> bytes:
    from mula_daemon.engine.mini.notes import midi_file

    return midi_file(
        codes,
        bpm=request.bpm,
        key=request.key,
        beats_per_bar=request.beats_per_bar,
        title=title,
    )


def _tone(_spec: EngineSpec) -> Engine:
    from mula_daemon.engine.tone import ToneEngine

    return ToneEngine()


def _heartmula(spec: EngineSpec) -> Engine:
    place = named_place(spec.checkpoint) if spec.checkpoint else default_place("heartmula")
    if not spec.checkpoint and not place.is_dir():
        raise Unavailable(
            "HeartMuLa needs its weights: mula pull heartmula (or heartmula-rl) fetches them, "
            "--checkpoint DIR names a folder that has them, and --engine mini needs none"
        )
    from mula_daemon.engine.heartmula.model import HeartMulaEngine, StreamSettings

    return HeartMulaEngine(
        place,
        device=spec.device,
        precision=spec.precision,
        codec=spec.codec,
        stream=StreamSettings.parse(spec.codec_stream),
        may_end=spec.ending == "stop",
    )


def _heartmula_findings(spec: EngineSpec) -> Iterator[Finding]:
    from mula_daemon.engine.heartmula import findings

    return findings(spec)


def _auto(spec: EngineSpec) -> Engine:
    return _heartmula(spec) if spec.checkpoint else _mini(spec)


ENGINES: Final[Mapping[str, EngineRow]] = MappingProxyType(
    {
        "auto": EngineRow(
            _auto,
            libraries=lambda spec: _HEARTMULA if spec.checkpoint else _MINI,
            small=lambda spec: not spec.checkpoint,
        ),
        "mini": EngineRow(
            _mini,
            _mini_findings,
            _mini_notes,
            libraries=lambda _spec: _MINI,
            small=lambda _spec: True,
        ),
        "heartmula": EngineRow(_heartmula, _heartmula_findings, libraries=lambda _spec: _HEARTMULA),
        "tone": EngineRow(_tone),
    }
)


def build(spec: EngineSpec) -> Engine:
    """The engine that ``spec`` names, not yet warm. Raises UnknownName or Unavailable."""
    try:
        row = ENGINES[spec.name]
    except KeyError:
        raise UnknownName("engine", spec.name, ENGINES) from None
    return row.build(spec)


def libraries(spec: EngineSpec) -> tuple[str, ...]:
    """What an engine imports that takes a while; nothing for one that there is not."""
    row = ENGINES.get(spec.name)
    return row.libraries(spec) if row is not None else ()


def is_small(spec: EngineSpec) -> bool:
    """Whether a second engine may be warm beside the one that works."""
    row = ENGINES.get(spec.name)
    return row is not None and row.small(spec)


def findings(spec: EngineSpec) -> Iterator[Finding]:
    """What every engine says of this machine, as it would be built by ``spec``. Imports torch.

    On a machine without the extra ``engine``, just that.
    """
    if (lack := lacking()) is not None:
        yield lack
        return
    for row in ENGINES.values():
        if row.findings is not None:
            yield from row.findings(spec)


def notes(engine: EngineInfo, codes: Codes, request: ClipRequest, title: str) -> bytes | None:
    """A take's codes as a MIDI file; None for an engine whose codes are no notes."""
    row = ENGINES.get(engine.name)
    return row.notes(codes, request, title) if row is not None and row.notes else None
