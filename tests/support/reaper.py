"""A REAPER to run the real scripts in: the part of its API that they may use, and no more.

Calling anything else, or with another number of arguments than REAPER documents, is an
error. The project is one tempo map, tracks, items and takes; time stands still unless a
test moves it. Handles are opaque, as in REAPER.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import lupa.lua54
import soundfile


@dataclass(eq=False)
class Source:
    path: str
    seconds: float
    peaks: bool = False


@dataclass(eq=False)
class ReaperTake:
    values: dict[str, float] = field(default_factory=lambda: {"D_PLAYRATE": 1.0, "B_PPITCH": 0.0})
    name: str = ""
    source: Source | None = None


@dataclass(eq=False)
class Item:
    guid: str
    values: dict[str, float] = field(default_factory=dict)
    takes: list[ReaperTake] = field(default_factory=list)


@dataclass(eq=False)
class Track:
    guid: str
    name: str = ""
    items: list[Item] = field(default_factory=list)


class Reaper:
    """One running REAPER. ``tempo`` is the project's, in BPM, the same everywhere."""

    def __init__(self, config: Path, tempo: float = 120.0) -> None:
        self.tempo = tempo
        self.tracks: list[Track] = []
        self.selected: Track | None = None
        self.cursor = 0.0
        self.selection = (0.0, 0.0)
        self.ext: dict[tuple[str, str], str] = {}
        self.project_ext: dict[tuple[str, str], str] = {}
        self.boxes: list[str] = []
        self.help = ""
        self.typed: list[str | None] = []
        """What the user types into the next dialogs; None cancels."""
        self.asked: list[str] = []
        self.undo: list[str] = []
        self.toggles: dict[int, int] = {}
        self.now = 1000.0
        self.deferred: list[Any] = []
        self.at_exit: list[Any] = []
        self.files_cache: dict[str, list[str]] = {}
        self._open_undo = 0
        self._frozen_ui = 0
        self._config = config
        self._guids = count(1)

    # --- running scripts ----------------------------------------------------------------------

    def run(self, script: Path) -> None:
        """Start a script as from the action list; what it defers waits for ``pump``."""
        lua = lupa.lua54.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
        api = lua.table()
        for name, (function, least, most) in self._api(script).items():
            api[name] = _counted(name, function, least, most)
        strict = lua.eval(
            "function(api, config) reaper = setmetatable({}, {__index = function(_, name) "
            "local f = api[name]; if f == nil then error('REAPER has no ' .. name, 2) end; "
            "return f end}); local getenv = os.getenv; os.getenv = function(name) "
            "if name == 'XDG_CONFIG_HOME' then return config end; return getenv(name) end end"
        )
        strict(api, str(self._config))
        lua.execute(script.read_text(), name=f"@{script}")
        self._settled()

    def pump(self, rounds: int = 1, seconds: float = 0.03) -> None:
        """Let deferred functions run ``rounds`` times, ``seconds`` apart."""
        for _ in range(rounds):
            self.now += seconds
            due, self.deferred = self.deferred, []
            for function in due:
                function()
                self._settled()

    @property
    def items(self) -> list[Item]:
        return [item for track in self.tracks for item in track.items]

    def add_track(self, name: str = "") -> Track:
        track = Track(f"{{T{next(self._guids)}}}", name)
        self.tracks.append(track)
        return track

    def _settled(self) -> None:
        assert self._open_undo == 0, "an undo block was left open"
        assert self._frozen_ui == 0, "the screen was left frozen"

    # --- the API ------------------------------------------------------------------------------

    def _api(self, script: Path) -> dict[str, tuple[Callable[..., Any], int, int]]:
        """Name -> function, least and most arguments (reaper.fm, ReaScript API)."""
        return {
            "get_action_context": (lambda: (False, str(script), 0, 41000, 0, 0, 0.0), 0, 0),
            "defer": (self.deferred_add, 1, 1),
            "atexit": (self.at_exit.append, 1, 1),
            "time_precise": (lambda: self.now, 0, 0),
            "GetOS": (lambda: "Other", 0, 0),
            "file_exists": (lambda path: Path(path).exists(), 1, 1),
            "EnumerateFiles": (self.enumerate_files, 2, 2),
            "EnumerateSubdirectories": (self.enumerate_folders, 2, 2),
            "ShowMessageBox": (self.message, 3, 3),
            "Help_Set": (self.set_help, 2, 2),
            "GetUserInputs": (self.user_inputs, 4, 4),
            "GetExtState": (lambda section, key: self.ext.get((section, key), ""), 2, 2),
            "HasExtState": (lambda section, key: (section, key) in self.ext, 2, 2),
            "SetExtState": (self.set_ext, 4, 4),
            "GetProjExtState": (self.get_project_ext, 3, 3),
            "SetProjExtState": (self.set_project_ext, 4, 4),
            "SetToggleCommandState": (self.set_toggle, 3, 3),
            "RefreshToolbar2": (lambda section, command: None, 2, 2),
            "CountTracks": (lambda project: len(self.tracks), 1, 1),
            "GetTrack": (lambda project, index: _at(self.tracks, index), 2, 2),
            "GetSelectedTrack": (lambda project, index: None if index else self.selected, 2, 2),
            "GetTrackGUID": (lambda track: track.guid, 1, 1),
            "InsertTrackAtIndex": (self.insert_track, 2, 2),
            "GetSetMediaTrackInfo_String": (self.track_string, 4, 4),
            "CountMediaItems": (lambda project: len(self.items), 1, 1),
            "GetMediaItem": (lambda project, index: _at(self.items, index), 2, 2),
            "AddMediaItemToTrack": (self.add_item, 1, 1),
            "GetMediaItemInfo_Value": (lambda item, key: item.values[key], 2, 2),
            "SetMediaItemInfo_Value": (self.set_value, 3, 3),
            "GetSetMediaItemInfo_String": (self.item_string, 4, 4),
            "CountTakes": (lambda item: len(item.takes), 1, 1),
            "AddTakeToMediaItem": (self.add_take, 1, 1),
            "SetMediaItemTakeInfo_Value": (self.set_value, 3, 3),
            "GetSetMediaItemTakeInfo_String": (self.take_string, 4, 4),
            "PCM_Source_CreateFromFile": (self.create_source, 1, 1),
            "SetMediaItemTake_Source": (self.set_source, 2, 2),
            "PCM_Source_BuildPeaks": (self.build_peaks, 2, 2),
            "UpdateItemInProject": (lambda item: None, 1, 1),
            "UpdateArrange": (lambda: None, 0, 0),
            "PreventUIRefresh": (self.prevent_refresh, 1, 1),
            "Undo_BeginBlock2": (self.begin_undo, 1, 1),
            "Undo_EndBlock2": (self.end_undo, 3, 3),
            "GetCursorPosition": (lambda: self.cursor, 0, 0),
            "GetSet_LoopTimeRange2": (self.loop_range, 6, 6),
            "TimeMap2_timeToQN": (lambda project, time: time * self.tempo / 60, 2, 2),
            "TimeMap2_QNToTime": (lambda project, quarters: quarters * 60 / self.tempo, 2, 2),
            "TimeMap_GetTimeSigAtTime": (lambda project, time: (4, 4, self.tempo), 2, 2),
        }

    def deferred_add(self, function: Any) -> None:
        self.deferred.append(function)

    def enumerate_files(self, path: str, index: int) -> str | None:
        return self._enumerate(path, index, "files")

    def enumerate_folders(self, path: str, index: int) -> str | None:
        return self._enumerate(path, index, "folders")

    def _enumerate(self, path: str, index: int, kind: str) -> str | None:
        """As documented: what was listed stays until index -1 has it listed again."""
        key = f"{kind} {path}"
        if index == -1:
            self.files_cache.pop(key, None)
            return None
        if key not in self.files_cache:
            folder = Path(path)
            entries: Iterable[Path] = folder.iterdir() if folder.is_dir() else ()
            wanted = Path.is_dir if kind == "folders" else Path.is_file
            self.files_cache[key] = [entry.name for entry in entries if wanted(entry)]
        return _at(self.files_cache[key], index)

    def message(self, text: str, title: str, kind: int) -> int:
        self.boxes.append(text)
        return 1

    def set_help(self, text: str, temporary: bool) -> None:
        self.help = text

    def user_inputs(self, title: str, fields: int, captions: str, values: str) -> Any:
        assert fields <= 16
        named = [part for part in captions.split(",") if "=" not in part]
        assert len(named) == fields, f"{fields} fields and the captions {named}"
        self.asked.append(captions)
        answer = self.typed.pop(0)
        return (False, values) if answer is None else (True, answer)

    def set_ext(self, section: str, key: str, value: str, keep: bool) -> None:
        self.ext[section, key] = value

    def get_project_ext(self, project: int, section: str, key: str) -> tuple[int, str]:
        value = self.project_ext.get((section, key), "")
        return len(value), value

    def set_project_ext(self, project: int, section: str, key: str, value: str) -> int:
        self.project_ext[section, key] = value
        return len(value)

    def set_toggle(self, section: int, command: int, state: int) -> bool:
        self.toggles[command] = state
        return True

    def insert_track(self, index: int, defaults: bool) -> None:
        self.tracks.insert(index, Track(f"{{T{next(self._guids)}}}"))

    def track_string(self, track: Track, key: str, text: str, write: bool) -> tuple[bool, str]:
        assert key == "P_NAME"
        if write:
            track.name = text
        return True, track.name

    def add_item(self, track: Track) -> Item:
        item = Item(f"{{I{next(self._guids)}}}")
        track.items.append(item)
        return item

    def item_string(self, item: Item, key: str, text: str, write: bool) -> tuple[bool, str]:
        assert key == "GUID"
        assert not write
        return True, item.guid

    def set_value(self, thing: Item | ReaperTake, key: str, value: float) -> bool:
        known = (
            ("D_POSITION", "D_LENGTH", "B_LOOPSRC", "C_BEATATTACHMODE")
            if isinstance(thing, Item)
            else ("D_PLAYRATE", "B_PPITCH")
        )
        assert key in known, f"{type(thing).__name__} has no {key}"
        thing.values[key] = value
        return True

    def add_take(self, item: Item) -> ReaperTake:
        take = ReaperTake()
        item.takes.append(take)
        return take

    def take_string(self, take: ReaperTake, key: str, text: str, write: bool) -> tuple[bool, str]:
        assert key == "P_NAME"
        if write:
            take.name = text
        return True, take.name

    def create_source(self, path: str) -> Source | None:
        return Source(path, soundfile.info(path).duration)

    def set_source(self, take: ReaperTake, source: Source) -> bool:
        take.source = source
        return True

    def build_peaks(self, source: Source, mode: int) -> int:
        if mode == 2:
            source.peaks = True
        return 10 if mode == 0 and not source.peaks else 0

    def prevent_refresh(self, by: int) -> None:
        self._frozen_ui += by

    def begin_undo(self, project: int) -> None:
        self._open_undo += 1

    def end_undo(self, project: int, name: str, flags: int) -> None:
        self._open_undo -= 1
        self.undo.append(name)

    def loop_range(
        self, project: int, write: bool, loop: bool, start: float, end: float, seek: bool
    ) -> tuple[float, float]:
        assert not write
        return self.selection


def _at(things: list[Any], index: int) -> Any:
    return things[index] if 0 <= index < len(things) else None


def _counted(name: str, function: Callable[..., Any], least: int, most: int) -> Any:
    def call(*arguments: Any) -> Any:
        if not least <= len(arguments) <= most:
            raise TypeError(f"reaper.{name} takes {most} arguments; {len(arguments)} came")
        return function(*arguments)

    return call
