"""Files that appear whole or not at all."""

from mula_daemon.files.atomic import SUFFIX, Part, locked, sweep
from mula_daemon.files.json_fields import Fields, is_number, is_whole

__all__ = [
    "SUFFIX",
    "Fields",
    "Part",
    "is_number",
    "is_whole",
    "locked",
    "sweep",
]
