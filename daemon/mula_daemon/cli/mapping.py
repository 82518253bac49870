"""``mula mapping check FILE``: read a mapping file and say what it binds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Check a file together with the bundled presets; errors name file and line."""
    made = argparse.ArgumentParser(prog="mula mapping", description="Check a mapping file.")
    made.add_argument("action", choices=["check"])
    made.add_argument("file", metavar="FILE", help="a .yaml file, or the name of a shipped map")
    parsed = made.parse_args(argv)

    from mula_bridge.mapping import load_mapping, mapping_paths

    mapping = load_mapping(mapping_paths(parsed.file))
    print(
        f"{parsed.file}: ok, {len(mapping.controllers)} controllers, "
        f"{len(mapping.bindings) + len(mapping.osc)} bindings, {len(mapping.presets)} presets"
    )
    return 0
