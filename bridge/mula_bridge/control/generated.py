"""Files that are written from the tables: the command line that all their writers share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def print_write_or_check(
    parser: argparse.ArgumentParser,
    made: Callable[[argparse.Namespace], str],
    argv: Sequence[str] | None,
) -> int:
    """Print what ``made`` makes of the options, write it or compare; the exit status.

    Without options it prints; ``--write FILE`` writes, and ``--check FILE`` gives 1 when the
    file is not what would be written. ``parser`` has the options of one's own. Raises OSError.
    """
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--write", type=Path, metavar="FILE")
    either.add_argument("--check", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    text = made(options)
    if options.write:
        options.write.write_text(text, encoding="utf-8", newline="\n")
    elif options.check:
        if not options.check.exists() or options.check.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{options.check} is stale; write it again with --write\n")
            return 1
    else:
        sys.stdout.write(text)
    return 0
