"""Small text files: replaced as a whole, for every writer of one, and read whatever wrote them."""

from mula_bridge.files.reading import NotUtf8, read_text, text_of
from mula_bridge.files.replacing import HELD, patiently, replace_text, sync_folder

__all__ = ["HELD", "NotUtf8", "patiently", "read_text", "replace_text", "sync_folder", "text_of"]
