"""The options that several subcommands share: rows of the table of settings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from mula_daemon.cli import PRECEDENCE
from mula_daemon.settings import ON, SETTINGS, Config, SettingRow, load_config

ENGINE_OPTIONS: Final = (
    "engine", "checkpoint", "device", "precision", "codec", "codec_stream", "ending",
    "kit", "stems",
)  # fmt: skip
"""What every command takes that starts an engine."""


def parser(command: str, description: str, names: tuple[str, ...]) -> argparse.ArgumentParser:
    """A parser for ``mula COMMAND`` with the named settings and ``--config``."""
    made = argparse.ArgumentParser(
        prog=f"mula {command}", description=description, epilog=PRECEDENCE
    )
    for name in names:
        add_option(made, SETTINGS[name])
    made.add_argument("--config", metavar="FILE", type=Path, help="config file (YAML)")
    return made


def add_option(made: argparse.ArgumentParser, row: SettingRow) -> None:
    """Let a parser take a setting, as the text that was written."""
    metavar = row.metavar
    if row.name == "engine":
        from mula_daemon.engine import ENGINES  # a table of its own, which settings do not know

        metavar = "|".join(ENGINES)
    shape: dict[str, Any] = (
        {"metavar": metavar} if metavar else {"action": "store_const", "const": ON}
    )
    made.add_argument(row.option, dest=row.name, help=row.meaning, **shape)


def config_of(parsed: argparse.Namespace) -> Config:
    """The Config of parsed options. Raises ConfigError."""
    options = {name: getattr(parsed, name, None) for name in SETTINGS}
    return load_config(options, config_file=parsed.config)
