"""What a user may set: options, environment, config file, and their defaults."""

from mula_daemon.settings.choices import BeatsMode, Layout
from mula_daemon.settings.config import (
    DEFAULT_HTTP,
    DEFAULT_OSC,
    NAMES,
    OFF,
    ON,
    Config,
    load_config,
)
from mula_daemon.settings.default_folder import DAWS, default_folder, live_user_library
from mula_daemon.settings.limits import Limits
from mula_daemon.settings.output_settings import OutputSettings

__all__ = [
    "DAWS",
    "DEFAULT_HTTP",
    "DEFAULT_OSC",
    "NAMES",
    "OFF",
    "ON",
    "BeatsMode",
    "Config",
    "Layout",
    "Limits",
    "OutputSettings",
    "default_folder",
    "live_user_library",
    "load_config",
]
