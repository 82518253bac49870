"""The options that several subcommands share; each is a field of Config."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from mula_daemon.cli import PRECEDENCE
from mula_daemon.config import DEFAULT_HTTP, DEFAULT_OSC, NAMES, Config, load_config

ENGINE_NAMES: Final = ("auto", "mini", "heartmula", "musicgen", "tone")

OPTIONS: Final = {
    "engine": ("NAME", f"which model: {', '.join(ENGINE_NAMES)} (default auto)"),
    "checkpoint": ("DIR", "folder with the model's weights, for engines that need one"),
    "folder": ("DIR", "where clips land (default: your music folder; mula doctor shows it)"),
    "osc": ("HOST:PORT", f"where to listen for OSC (default {DEFAULT_OSC})"),
    "osc_tcp": ("HOST:PORT|off", "where to listen for OSC over TCP (default off)"),
    "http": ("HOST:PORT|off", f"where to serve OSCQuery and the page (default {DEFAULT_HTTP})"),
    "advertise": ("on|off", "announce OSC and OSCQuery on the network by zeroconf (default off)"),
    "audio": ("NAME|off", "audio output, by a part of its name (default: the system's)"),
    "midi": (
        "[SYSTEM:]PATTERN|off",
        "MIDI inputs to open, such as 'nano*' or 'jack:*' (default *)",
    ),
    "mapping": (
        "FILE|NAME,...",
        "controller maps, yours or shipped ones (default generic-8-knobs)",
    ),
    "presets": ("FILE", "where your own presets are kept (default: your user data folder)"),
    "learnt": ("FILE", "where learnt MIDI controls are kept (default: your user data folder)"),
    "feedback": ("HOST:PORT,...", "OSC targets that always get every change"),
    "timetags": ("now|wait", "obey time-tagged OSC bundles now, or at their time (default now)"),
    "allow": ("ADDRESS,...", "other machines that may send OSC (needs --osc beyond loopback)"),
}
"""Config field -> metavar and help."""


def parser(command: str, description: str, names: tuple[str, ...]) -> argparse.ArgumentParser:
    """A parser for ``mula COMMAND`` with the named config options and ``--config``."""
    made = argparse.ArgumentParser(
        prog=f"mula {command}", description=description, epilog=PRECEDENCE
    )
    for name in names:
        metavar, text = OPTIONS[name]
        option = f"--{name.replace('_', '-')}"
        made.add_argument(option, dest=name, metavar=metavar, help=text)
    made.add_argument("--config", metavar="FILE", type=Path, help="config file (YAML)")
    return made


def config_of(parsed: argparse.Namespace, **fixed: str) -> Config:
    """The Config of parsed options; ``fixed`` wins over everything. Raises ConfigError."""
    options = {name: getattr(parsed, name, None) for name in NAMES}
    return load_config({**options, **fixed}, config_file=parsed.config)
