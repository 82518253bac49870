"""The table of engines. Each row imports its engine, and torch, only when it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mula_bridge.errors import Unavailable, UnknownName
from mula_daemon.engine.messages import EngineSpec
from mula_daemon.engine.seam import Engine
from mula_daemon.weights.releases import default_place


def _mini(spec: EngineSpec) -> Engine:
    from mula_daemon.engine.mini.model.engine import MiniEngine

    return MiniEngine(Path(spec.kit) if spec.kit else None, stems=spec.stems)


def _tone(_spec: EngineSpec) -> Engine:
    from mula_daemon.engine.tone import ToneEngine

    return ToneEngine()


def _auto(spec: EngineSpec) -> Engine:
    return _heartmula(spec) if spec.checkpoint else _mini(spec)


def _heartmula(spec: EngineSpec) -> Engine:
    place = Path(spec.checkpoint) if spec.checkpoint else default_place("heartmula")
    if not spec.checkpoint and not place.is_dir():
        raise Unavailable(
            "HeartMuLa needs its weights: mula pull heartmula fetches them, --checkpoint DIR names "
            "a folder that has them, and --engine mini needs none"
        )
    from mula_daemon.engine.heartmula.model.engine import HeartMulaEngine
    from mula_daemon.engine.heartmula.model.streaming import StreamSettings

    return HeartMulaEngine(
        place,
        device=spec.device,
        precision=spec.precision,
        codec=spec.codec,
        stream=StreamSettings.parse(spec.codec_stream),
        may_end=spec.ending == "stop",
    )


ENGINES: Final[Mapping[str, Callable[[EngineSpec], Engine]]] = MappingProxyType(
    {
        "auto": _auto,
        "mini": _mini,
        "heartmula": _heartmula,
        "tone": _tone,
    }
)


def build(spec: EngineSpec) -> Engine:
    """The engine that ``spec`` names, not yet warm. Raises UnknownName or Unavailable."""
    try:
        make = ENGINES[spec.name]
    except KeyError:
        raise UnknownName("engine", spec.name, ENGINES) from None
    return make(spec)
