"""Presets on disk: the shipped ones, and the producer's own in one JSON file."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal
from unicodedata import normalize

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from mula_bridge.control import Preset, checked_name, knob, legible
from mula_bridge.errors import BadInput, Busy, Unavailable
from mula_bridge.files import replace_text
from mula_daemon.files import parse_json, read_json, typed

MOST_PRESETS: Final = 512
"""Of one's own."""

log = logging.getLogger(__name__)


def default_preset_file() -> Path:
    """Where the producer's own presets are kept."""
    from platformdirs import user_data_path

    return user_data_path("mulabridge", appauthor=False) / "presets.json"


class PresetFile(Struct):
    """What the file holds; each preset is read by itself, so that a bad one spoils no other."""

    version: Literal[1]
    presets: Mapping[str, Any]


class Draft(Struct, frozen=True, eq=False):
    """A preset on its way to the disk; another one of the same name and content is another."""

    name: str
    preset: Preset


class PresetStore:
    """Presets by name, the shipped ones first; numbers count in that order from 1.

    A preset of one's own with a shipped one's name takes its place. ``file`` None: nothing
    is kept, as for a single job. Any thread, but for ``write``, which is for one.
    """

    def __init__(self, shipped: Mapping[str, Preset], file: Path | None = None) -> None:
        """Raises BadInput, naming the file, when it is there but cannot be read.

        A preset in it that cannot be is left out, logged, and stays in the file as it is.
        """
        self._shipped = dict(shipped)
        self._file = file
        self._spoilt: dict[str, Any] = {}
        """Presets of the file that cannot be read; only for ``write``."""
        self._written = self._read(file) if file is not None else {}
        """What is on the disk."""
        self._drafts: list[Draft] = []
        """What is not there yet, in the order in which it was put."""
        self._lock = threading.RLock()

    def presets(self) -> dict[str, Preset]:
        """All of them, in their order."""
        with self._lock:
            return {**self._shipped, **self._own()}

    def ship(self, shipped: Mapping[str, Preset]) -> None:
        """Have other shipped ones; one's own stay as they are."""
        with self._lock:
            self._shipped = dict(shipped)

    def put(self, which: str | int, preset: Preset) -> Draft:
        """Have ``preset`` under a name or number; one past the last number is new.

        It can be loaded at once, and is on the disk after ``write``. Raises BadInput for a name
        or number that cannot be, and for a preset that could not be read again; Busy for a new
        one when ``MOST_PRESETS`` are kept.
        """
        with self._lock:
            name = self._name(which)
            own = self._own()
            if name not in own and len(own) >= MOST_PRESETS:
                raise Busy(f"{MOST_PRESETS} presets are kept; save over one of them")
            _text({name: to_builtins(preset, enc_hook=dict)}, self._file)
            draft = Draft(name, preset)
            self._drafts.append(draft)
        return draft

    def write(self, draft: Draft) -> None:
        """Have a draft on the disk, in the order of ``put``. Waits for the disk; one thread.

        Raises Unavailable when it cannot be written; then it is taken back.
        """
        try:
            with self._lock:  # nobody else changes what is written
                own = {**self._written, draft.name: draft.preset}
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                entries = self._spoilt | to_builtins(own, enc_hook=dict)
                replace_text(self._file, _text(entries, self._file))
            with self._lock:
                self._written = own
        except OSError as error:
            said = error.strerror or error
            raise Unavailable(f"{self._file}: {said}; the preset is not saved") from error
        finally:  # on the disk or not, it waits no more
            self.take_back(draft)

    def save(self, which: str | int, preset: Preset) -> str:
        """``put`` and ``write`` at once; the name."""
        draft = self.put(which, preset)
        self.write(draft)
        return draft.name

    def take_back(self, draft: Draft) -> None:
        """Have what is there without a draft that will not be written."""
        with self._lock, suppress(ValueError):
            self._drafts.remove(draft)

    def _own(self) -> dict[str, Preset]:
        """One's own ones, under the lock."""
        return {**self._written, **{draft.name: draft.preset for draft in self._drafts}}

    def _name(self, which: str | int) -> str:
        names = list(self.presets())
        if isinstance(which, int):
            if 1 <= which <= len(names):
                return names[which - 1]
            if which == len(names) + 1:
                return next(name for at in count(which) if (name := f"preset-{at}") not in names)
            raise BadInput(f"presets are numbered 1 to {len(names)}; save a new one as the next")
        if which in names:  # whatever it is called, it is there
            return which
        name = normalize("NFC", checked_name(which, "a preset's name"))
        if name.isdecimal():
            raise BadInput(f"a preset's name is not a number, for which {name!r} would be taken")
        return name

    def _read(self, file: Path) -> dict[str, Preset]:
        try:
            entries = read_json(file, PresetFile).presets
        except FileNotFoundError:
            return {}
        except (OSError, BadInput) as error:
            raise BadInput(f"{error}; mend or move it") from error
        own = {}
        for name, entry in entries.items():
            try:
                own[name] = _preset(entry, f"{file}: preset {legible(name)}")
            except BadInput as error:
                log.warning("%s; it is left out until it is mended", error)
                self._spoilt[name] = entry
        return own


def _preset(entry: object, where: str) -> Preset:
    preset = typed(entry, Preset, where)
    try:
        knobs = {name: knob(name).coerce(value) for name, value in preset.knobs.items()}
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error
    return replace(preset, knobs=knobs)


def _text(entries: Mapping[str, Any], file: Path | None) -> str:
    """Raises BadInput for what could not be read again."""
    text = json.dumps(to_builtins(PresetFile(1, entries)), indent=1)
    parse_json(text, str(file))
    return text
