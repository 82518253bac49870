"""The knobs and texts as they stand, and the commands that turn them."""

from mula_daemon.steering.controls import Controls, Curve, checked_lyrics
from mula_daemon.steering.handler import Steering
from mula_daemon.steering.preset_store import PresetStore, default_preset_file

__all__ = [
    "Controls",
    "Curve",
    "PresetStore",
    "Steering",
    "checked_lyrics",
    "default_preset_file",
]
