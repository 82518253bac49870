"""``mula bench gpu``: everything that only a card can show, in one command.

No network and no weights are needed: models are random, at their true sizes. Each section is a
process of its own with a time limit, because a kernel that goes wrong ends the process that it
was started in: what goes wrong in one becomes its entry, and the others go on. Progress goes to
standard error; the last line is JSON with one entry a section. The exit status is 1 if any failed.

``--device cpu --size toy`` tries the command itself, on a machine without a card.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from time import monotonic
from typing import Any, Final

from mula_daemon.bench.figures import print_json
from mula_daemon.bench.gpu.plan import SECTIONS, TOTAL_S, CardQuestions, Section, default_reference

LEAST_S: Final = 5.0
"""With less time left a section is not begun."""


def main(argv: Sequence[str]) -> int:
    """Run the sections that are asked for, and print one JSON line."""
    made = argparse.ArgumentParser(
        prog="mula bench gpu",
        description=__doc__,
        epilog="sections: " + ", ".join(f"{each.letter} {each.name}" for each in SECTIONS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    made.add_argument("--size", default="3b", choices=("3b", "toy"))
    made.add_argument("--sections", default="", metavar="a,c,...", help="default: all")
    made.add_argument("--seconds", type=float, default=60.0, help="of live play (default 60)")
    made.add_argument(
        "--reference", default=default_reference(), metavar="DIR",
        help="vectors for the parity section, as `mula bench parity` has them (default: "
        "MULA_REFERENCE, else those of a checkout)",
    )  # fmt: skip
    made.add_argument(
        "--minutes", type=float, default=TOTAL_S / 60, help="for everything (default 7.8)"
    )
    parsed = made.parse_args(argv)
    letters = [word.strip() for word in parsed.sections.split(",") if word.strip()]
    unknown = set(letters) - {each.letter for each in SECTIONS} - {each.name for each in SECTIONS}
    if unknown:
        made.error(f"no section {', '.join(sorted(unknown))}; there are a to {SECTIONS[-1].letter}")
    chosen = [s for s in SECTIONS if not letters or s.letter in letters or s.name in letters]
    asked = CardQuestions(parsed.device, parsed.size, parsed.seconds, parsed.reference)
    began = monotonic()
    found = measure(chosen, asked, parsed.minutes * 60)
    print_json(
        bench="gpu",
        device=parsed.device,
        size=parsed.size,
        took_s=round(monotonic() - began, 1),
        failed=[name for name, entry in found.items() if "error" in entry],
        sections=found,
    )
    return int(any("error" in entry for entry in found.values()))


def measure(sections: Sequence[Section], asked: CardQuestions, total_s: float) -> dict[str, Any]:
    """The entry of each section by its name: its figures, or ``error`` in words."""
    end = monotonic() + total_s
    found: dict[str, Any] = {}
    for section in sections:
        began = monotonic()
        limit_s = min(section.limit_s + section.live * asked.seconds, end - began)
        say(f"{section.letter} {section.name}: at most {max(0.0, limit_s):.0f} s")
        entry: dict[str, Any]
        if limit_s < LEAST_S:
            entry = {"error": f"no time was left: --sections {section.letter} measures it alone"}
        else:
            entry = _entry(section, asked, limit_s)
        entry["took_s"] = round(monotonic() - began, 1)
        say(f"{section.letter} {section.name}: {entry.get('error', 'done')} ({entry['took_s']} s)")
        found[section.name] = entry
    return found


def _entry(section: Section, asked: CardQuestions, limit_s: float) -> dict[str, Any]:
    """What a process of its own finds; what keeps it from that goes to standard error, too."""
    command = [sys.executable, "-m", "mula_daemon.bench.gpu.section"]
    arguments = [section.module, json.dumps(asdict(asked))]
    with subprocess.Popen(
        [*command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            said, _ = child.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            return {"error": f"it took more than {limit_s:.0f} s and was ended"}
        finally:
            child.kill()
    try:
        entry: dict[str, Any] = json.loads(said.splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": f"its process ended with status {child.returncode} and without figures"}
    return entry


def say(line: str) -> None:
    """Progress, for whoever watches."""
    print(line, file=sys.stderr, flush=True)
