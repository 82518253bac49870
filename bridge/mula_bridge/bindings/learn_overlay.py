"""The file that learnt controls are written to: loaded last, never the user's own map."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from mula_bridge.bindings.learn import Learnt
from mula_bridge.errors import BadInput
from mula_bridge.files import read_text, replace_text
from mula_bridge.mapping import Binding, addresses, parse_mapping

_HEAD: Final = """\
# Controls learnt by touching them. Written by mulabridge, one line each; delete any line,
# or the file. Bindings of your own belong into a file of your own.
version: 1
bindings:
"""
_LINE = re.compile(r"  - \{from: \{.*\}, to: \w+\}")


def add_learnt(text: str, learnt: Learnt) -> str:
    """The overlay ``text`` ("" for none yet) with ``learnt`` in it, once.

    What the same control did before is replaced. Raises BadInput when ``text`` was
    not written here, so that nothing of the user's is lost.
    """
    new = f"  - {{from: {_source(learnt)}, to: {learnt.knob}}}"
    lines = []
    if text.strip():
        body = text.removeprefix(_HEAD)
        if body == text:
            raise BadInput("the file for learnt controls holds something else; move it away")
        for line in body.splitlines():
            if not _LINE.fullmatch(line):
                raise BadInput(f"not a learnt control: {line!r}; move it to a file of your own")
            if not _heard(line) & _heard(new):
                lines.append(line)
    return _HEAD + "\n".join([*lines, new]) + "\n"


def write_learnt(path: Path, learnt: Learnt) -> None:
    """Add ``learnt`` to the overlay file, which may not be there yet.

    Raises BadInput, or MappingError when the result would not load; then nothing is written.
    """
    text = add_learnt(read_text(path) if path.is_file() else "", learnt)
    parse_mapping(text, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, text)


def _heard(line: str) -> set[tuple[str, object]]:
    """What a line listens to, each with its port. Raises MappingError."""
    bindings: tuple[Binding, ...] = parse_mapping(_HEAD + line).bindings
    return {
        (binding.controller.input.lower(), address)
        for binding in bindings
        for address in addresses(binding.control)
    }


def _source(learnt: Learnt) -> str:
    fields = [f"{key}: {value}" for key, value in learnt.source.items()]
    # YAML reads JSON strings as they are, whatever is in a port's name.
    return "{" + ", ".join([*fields, f"port: {json.dumps(learnt.port)}"]) + "}"
