"""Small files that are replaced as a whole, for every writer of one."""

from mula_bridge.files.replacing import HELD, patiently, replace_text, sync_folder

__all__ = ["HELD", "patiently", "replace_text", "sync_folder"]
