"""Small clips with every kind of file, and a look at whether all of them are in one place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from msgspec.structs import replace

from mula_bridge.control.messages.states import Status
from mula_daemon.clips.files import HIDDEN, SHELVES, ClipFiles
from mula_daemon.clips.library import Library
from mula_daemon.clips.recipe import MadeBy, Performance, Recipe, to_json

RECIPE = Recipe(
    id="",
    job="job1",
    take=0,
    created="2025-06-01T12:00:00.000Z",
    engine=MadeBy("mini", "1"),
    tags=("techno",),
    tags_b=(),
    lyrics="",
    seed=1,
    bpm=120.0,
    bars=1,
    meter="4/4",
    key="Amin",
    seconds=2.0,
    sample_rate=48000,
    peak_dbfs=-1.0,
    loudness_lufs=-14.0,
    warnings=(),
    parent=None,
    knobs=Performance({"cfg": 3.0}, ()),
    codes=None,
    stems={},
    midi=None,
    status=Status.NEW,
)


def put_clip(library: Library, clip_id: str, place: str = "", **fields: object) -> ClipFiles:
    """A clip of four tiny files and a sidecar; each file holds its own name."""
    files = ClipFiles(library.folder / place, f"clip_{clip_id}")
    companions = [files.codes, files.midi, files.stem("kick")]
    for path in (*companions, files.wav):
        path.parent.mkdir(parents=bool(place), exist_ok=True)
        path.write_text(path.name)
    recipe = replace(
        RECIPE,
        id=clip_id,
        codes=files.codes.name,
        midi=files.relative(files.midi),
        stems={"kick": files.relative(files.stem("kick"))},
        **fields,
    )
    files.sidecar.write_text(to_json(recipe))
    return files


def everything(folder: Path) -> list[Path]:
    """Every file below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def check_whole(library: Library, ids: list[str], stayed: frozenset[Path] = frozenset()) -> None:
    """Each clip is complete on the shelf its sidecar names, and nothing else lies about.

    ``stayed`` are old names of WAVs that a DAW may hold.
    """
    problems: list[object] = []
    clips = library.clips(problems.append)
    assert problems == []
    assert Counter(clip.recipe.id for clip in clips) == Counter(ids)
    expected: set[Path] = set()
    for clip in clips:
        files = clip.files()
        assert len(files) == 5
        for path in files:
            if path != clip.sidecar:
                assert path.read_text() == path.name
        assert clip.path.parent == library.folder / SHELVES[clip.recipe.status]
        expected.update(files)
    assert set(everything(library.folder)) - stayed == expected


def check_findable(library: Library, ids: list[str]) -> None:
    """Nothing is lost, even before anybody mended it: each clip is listed once, with its WAV
    and its sidecar, and each of its other files is somewhere."""
    problems: list[object] = []
    clips = library.clips(problems.append)
    assert problems == []
    assert Counter(clip.recipe.id for clip in clips) == Counter(ids)
    places = [library.folder / shelf for shelf in SHELVES.values()]
    for clip in clips:
        assert clip.path.read_text() == clip.path.name
        files = [ClipFiles(place, clip.path.stem) for place in places]
        for names in ([one.codes for one in files], [one.midi for one in files],
                      [one.stem("kick") for one in files]):  # fmt: skip
            assert any(path.exists() for path in names)
    assert (library.folder / HIDDEN).is_dir()
