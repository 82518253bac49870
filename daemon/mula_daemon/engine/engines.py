"""The table of engines. Each row imports its engine, and torch, only when it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mula_bridge.errors import Unavailable, UnknownName
from mula_daemon.engine.base import Engine
from mula_daemon.engine.messages import EngineSpec


def _mini(_spec: EngineSpec) -> Engine:
    from mula_daemon.engine.mini.engine import MiniEngine

    return MiniEngine()


def _tone(_spec: EngineSpec) -> Engine:
    from mula_daemon.engine.tone import ToneEngine

    return ToneEngine()


def _auto(spec: EngineSpec) -> Engine:
    return _heartmula(spec) if spec.checkpoint else _mini(spec)


def _heartmula(spec: EngineSpec) -> Engine:
    if not spec.checkpoint:
        raise Unavailable(
            "HeartMuLa needs its weights: name the folder of the release with --checkpoint, "
            "or use --engine mini"
        )
    from mula_daemon.engine.heartmula.engine import HeartMulaEngine

    return HeartMulaEngine(Path(spec.checkpoint))


def _musicgen(_spec: EngineSpec) -> Engine:
    raise Unavailable("this version has no MusicGen engine yet; use --engine mini")


ENGINES: Final[Mapping[str, Callable[[EngineSpec], Engine]]] = MappingProxyType(
    {
        "auto": _auto,
        "mini": _mini,
        "heartmula": _heartmula,
        "musicgen": _musicgen,
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
