"""``mula demo``: the main job, proven on this machine without a DAW.

A real OSC client sets tags, triggers a clip and sweeps the guidance scale while the
model generates; then the clip on disk is checked against what was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any, Final

from mula_bridge.api import OscClient
from mula_bridge.errors import MulaError
from mula_daemon.app import running
from mula_daemon.cli.options import config_of, parser
from mula_daemon.jobs import Applied, FrameTrace

TAGS: Final = ("techno", "dark")
BARS: Final = 8
BPM: Final = 128.0
SEED: Final = 7
SWEEP: Final = ((0.125, 2.0), (0.25, 2.5), (0.375, 3.0), (0.5, 3.5), (0.75, 1.0))
"""(progress at which, cfg to which)"""
PATIENCE_S: Final = 120.0


class DemoFailed(MulaError):
    """The demo did not show what it is there to show."""

    code = "demo_failed"


def main(argv: Sequence[str]) -> int:
    """Play the demo; the last line is JSON. Raises DemoFailed with the first thing amiss."""
    made = parser("demo", "Prove the main job on this machine: OSC in, a clip out.", ("folder",))
    made.add_argument("--audio", default="off", metavar="NAME|off", help="play it too")
    parsed = made.parse_args(argv)
    config = replace(config_of(parsed).alone(), engine="mini")
    trace = FrameTrace()
    with running(config, [trace]) as app:
        assert app.osc_address is not None
        with OscClient(*app.osc_address) as client:
            result = play(client, trace)
    print(json.dumps(check(result)))
    return 0


def play(client: OscClient, trace: FrameTrace) -> dict[str, Any]:
    """Set, trigger, sweep; returns what the daemon said of the clip, and the traces."""
    client.send("/mula/subscribe", client.port)
    for address, arguments in heard(client, "ready from the engine"):
        if address == "/mula/engine" and arguments[0] == "ready":
            break
    asked = f"{BARS} bars of {', '.join(TAGS)} at {BPM:g} BPM"
    print(f"the model is warm; asking for {asked}", flush=True)
    client.send("/mula/tags", *TAGS)
    for name, value in (("bars", BARS), ("bpm", BPM), ("seed", SEED), ("cfg", 1.5)):
        client.send(f"/mula/knob/{name}", value)
    sent: list[tuple[float, int]] = []
    sweep = list(SWEEP)
    begun = perf_counter()
    client.send("/mula/generate")
    for address, arguments in heard(client, "clip"):
        if address == "/mula/progress" and sweep and arguments[1] >= sweep[0][0]:
            value = sweep.pop(0)[1]
            sent.append((value, perf_counter_ns()))
            client.send("/mula/knob/cfg", value)
            print(f"{arguments[1]:4.0%}  cfg -> {value:g}", flush=True)
        elif address == "/mula/clip":
            break
        elif address == "/mula/error" or (address == "/mula/job" and arguments[1] == "failed"):
            raise DemoFailed(" ".join(map(str, arguments)))
    wall = perf_counter() - begun
    return {
        "path": arguments[1],
        "wall": wall,
        "applied": {value: trace.applied("cfg", value, at) for value, at in sent},
    }


def heard(client: OscClient, wanted: str) -> Iterator[tuple[str, Sequence[Any]]]:
    """What the daemon says. Raises DemoFailed when the engine fails, or patience ends."""
    for address, arguments in client.replies(PATIENCE_S):
        if address == "/mula/engine" and arguments[0] == "failed":
            raise DemoFailed(str(arguments[1]))
        yield address, arguments
    raise DemoFailed(f"no {wanted} within {PATIENCE_S:g} s")


def check(result: dict[str, Any]) -> dict[str, Any]:
    """Compare the file and its recipe with what was asked; returns the JSON line's content."""
    import soundfile

    path = Path(result["path"])
    samples, rate = soundfile.read(path, dtype="float32")
    expected = round(BARS * 4 * 60 / BPM * rate)
    if len(samples) != expected:
        raise DemoFailed(f"{path}: {len(samples)} samples, not {expected}")
    peak = float(abs(samples).max())
    if not 0.01 < peak < 1.0:
        raise DemoFailed(f"{path}: peak {peak:.3f} is silence or clipping")
    applied: dict[float, Applied | None] = result["applied"]
    found = {value: one for value, one in applied.items() if one is not None}
    if len(found) != len(SWEEP):
        lost = [value for value in applied if value not in found]
        raise DemoFailed(f"of cfg {[value for _, value in SWEEP]}, {lost} never reached a frame")
    seconds = len(samples) / rate
    return {
        "path": str(path),
        "seconds": round(seconds, 6),
        "samples": len(samples),
        "peak": round(peak, 4),
        "rtf": round(result["wall"] / seconds, 4),
        "frames_to_apply": {f"cfg {value:g}": one.frames for value, one in found.items()},
        "milliseconds_to_apply": {
            f"cfg {value:g}": round(one.milliseconds, 2) for value, one in found.items()
        },
    }
