"""The knobs and texts as they stand, and the commands that turn them."""

from mula_daemon.steering.controls import Controls, checked_lyrics
from mula_daemon.steering.handler import Remapped, Steering
from mula_daemon.steering.preset_store import PresetStore, default_preset_file

__all__ = [
    "Controls", "PresetStore", "Remapped", "Steering", "checked_lyrics", "default_preset_file",
]  # fmt: skip
