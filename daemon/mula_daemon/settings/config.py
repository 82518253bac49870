"""One frozen Config, built once at start and passed down.

Precedence, strongest first: command-line option, environment variable
(``MULA_`` and the field's name in capitals), config file, default.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from mula_bridge.control.messages import AUTO, Clock
from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.settings.choices import BeatsMode, Layout
from mula_daemon.settings.default_folder import Default, default_folder
from mula_daemon.settings.limits import Limits, parse_limits
from mula_daemon.settings.output_settings import OutputSettings

ON: Final = "on"
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
    precision: str = "auto"
    kit: str = ""
    stems: str = OFF
    device: str = "auto"
    codec: str = "auto"
    codec_stream: str = ""
    ending: str = "go-on"
    reroll: str = "0"
    folder: str = ""
    daw: str = "auto"
    layout: str = "flat"
    limit: str = ""
    osc: str = DEFAULT_OSC
    osc_tcp: str = OFF
    http: str = DEFAULT_HTTP
    advertise: str = OFF
    audio: str = ""
    audio_channels: str = "1-2"
    audio_latency: str = "high"
    audio_buffer: str = "30"
    live_lead: str = "125"
    midi: str = "*"
    mapping: str = ""
    presets: str = ""
    learnt: str = ""
    feedback: str = ""
    allow: str = ""
    timetags: str = "now"
    clock: str = AUTO
    link: str = OFF
    texts: str = "next"
    beats: str = "trim"

    @property
    def wants_stems(self) -> bool:
        """Whether clips bring their instruments as files of their own. Raises ConfigError."""
        if self.stems not in (ON, OFF):
            raise ConfigError(f"stems: {self.stems!r} is neither on nor off")
        return self.stems == ON

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
    def clip_folder(self) -> Default:
        """Where clips land, and why there. Raises ConfigError."""
        if self.folder:
            return Default(Path(self.folder).expanduser(), "it was asked for with --folder")
        try:
            return default_folder(self.daw)
        except UnknownName as error:
            raise ConfigError(f"daw: {error}") from error

    @property
    def clip_layout(self) -> Layout:
        """How the clip folder is laid out. Raises ConfigError."""
        try:
            return Layout(self.layout)
        except ValueError:
            raise ConfigError(f"layout: {UnknownName('layout', self.layout, Layout)}") from None

    @property
    def limits(self) -> Limits:
        """How much the clip folder may hold. Raises ConfigError."""
        try:
            return parse_limits(self.limit)
        except BadInput as error:
            raise ConfigError(f"limit: {error}") from error

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
    def output_settings(self) -> OutputSettings:
        """Which audio interface, and how. Raises ConfigError."""
        return OutputSettings(self.audio, self._latency, self._pair)

    @property
    def audio_buffer_seconds(self) -> float:
        """What is written ahead of the interface's own buffer, in seconds. Raises ConfigError."""
        return _milliseconds("audio_buffer", self.audio_buffer, 5, 400)

    @property
    def live_lead_ns(self) -> int:
        """How long before it is heard live play samples a frame, in ns. Raises ConfigError."""
        return round(_milliseconds("live_lead", self.live_lead, 10, 5000) * 1e9)

    @property
    def _latency(self) -> float | str:
        if self.audio_latency in ("low", "high"):
            return self.audio_latency
        return _milliseconds("audio_latency", self.audio_latency, 1, 500)

    @property
    def _pair(self) -> tuple[int, int]:
        left, _, right = self.audio_channels.partition("-")
        if not (left.isdecimal() and right.isdecimal() and int(left) and int(right)):
            raise ConfigError(f"audio_channels: {self.audio_channels!r} is no pair such as 3-4")
        return int(left), int(right)

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
    def clock_source(self) -> str:
        """Whose time to follow: auto or a Clock. Raises ConfigError."""
        if self.clock not in (AUTO, *Clock):
            raise ConfigError(f"clock: {self.clock!r} is none of {', '.join((AUTO, *Clock))}")
        return self.clock

    @property
    def torch_device(self) -> str:
        """What HeartMuLa computes on. Raises ConfigError."""
        return _choice("device", self.device, ("auto", "cuda", "mps", "cpu"))

    @property
    def codec_placement(self) -> str:
        """Where the codec lives. Raises ConfigError."""
        return _choice("codec", self.codec, ("auto", "gpu", "after", "cpu"))

    @property
    def may_end(self) -> bool:
        """Whether a model may end a clip before its length. Raises ConfigError."""
        return _choice("ending", self.ending, ("go-on", "stop")) == "stop"

    @property
    def rerolls(self) -> int:
        """How often a near-silent take is made again with the next seed. Raises ConfigError."""
        return int(_choice("reroll", self.reroll, ("0", "1", "2")))

    @property
    def beats_mode(self) -> BeatsMode:
        """What is done with the beats of models without a tempo. Raises ConfigError."""
        return BeatsMode(_choice("beats", self.beats, tuple(BeatsMode)))

    @property
    def follow_texts(self) -> bool:
        """Whether a running clip takes over tags and lyrics that change. Raises ConfigError."""
        return _choice("texts", self.texts, ("next", "now")) == "now"

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Addresses beyond this machine's own that may send us OSC."""
        return _items(self.allow)


CHECKED: Final = (
    "wants_stems",
    "clip_folder",
    "clip_layout",
    "limits",
    "osc_address",
    "osc_tcp_address",
    "http_address",
    "feedback_targets",
    "scheduled",
    "clock_source",
    "beats_mode",
    "follow_texts",
    "torch_device",
    "codec_placement",
    "may_end",
    "rerolls",
    "output_settings",
    "audio_buffer_seconds",
    "live_lead_ns",
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


def _choice(name: str, text: str, choices: Sequence[str]) -> str:
    if text not in choices:
        raise ConfigError(f"{name}: {text!r} is none of {', '.join(choices)}")
    return text


def _milliseconds(name: str, text: str, least: float, most: float) -> float:
    """Milliseconds as seconds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise ConfigError(f"{name}: {text!r} is not a number of ms from {least:g} to {most:g}")
    return value / 1000


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
    # YAML reads the words on and off as truth values; here they are settings like any other.
    if isinstance(value, bool):
        return ON if value else OFF
    if value is None or isinstance(value, dict):
        raise ConfigError(f"{path}: {name} takes a text, not {value!r}")
    return str(value)


def _items(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())
