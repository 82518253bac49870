"""The extra ``engine``: what a machine needs to make music, beyond the control side."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from mula_bridge.errors import Unavailable
from mula_daemon.engine.findings import Finding, Grade

PARTS: Final = (
    "torch", "tokenizers", "safetensors", "scipy", "soundfile", "soxr", "pyloudnorm", "mido",
    "huggingface_hub",
)  # fmt: skip
"""What it brings, by import names, but for sounddevice: a machine without sound works on."""
_REMEDY: Final = "pip install 'mulabridge[engine]'"


def lacking() -> Finding | None:
    """Says what is not installed; None when nothing is amiss. Imports none of it."""
    missing = [name for name in PARTS if find_spec(name) is None]
    if not missing:
        return None
    said = f"the engine is not installed (no {', '.join(missing)})"
    return Finding("engine", Grade.FAIL, said, _REMEDY)


def require_engine() -> None:
    """Raises Unavailable, with the remedy, on a machine that has the control side alone."""
    if (found := lacking()) is not None:
        raise Unavailable(f"{found.text}: {found.remedy}")
