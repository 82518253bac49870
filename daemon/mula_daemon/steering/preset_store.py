"""Presets on disk: the shipped ones, and the producer's own in one JSON file.

Session thread only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mula_bridge.control import Preset, knob
from mula_bridge.errors import BadInput, MulaError, Unavailable
from mula_bridge.files import replace_text

VERSION: Final = 1
MAX_NAME: Final = 64


def default_preset_file() -> Path:
    """Where the producer's own presets are kept."""
    from platformdirs import user_data_path

    return user_data_path("mulabridge", appauthor=False) / "presets.json"


class PresetStore:
    """Presets by name, the shipped ones first; numbers count in that order from 1.

    A preset of one's own with a shipped one's name takes its place. ``file`` None: nothing
    is kept, as for a single job.
    """

    def __init__(self, shipped: Mapping[str, Preset], file: Path | None = None) -> None:
        """Raises BadInput, naming the file, when it is there but cannot be read."""
        self._shipped = dict(shipped)
        self._file = file
        self._own = _read(file) if file is not None else {}

    def presets(self) -> dict[str, Preset]:
        """All of them, in their order."""
        return {**self._shipped, **self._own}

    def ship(self, shipped: Mapping[str, Preset]) -> None:
        """Have other shipped ones; one's own stay as they are."""
        self._shipped = dict(shipped)

    def save(self, which: str | int, preset: Preset) -> str:
        """Keep ``preset`` under a name or number; the name. One past the last number is new.

        Raises BadInput for a name or number that cannot be, Unavailable when it cannot be written.
        """
        name = self._name(which)
        own = {**self._own, name: preset}
        if self._file is not None:
            try:
                _write(self._file, own)
            except OSError as error:
                raise Unavailable(
                    f"{self._file}: {error.strerror}; the preset is not saved"
                ) from error
        self._own = own
        return name

    def _name(self, which: str | int) -> str:
        names = list(self.presets())
        if isinstance(which, int):
            if 1 <= which <= len(names):
                return names[which - 1]
            if which == len(names) + 1:
                return f"preset-{which}"
            raise BadInput(f"presets are numbered 1 to {len(names)}; save a new one as the next")
        name = which.strip()
        if not 0 < len(name) <= MAX_NAME or not name.isprintable() or name.isdecimal():
            raise BadInput(f"a preset's name has 1..{MAX_NAME} characters and is not a number")
        return name


def _read(file: Path) -> dict[str, Preset]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: cannot be read: {error}; mend or move it") from error
    try:
        if content["version"] != VERSION:
            raise BadInput(f"version {content['version']} is not {VERSION}")
        return {str(name): _preset(fields) for name, fields in content["presets"].items()}
    except (KeyError, TypeError, AttributeError, MulaError) as error:
        raise BadInput(f"{file}: not a preset file ({error}); mend or move it") from error


def _preset(fields: Mapping[str, Any]) -> Preset:
    def words(name: str) -> tuple[str, ...] | None:
        return None if fields[name] is None else tuple(map(str, fields[name]))

    knobs = {name: knob(name).coerce(value) for name, value in fields["knobs"].items()}
    lyrics = fields["lyrics"]
    return Preset(knobs, words("tags"), words("tags_b"), None if lyrics is None else str(lyrics))


def _write(file: Path, presets: Mapping[str, Preset]) -> None:
    content = {
        "version": VERSION,
        "presets": {
            name: {
                "knobs": dict(preset.knobs),
                "tags": preset.tags,
                "tags_b": preset.tags_b,
                "lyrics": preset.lyrics,
            }
            for name, preset in presets.items()
        },
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_text(file, json.dumps(content, indent=1))
