"""``mula doctor``: check this machine, one line a finding, each with its remedy."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Final

from mula_bridge.errors import MulaError
from mula_daemon.cli.failures import in_words
from mula_daemon.cli.options import config_of, parser
from mula_daemon.doctor import CHECKS, Check
from mula_daemon.engine import Finding, Grade
from mula_daemon.settings import Config

COLOURS: Final = {Grade.OK: "32", Grade.WARN: "33", Grade.FAIL: "31"}


def main(argv: Sequence[str]) -> int:
    """Print every finding; exit status 1 when one of them is a failure."""
    parsed = parser(
        "doctor",
        "Check this machine and say what to mend.",
        ("folder", "osc", "audio", "midi", "mapping", "checkpoint", "precision", "codec", "kit"),
    ).parse_args(argv)
    config = config_of(parsed)
    failed = False
    for check in CHECKS:
        for finding in said(check, config):
            print(line(finding, colour=sys.stdout.isatty()), flush=True)
            failed = failed or finding.grade is Grade.FAIL
    return 1 if failed else 0


def said(check: Check, config: Config) -> Iterator[Finding]:
    """What a check finds; that it could not be made, too, so that the others are."""
    try:
        yield from check(config)
    except Exception as error:
        words = str(error) if isinstance(error, MulaError) else in_words(error)
        yield Finding(
            check.__name__,
            Grade.FAIL,
            f"cannot be looked at: {words}",
            "mend that, and try again",
        )


def line(finding: Finding, *, colour: bool) -> str:
    """``warn  audio       no audio output -> plug in an interface``."""
    grade = f"{finding.grade.value:<5}"
    if colour:
        grade = f"\033[{COLOURS[finding.grade]}m{grade}\033[0m"
    remedy = f" -> {finding.remedy}" if finding.remedy else ""
    return f"{grade} {finding.what:<11} {finding.text}{remedy}"
