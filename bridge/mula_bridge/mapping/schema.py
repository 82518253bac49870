"""The JSON schema of mapping files, for editors: ``python -m mula_bridge.mapping.schema``.

Made from the field table. Without options it prints; ``--write FILE`` writes, and ``--check
FILE`` exits with 1 when the file is not what would be written. The reader itself checks more
than a schema can, and says it better.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from mula_bridge.control import print_write_or_check
from mula_bridge.mapping.fields import MAP
from mula_bridge.mapping.kinds import Schema


def schema() -> Schema:
    """The whole schema."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A mulabridge mapping file",
        "description": "Written by python -m mula_bridge.mapping.schema; see README.md.",
        **MAP.schema(),
    }


def text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=2) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Print, write or check the schema; the exit status."""
    parser = argparse.ArgumentParser(prog="mula_bridge.mapping.schema", description=__doc__)
    return print_write_or_check(parser, lambda _: text(), argv)


if __name__ == "__main__":
    raise SystemExit(main())
