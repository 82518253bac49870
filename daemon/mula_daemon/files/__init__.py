"""Files that appear whole or not at all."""

from mula_daemon.files.atomic import SUFFIX, Part, locked, replace_text, sweep, sync_folder
from mula_daemon.files.json_fields import Fields, is_number, is_whole

__all__ = [
    "SUFFIX",
    "Fields",
    "Part",
    "is_number",
    "is_whole",
    "locked",
    "replace_text",
    "sweep",
    "sync_folder",
]
