"""``mula midi ports`` and ``mula midi monitor``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mula_daemon.config import Config


def main(argv: Sequence[str]) -> int:
    """List the ports, or print what they send until Control-C. Raises Unavailable."""
    made = argparse.ArgumentParser(
        prog="mula midi", description="List MIDI ports, or print what they send (Control-C ends)."
    )
    made.add_argument("action", choices=["ports", "monitor"])
    made.add_argument(
        "ports",
        nargs="?",
        default="*",
        metavar="[SYSTEM:]PATTERN",
        help="such as 'nano*' or 'jack:*' (default *)",
    )
    parsed = made.parse_args(argv)
    system, pattern = Config(midi=parsed.ports).midi_ports
    if parsed.action == "monitor":
        from mula_bridge.midi_monitor import monitor

        monitor(lambda line: print(line, flush=True), pattern, system)
        return 0

    from mula_bridge.midi_ports import list_ports

    inputs, outputs = list_ports(system)
    for kind, names in (("in", inputs), ("out", outputs)):
        for name in names:
            print(f"{kind:<4} {name}")
    if not inputs and not outputs:
        print("no MIDI ports; plug in a controller or open a virtual port")
    return 0
