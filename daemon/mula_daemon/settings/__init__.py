"""What a user may set: options, environment, config file, and their defaults."""

from mula_daemon.settings.choices import BeatsMode, Daw, Layout
from mula_daemon.settings.config import SETTINGS, Config
from mula_daemon.settings.default_folder import default_folder, live_user_library
from mula_daemon.settings.limits import Limits
from mula_daemon.settings.loading import load_config
from mula_daemon.settings.output_settings import OutputSettings
from mula_daemon.settings.parsing import ON, midi_ports
from mula_daemon.settings.setting import SettingRow

__all__ = [
    "ON", "SETTINGS", "BeatsMode", "Config", "Daw", "Layout", "Limits", "OutputSettings",
    "SettingRow", "default_folder", "live_user_library", "load_config", "midi_ports",
]  # fmt: skip
