"""What ``mula doctor`` says of mini: its weights, and the kit it is to play."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mula_daemon.engine.findings import Finding, Grade
from mula_daemon.engine.messages import EngineSpec


def weights(_spec: EngineSpec) -> Iterator[Finding]:
    """The built-in weights."""
    from mula_daemon.engine.mini.model import load_mini

    try:
        model, _ = load_mini()
    except (OSError, ValueError) as error:
        yield Finding("mini", Grade.FAIL, f"weights: {error}", "reinstall mulabridge")
    else:
        count = sum(weight.numel() for weight in model.parameters())
        yield Finding("mini", Grade.OK, f"built-in weights, {count / 1e6:.1f} M parameters")


def kit(spec: EngineSpec) -> Iterator[Finding]:
    """The user's own one-shots, where a folder is named."""
    if not spec.kit:
        return
    from mula_daemon.engine.mini.synth import SAMPLE_RATE, Kit

    path = Path(spec.kit).expanduser()
    try:
        shots = Kit.load(path, SAMPLE_RATE).shots
    except ValueError as error:
        yield Finding("kit", Grade.FAIL, str(error), "mend it, or leave --kit out")
    else:
        count = sum(map(len, shots))
        yield Finding("kit", Grade.OK, f"{path} plays {count} of mini's drum voices")


def findings(spec: EngineSpec) -> Iterator[Finding]:
    """Everything; reads the weights."""
    yield from weights(spec)
    yield from kit(spec)
