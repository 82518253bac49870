"""``mula bench NAME``: run one benchmark."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import Final

from mula_daemon.engine import require_engine

BENCHES: Final = {
    "engine": "milliseconds per frame and RTF of an engine, with and without sound",
    "codec": "HeartCodec's streaming decode against its full decode: closeness and speed",
    "latency": "OSC round trip and knob to frame, while generating",
    "live": "live play for a long time under load, heard at a JACK port",
    "bars": "bar lines of live play at a JACK port, through changes of tempo",
    "folder": "a start with ten thousand clips in the folder, and 16 takes begun there",
    "audition": "from a generate to the first sound of its take",
    "osc": "message throughput against python-osc's servers",
    "time": "bar lines of two daemons against Ableton Link and a MIDI clock",
    "parity": "HeartMuLa's language model and codec against reference vectors",
    "gpu": "all that only a graphics card can show, at HeartMuLa's true size, without its weights",
    "knobs": "what the knobs do to mini's clips",
    "soak": "the daemon at work while everything around it fails",
    "sound": "length, key, loop seam, loudness, true peak and stems of mini's clips",
}


def main(argv: Sequence[str]) -> int:
    """Hand over to ``mula_daemon.bench.NAME``."""
    made = argparse.ArgumentParser(
        prog="mula bench",
        description="Measure; the last line is JSON.",
        epilog="benchmarks:\n" + "\n".join(f"  {name:<8} {what}" for name, what in BENCHES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("name", choices=BENCHES, metavar="NAME")
    made.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parsed = made.parse_args(argv)
    require_engine()
    module = importlib.import_module(f"mula_daemon.bench.{parsed.name}")
    return int(module.main(parsed.arguments))
