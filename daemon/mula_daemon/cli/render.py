"""``mula render ID``: make a clip again from its recipe, and compare the codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mula_bridge.control.messages import Origin, Render
from mula_daemon.app import running
from mula_daemon.cli.generate import ShownJob
from mula_daemon.cli.options import ENGINE_OPTIONS, config_of, parser

CLI = Origin("cli")


def main(argv: Sequence[str]) -> int:
    """Render, print one JSON line; exit status 1 when the codes are not the same."""
    made = parser(
        "render",
        "Make a clip again from its recipe, knob moves and all, and compare the codes.",
        (*ENGINE_OPTIONS, "folder"),
    )
    made.add_argument("clip", metavar="ID", help="the clip's id; mula clips lists them")
    parsed = made.parse_args(argv)
    config = replace(config_of(parsed).alone(), audio=None)
    job = ShownJob()
    with running(config, [job], osc=False) as app:
        original = app.library.find(parsed.clip)
        job.until_ready()
        app.emit(Render(parsed.clip), CLI)
        (clip,) = job.until_done()
        again = app.library.find(clip.id)
        same = bool(np.array_equal(original.codes(), again.codes()))
    if original.recipe.engine.kit != again.recipe.engine.kit:
        print(
            f"clip {parsed.clip} was played with another kit: the notes are compared, it sounds "
            "otherwise (--kit DIR)",
            file=sys.stderr,
        )
    print(json.dumps({"clip": parsed.clip, "again": clip.id, "path": clip.path, "identical": same}))
    return 0 if same else 1
