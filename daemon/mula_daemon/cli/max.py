"""``mula max FOLDER``: the Max for Live devices, made from the knob and address tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mula_bridge.errors import BadInput, Unavailable


def main(argv: Sequence[str]) -> int:
    """Write the devices, or check that those in a folder are up to date (exit status 1: not).

    Raises MulaError when there is no folder, or it cannot be written.
    """
    made = argparse.ArgumentParser(
        prog="mula max",
        description="Write the Max for Live devices: Mula.amxd and 'Mula CC.amxd' to drop on a "
        "track, and below unfrozen/ the same to look into and change.",
    )
    made.add_argument(
        "folder",
        type=Path,
        nargs="?",
        metavar="FOLDER",
        help="where to; without it the two devices go into Live's User Library",
    )
    made.add_argument("--check", action="store_true", help="only say which files are stale")
    parsed = made.parse_args(argv)

    from mula_bridge.surfaces.max_device import files
    from mula_daemon.engine.mini import ENERGIES, GENRES, INSTRUMENTS, MOODS

    vocabulary = {"genre": GENRES, "mood": MOODS, "energy": ENERGIES, "instrument": INSTRUMENTS}
    wanted = _placed(parsed.folder, files(vocabulary))
    if parsed.check:
        stale = [
            path for path, data in wanted.items() if not path.is_file() or path.read_bytes() != data
        ]
        for path in stale:
            print(f"{path} is stale; write it again without --check", file=sys.stderr)
        return 1 if stale else 0
    _write(wanted)
    return 0


def _placed(folder: Path | None, made: Mapping[str, bytes]) -> dict[Path, bytes]:
    """Every file to write, by its place."""
    if folder is not None:
        return {folder / name: data for name, data in made.items()}
    from mula_bridge.surfaces.max_device import IN_USER_LIBRARY
    from mula_daemon.settings import live_user_library

    library = live_user_library()
    if library is None or not library.is_dir():
        raise BadInput("Live's User Library is not where Live puts it: name a folder")
    return {library / below / name: made[name] for name, below in IN_USER_LIBRARY.items()}


def _write(wanted: Mapping[Path, bytes]) -> None:
    try:
        for path, data in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"wrote {path}")
    except OSError as error:
        raise Unavailable(f"{error.filename}: {error.strerror}; choose another place") from error
