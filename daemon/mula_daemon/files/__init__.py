"""Files that appear whole or not at all, and JSON that is read as types."""

from mula_daemon.files.atomic import LOCK_S, SUFFIX, Part, locked, sweep
from mula_daemon.files.typed_json import (
    Number,
    Positive,
    Whole,
    parse_json,
    read_json,
    typed,
    wrong,
)

__all__ = [
    "LOCK_S", "SUFFIX", "Number", "Part", "Positive", "Whole", "locked", "parse_json", "read_json",
    "sweep", "typed", "wrong",
]  # fmt: skip
