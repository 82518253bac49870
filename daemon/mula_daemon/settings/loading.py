"""Where settings come from.

Precedence, strongest first: command-line option, environment variable, config file, default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from mula_bridge.errors import UnknownName
from mula_bridge.files import NotUtf8, read_text
from mula_daemon.settings.config import SETTINGS, Config
from mula_daemon.settings.parsing import OFF, ON
from mula_daemon.settings.setting import ROW, ConfigError


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
    texts = _read_file(config_file)
    for row in SETTINGS.values():
        if row.variable in environment:
            texts[row.name] = environment[row.variable]
    texts.update({name: text for name, text in options.items() if text is not None})
    rows = ((field.name, field.metadata[ROW]) for field in fields(Config))
    values: dict[str, Any] = {
        name: row.read(texts[row.name]) for name, row in rows if row.name in texts
    }
    return Config(**values)


def default_config_file() -> Path:
    """Where the config file is looked for when none is named."""
    from platformdirs import user_config_path

    return user_config_path("mulabridge", appauthor=False) / "config.yaml"


def _read_file(path: Path | None) -> dict[str, str]:
    named = path is not None
    path = path or default_config_file()
    if not path.exists():
        if named:
            raise ConfigError(f"there is no config file {path}")
        return {}
    import yaml

    try:
        content = yaml.safe_load(read_text(path)) or {}
    except NotUtf8 as error:
        raise ConfigError(str(error)) from error
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected lines such as 'engine: mini'")
    texts = {}
    for name, value in content.items():
        if name not in SETTINGS:
            raise ConfigError(f"{path}: {UnknownName('setting', str(name), SETTINGS)}")
        texts[name] = _text(path, name, value)
    return texts


def _text(path: Path, name: str, value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    # YAML reads the words on and off as truth values; here they are settings like any other.
    if isinstance(value, bool):
        return ON if value else OFF
    if value is None or isinstance(value, dict):
        raise ConfigError(f"{path}: {name} takes a text, not {value!r}")
    return str(value)
