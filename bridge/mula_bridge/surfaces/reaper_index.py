"""The ReaPack index of the REAPER scripts, made from their headers.

``python -m mula_bridge.surfaces.reaper_index --write bridge/reaper/index.xml``. ReaPack
(reapack.com) reads an XML index that names each script, its version and where each file is
fetched from; the headers are the ones its own indexer reads.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as Xml

from mula_bridge.control import print_write_or_check
from mula_bridge.errors import BadInput

BASE_URL: Final = "https://raw.githubusercontent.com/mulabridge/mulabridge/main/bridge/reaper/"
"""Where the files are published; ``--base-url`` for another place."""
CATEGORY: Final = "Mula"
PACKAGE: Final = "mula_import.lua"
"""The script that stands for all: one package, since each script needs ``lib/``."""
EFFECT: Final = "mula_knobs.jsfx"
_FILE: Final = Path("bridge/reaper/index.xml")
_HEADER: Final = re.compile(r"^(?:--|//)\s*@?(description|version|author)\b:?\s+(.+)$", re.M)


def index(folder: Path, base_url: str = BASE_URL) -> str:
    """The index of ``folder``/Mula. Raises BadInput for a header that is not whole."""
    scripts = folder / CATEGORY
    root = Xml.Element("index", version="1", name="mulabridge")
    category = Xml.SubElement(root, "category", name=CATEGORY)
    package = _package(category, scripts / PACKAGE, "script")
    for path in sorted(scripts.glob("*.lua"), key=lambda path: (path.name != PACKAGE, path.name)):
        read_header(path)
        named = {} if path.name == PACKAGE else {"file": path.name}
        source = Xml.SubElement(package, "source", {"main": "main", **named})
        source.text = f"{base_url}{CATEGORY}/{path.name}"
    for path in sorted((scripts / "lib").glob("*.lua")):
        source = Xml.SubElement(package, "source", file=f"lib/{path.name}")
        source.text = f"{base_url}{CATEGORY}/lib/{path.name}"
    effect = _package(category, scripts / EFFECT, "effect")
    Xml.SubElement(effect, "source").text = f"{base_url}{CATEGORY}/{EFFECT}"
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


def _package(category: Xml.Element, path: Path, kind: str) -> Xml.Element:
    header = read_header(path)
    described = {"name": path.name, "type": kind, "desc": header["description"]}
    package = Xml.SubElement(category, "reapack", described)
    return Xml.SubElement(package, "version", name=header["version"], author=header["author"])


def read_header(path: Path) -> dict[str, str]:
    """description, version and author of a script."""
    text = path.read_text(encoding="utf-8")
    header = {name: value.strip() for name, value in _HEADER.findall(text)}
    if path.suffix == ".jsfx" and (said := re.match(r"desc:(.+)", text)):
        header["description"] = said[1].strip()
    for name in ("description", "version", "author"):
        if name not in header:
            raise BadInput(f"{path}: no @{name} in its header")
    return header


def main(argv: Sequence[str] | None = None) -> int:
    """Print, write or check the index of the folder that the file is in; the exit status."""
    parser = argparse.ArgumentParser(prog="mula_bridge.surfaces.reaper_index", description=__doc__)
    parser.add_argument("--base-url", default=BASE_URL, help=f"default: {BASE_URL}")

    def made(options: argparse.Namespace) -> str:
        return index((options.write or options.check or _FILE).parent, options.base_url)

    return print_write_or_check(parser, made, argv)


if __name__ == "__main__":
    raise SystemExit(main())
