"""One section of ``mula bench gpu``, in a process of its own: MODULE and what is asked, in JSON.

The last line that it prints is JSON: the section's figures, or ``error`` in words.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback

from mula_daemon.bench.figures import print_json
from mula_daemon.bench.gpu.plan import CardQuestions


def main(module: str, asked: str) -> None:
    """Measure; whatever goes wrong becomes words."""
    try:
        figures = importlib.import_module(module).measure(CardQuestions(**json.loads(asked)))
    except Exception as error:  # whatever a driver, a kernel or a neighbour does
        traceback.print_exception(error)
        lines = str(error).strip().splitlines() or [""]
        figures = {"error": f"{type(error).__name__}: {lines[0]}".rstrip(": ")}
    print_json(**figures)


if __name__ == "__main__":
    main(*sys.argv[1:])
