from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import MappingProxyType

import pytest

from mula_bridge.control.presets import Preset, find_preset
from mula_bridge.errors import BadInput, Busy, Unavailable
from mula_daemon.steering.preset_store import MOST_PRESETS, PresetStore

SHIPPED = {"soft": Preset({"cfg": 1.5}), "hard": Preset({"cfg": 3.0})}
MINE = Preset({"cfg": 2.5, "top_k": 30}, ("techno",), (), "la")


def test_what_is_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "presets.json"
    assert PresetStore(SHIPPED, file).save("mine", MINE) == "mine"
    again = PresetStore(SHIPPED, file).presets()
    assert list(again) == ["soft", "hard", "mine"]
    assert again["mine"] == MINE
    assert [path.name for path in file.parent.iterdir()] == ["presets.json"]


def test_numbers_overwrite_in_place_and_the_next_one_is_new(tmp_path: Path) -> None:
    store = PresetStore(SHIPPED, tmp_path / "presets.json")
    assert store.save(2, MINE) == "hard"
    assert store.presets()["hard"] == MINE
    assert store.save(3, MINE) == "preset-3"
    with pytest.raises(BadInput, match="1 to 3"):
        store.save(5, MINE)


@pytest.mark.parametrize(
    "name",
    ["", "  ", "7", "x" * 65, "x" * 5000, "a\nb", "../../x", "a\\b", "..", "a\0", "a\ud83d"],
    ids=range(11),
)
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match="name"):
        PresetStore(SHIPPED).save(name, MINE)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"version": 9, "presets": {}}', '{"version": 1, "presets": [1]}'],
)  # fmt: skip
def test_a_broken_file_is_named_and_never_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / "presets.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"presets\.json"):
        PresetStore(SHIPPED, file)
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"version": 2, "presets": {}}, "field version must be 1, not 2"),
        ({"version": 1, "presets": 1}, "field presets must be an object, not 1"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_place(
    tmp_path: Path, content: object, words: str
) -> None:
    file = tmp_path / "presets.json"
    file.write_text(json.dumps(content))
    with pytest.raises(BadInput, match=rf"presets\.json: .*{words}.*; mend or move it"):
        PresetStore(SHIPPED, file)


SPOILT = {
    "tags": ({"tags": "a"}, "preset x: field tags must be a list"),
    "knob": ({"knobs": {"cgf": 1}}, "preset x: unknown knob 'cgf'; did you mean cfg"),
    "key": ({"knobs": {"key": "H"}}, "preset x: unknown key 'H'"),
    "huge": ({"knobs": {"bars": 10**400}}, "preset x: knob 'bars' takes a smaller number"),
    "infinite": ({"knobs": {"cfg": float("inf")}}, "preset x: knob 'cfg' takes a finite number"),
    "lyrics": ({"lyrics": 1}, "preset x: field lyrics must be a text"),
    "number": (7, "preset x"),
}


@pytest.mark.parametrize(("entry", "words"), SPOILT.values(), ids=SPOILT)
def test_a_bad_preset_spoils_no_other_and_is_not_lost(
    tmp_path: Path, entry: object, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "presets.json"
    good = {"knobs": {"cfg": 2.5}}
    file.write_text(json.dumps({"version": 1, "presets": {"a": good, "x": entry, "z": good}}))
    store = PresetStore({}, file)
    assert list(store.presets()) == ["a", "z"]
    assert words in caplog.text
    store.save("mine", MINE)
    kept = json.loads(file.read_text())["presets"]
    assert kept.keys() == {"a", "x", "z", "mine"}
    assert kept["x"] == entry
    store.save("x", MINE)  # another one in its place
    assert PresetStore({}, file).presets()["x"] == MINE


def test_a_file_that_an_editor_saved_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "presets.json"
    PresetStore({}, file).save("mine", MINE)
    file.write_text(file.read_text(), encoding="utf-8-sig")
    assert PresetStore({}, file).presets() == {"mine": MINE}


def test_a_text_that_could_not_be_read_again_is_not_saved(tmp_path: Path) -> None:
    file = tmp_path / "presets.json"
    store = PresetStore({}, file)
    with pytest.raises(BadInput, match="surrogates"):
        store.save("mine", Preset({}, lyrics="half \ud83d"))
    assert store.presets() == {}
    assert not file.exists()


def test_a_save_that_fails_changes_nothing(tmp_path: Path) -> None:
    wall = tmp_path / "wall"
    store = PresetStore(SHIPPED, wall / "presets.json")
    wall.write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="not saved"):
        store.save("mine", MINE)
    assert "mine" not in store.presets()


def test_of_two_drafts_of_one_name_the_first_is_written_where_the_second_is_taken_back(
    tmp_path: Path,
) -> None:
    file = tmp_path / "presets.json"
    store = PresetStore({}, file)
    first = store.put("mine", MINE)
    second = store.put("mine", Preset({"cfg": 4.0}))
    store.take_back(second)
    assert store.presets() == {"mine": MINE}
    store.write(first)
    assert PresetStore({}, file).presets() == {"mine": MINE}


def test_a_draft_that_fails_takes_nothing_from_the_one_behind_it(tmp_path: Path) -> None:
    """It is over a preset of that name, so that what is not written could pass for written."""
    wall = tmp_path / "wall"
    file = wall / "presets.json"
    PresetStore({}, file).save("mine", MINE)
    store = PresetStore({}, file)
    drafts = [store.put("mine", Preset({"cfg": cfg})) for cfg in (3.0, 4.0)]
    wall.rename(tmp_path / "away")
    wall.write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="not saved"):
        store.write(drafts[0])
    assert store.presets()["mine"].knobs == {"cfg": 4.0}
    wall.unlink()
    (tmp_path / "away").rename(wall)
    store.write(drafts[1])
    assert PresetStore({}, file).presets()["mine"].knobs == {"cfg": 4.0}


def test_a_preset_is_in_the_file_also_when_that_was_deleted_since(tmp_path: Path) -> None:
    file = tmp_path / "presets.json"
    store = PresetStore({}, file)
    store.save("mine", MINE)
    file.unlink()
    store.save("mine", MINE)
    assert PresetStore({}, file).presets() == {"mine": MINE}


def test_the_next_number_never_saves_over_a_preset_of_that_name() -> None:
    store = PresetStore(SHIPPED)
    store.save("preset-4", MINE)
    assert store.save(4, Preset({"cfg": 5.0})) == "preset-5"
    assert store.presets()["preset-4"] == MINE


def test_names_that_look_alike_are_one_and_those_of_another_case_are_not() -> None:
    store = PresetStore({})
    for spelt in ("Cafe\u0301", "Caf\u00e9", "caf\u00e9"):
        store.save(spelt, MINE)
    assert list(store.presets()) == ["Caf\u00e9", "caf\u00e9"]
    assert find_preset(store.presets(), "Cafe\u0301") is store.presets()["Caf\u00e9"]


def test_any_thread_may_put_and_no_more_are_kept_than_may_be() -> None:
    """Many at once, of which exactly so many are told that they are kept."""
    store, kept = PresetStore({}), list[str]()

    def put(thread: int) -> None:
        for number in range(80):
            with suppress(Busy):
                kept.append(store.put(f"{thread} {number}", MINE).name)

    threads = [Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(kept) == sorted(store.presets())
    assert len(kept) == MOST_PRESETS


@pytest.mark.skipif(sys.platform == "win32", reason="flushes no folders")
def test_a_preset_that_is_saved_would_outlive_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is flushed before it takes its place, and its folder after that."""
    file, seen = tmp_path / "presets.json", list[tuple[str, bool]]()
    fsync = os.fsync

    def flushed(fd: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"
        seen.append((kind, file.exists()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", flushed)
    PresetStore({}, file).save("mine", MINE)
    assert seen == [("file", False), ("folder", True)]


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    file = tmp_path / "presets.json"
    PresetStore({}, file).save("mine", MINE)
    assert json.loads(file.read_text())["presets"]["mine"]["knobs"] == {"cfg": 2.5, "top_k": 30}


def test_the_file_is_written_as_ever(tmp_path: Path) -> None:
    file = tmp_path / "presets.json"
    PresetStore({}, file).save("é", Preset(MappingProxyType({"cfg": 2.0, "key": "Amin"})))
    assert file.read_text() == (
        '{\n "version": 1,\n "presets": {\n  "\\u00e9": {\n   "knobs": {\n    "cfg": 2.0,\n'
        '    "key": "Amin"\n   },\n   "tags": null,\n   "tags_b": null,\n   "lyrics": null\n  }\n'
        " }\n}"
    )
