"""``mula osc tosc FILE``: a TouchOSC layout, made from the knob and address tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mula_bridge.errors import Unavailable


def main(argv: Sequence[str]) -> int:
    """Write the layout. Raises MulaError when the mapping or the file cannot be used."""
    made = argparse.ArgumentParser(
        prog="mula osc",
        description="Write a TouchOSC layout (.tosc): faders for the knobs, buttons for the rest. "
        "In TouchOSC, set the OSC connection to this machine's address, and start the daemon "
        "with --osc and --allow so that the tablet may reach it.",
    )
    made.add_argument("what", choices=["tosc"], help="tosc: a TouchOSC layout")
    made.add_argument("file", type=Path, metavar="FILE", help="such as mula.tosc")
    parsed = made.parse_args(argv)

    from mula_bridge.mapping import load_mapping, mapping_paths
    from mula_bridge.surfaces import write_layout

    try:
        write_layout(parsed.file, tuple(load_mapping(mapping_paths()).presets))
    except OSError as error:
        raise Unavailable(f"{parsed.file}: {error.strerror}; choose another place") from error
    print(f"wrote {parsed.file}")
    return 0
