"""``mula generate``: one job, without a daemon."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from msgspec.structs import asdict

from mula_bridge.control import KNOBS, checked_text
from mula_bridge.control.messages import (
    Command,
    Generate,
    Origin,
    Progress,
    Prompt,
    Report,
    SetKnob,
    SetLyrics,
    SetTags,
)
from mula_daemon.app import running
from mula_daemon.cli.options import ENGINE_OPTIONS, config_of, parser
from mula_daemon.jobs import JobWatch

CLI = Origin("cli")
NOT_HERE = ("gain_db",)
"""Knobs without a meaning when nothing is played."""


def main(argv: Sequence[str]) -> int:
    """Generate, print the progress to stderr and one JSON line per clip to stdout."""
    made = parser(
        "generate",
        "Make one clip (or several takes) and leave. Prints one JSON line per clip.",
        (*ENGINE_OPTIONS, "folder"),
    )
    made.add_argument("--tags", default="", help="comma-separated, such as 'techno, dark'")
    made.add_argument("--tags-b", default="", help="the prompt that --morph leads to")
    made.add_argument("--lyrics", default="", help="for models that sing")
    for name, row in KNOBS.items():
        if name not in NOT_HERE:
            span = (
                "one of C, Amin, F#min, ..."
                if row.choices
                else f"{row.minimum:g} to {row.maximum:g}"
            )
            made.add_argument(
                f"--{name.replace('_', '-')}",
                type=row.coerce if row.choices else (int if row.integer else float),
                metavar=row.unit.split()[-1] if row.unit else "X",
                help=f"{row.description} ({span}, default {row.default})".replace("%", "%%"),
            )
    parsed = made.parse_args(argv)
    for name in ("tags", "tags_b", "lyrics"):  # before anything is loaded, let alone made
        checked_text(getattr(parsed, name), f"--{name.replace('_', '-')}")
    config = replace(config_of(parsed).alone(), audio=None)
    job = ShownJob()
    with running(config, [job], osc=False) as app:
        job.until_ready()
        for command in commands(parsed):
            app.emit(command, CLI)
        for clip in job.until_done():
            print(json.dumps(asdict(clip)), flush=True)
    return 0


def commands(parsed: argparse.Namespace) -> Iterator[Command]:
    """Everything that is set, and then the job."""
    yield SetTags((parsed.tags,))
    yield SetTags((parsed.tags_b,), Prompt.B)
    yield SetLyrics(parsed.lyrics)
    # The macro first, so that a knob it moves can still be set by itself.
    for name in sorted(KNOBS, key=lambda name: name != "genre_strength"):
        value = getattr(parsed, name, None)
        if value is not None:
            yield SetKnob(name, value)
    yield Generate("job")


class ShownJob(JobWatch):
    """A JobWatch that shows progress on a terminal."""

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take one report; session thread."""
        super().report(report, to=to, but=but)
        if isinstance(report, Progress) and sys.stderr.isatty():
            end = "\n" if report.fraction >= 1 else ""
            print(f"\r{report.fraction:4.0%}", end=end, file=sys.stderr, flush=True)
