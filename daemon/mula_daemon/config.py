"""One frozen Config, built once at start and passed down.

Precedence, strongest first: command-line option, environment variable
(``MULA_`` and the field's name in capitals), config file, default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from mula_bridge.errors import BadInput, UnknownName

OFF: Final = "off"
ENVIRONMENT_PREFIX: Final = "MULA_"
DEFAULT_OSC: Final = "127.0.0.1:7770"
DEFAULT_HTTP: Final = "127.0.0.1:7772"
MIDI_SYSTEMS: Final = ("alsa", "jack", "core", "windows")


class ConfigError(BadInput):
    """An option, environment variable or config file entry that cannot be used."""

    code = "bad_config"


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting as text, the way it is written on the command line.

    Empty means "choose for me". ``osc`` is HOST:PORT; ``audio``, ``midi`` and
    ``http`` may be "off"; ``mapping`` is one YAML file or
    shipped map, or several with commas.
    """

    engine: str = "auto"
    checkpoint: str = ""
    folder: str = ""
    osc: str = DEFAULT_OSC
    osc_tcp: str = OFF
    http: str = DEFAULT_HTTP
    advertise: str = OFF
    audio: str = ""
    midi: str = "*"
    mapping: str = ""
    presets: str = ""
    learnt: str = ""
    feedback: str = ""
    allow: str = ""
    timetags: str = "now"

    @property
    def osc_address(self) -> tuple[str, int]:
        """Host and port to listen on. Raises ConfigError."""
        return parse_host_port("osc", self.osc)

    @property
    def osc_tcp_address(self) -> tuple[str, int] | None:
        """Host and port for OSC over TCP, None for off. Raises ConfigError."""
        return None if self.osc_tcp == OFF else parse_host_port("osc_tcp", self.osc_tcp)

    @property
    def http_address(self) -> tuple[str, int] | None:
        """Host and port for OSCQuery and the page, None for off. Raises ConfigError."""
        return None if self.http == OFF else parse_host_port("http", self.http)

    @property
    def mappings(self) -> tuple[str, ...]:
        """The controller maps to use, by path or name; later ones win."""
        return _items(self.mapping)

    @property
    def midi_ports(self) -> tuple[str | None, str]:
        """MIDI system (None: this machine's own) and port pattern, from [SYSTEM:]PATTERN."""
        system, colon, pattern = self.midi.partition(":")
        if colon and system in MIDI_SYSTEMS:
            return system, pattern
        return None, self.midi

    @property
    def feedback_targets(self) -> tuple[tuple[str, int], ...]:
        """Hosts and ports, comma-separated in the config, that always get every change."""
        return tuple(parse_host_port("feedback", item) for item in _items(self.feedback))

    @property
    def scheduled(self) -> bool:
        """Whether bundles wait for their time tags. Raises ConfigError."""
        if self.timetags not in ("now", "wait"):
            raise ConfigError(f"timetags: {self.timetags!r} is neither now nor wait")
        return self.timetags == "wait"

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Addresses beyond this machine's own that may send us OSC."""
        return _items(self.allow)


CHECKED: Final = (
    "osc_address",
    "osc_tcp_address",
    "http_address",
    "feedback_targets",
    "scheduled",
)
"""Properties that raise ConfigError for a text that cannot be used."""

NAMES: Final = tuple(field.name for field in fields(Config))


def load_config(
    options: Mapping[str, str | None],
    *,
    config_file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """Merge the sources in their order of precedence.

    ``options`` holds what the command line gave (None for what it did not);
    ``config_file`` None means the default place, which need not exist. Raises
    ConfigError naming the file and the entry.
    """
    values: dict[str, str] = _read_file(config_file)
    for name in NAMES:
        variable = ENVIRONMENT_PREFIX + name.upper()
        if variable in environment:
            values[name] = environment[variable]
    values.update({name: text for name, text in options.items() if text is not None})
    config = Config(**values)
    for check in CHECKED:
        getattr(config, check)
    return config


def default_config_file() -> Path:
    """Where the config file is looked for when none is named."""
    from platformdirs import user_config_path

    return user_config_path("mulabridge", appauthor=False) / "config.yaml"


def parse_host_port(name: str, text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``:PORT`` or ``PORT``; IPv6 hosts in square brackets. Raises ConfigError."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{name}: {text!r} is not HOST:PORT, such as {DEFAULT_OSC}")
    return host, int(port)


def _read_file(path: Path | None) -> dict[str, str]:
    named = path is not None
    path = path or default_config_file()
    if not path.exists():
        if named:
            raise ConfigError(f"there is no config file {path}")
        return {}
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected lines such as 'engine: mini'")
    values = {}
    for name, value in content.items():
        if name not in NAMES:
            raise ConfigError(f"{path}: {UnknownName('setting', str(name), NAMES)}")
        values[name] = _text(path, name, value)
    return values


def _text(path: Path, name: str, value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    # YAML reads the word off as False; here it is a setting like any other.
    if value is False:
        return OFF
    if value is None or isinstance(value, dict | bool):
        raise ConfigError(f"{path}: {name} takes a text, not {value!r}")
    return str(value)


def _items(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())
