from __future__ import annotations

import json
from pathlib import Path

import pytest

from mula_bridge.control.presets import Preset
from mula_bridge.errors import BadInput, Unavailable
from mula_daemon.steering.preset_store import PresetStore

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


@pytest.mark.parametrize("name", ["", "  ", "7", "x" * 65, "a\nb"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match="name"):
        PresetStore(SHIPPED).save(name, MINE)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"version": 9, "presets": {}}',
     '{"version": 1, "presets": {"x": {"knobs": {"cgf": 1}, "tags": null, "tags_b": null, '
     '"lyrics": null}}}'],
)  # fmt: skip
def test_a_broken_file_is_named_and_never_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / "presets.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"presets\.json"):
        PresetStore(SHIPPED, file)
    assert file.read_text() == text


def test_a_save_that_fails_changes_nothing(tmp_path: Path) -> None:
    wall = tmp_path / "wall"
    store = PresetStore(SHIPPED, wall / "presets.json")
    wall.write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="not saved"):
        store.save("mine", MINE)
    assert "mine" not in store.presets()


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    file = tmp_path / "presets.json"
    PresetStore({}, file).save("mine", MINE)
    assert json.loads(file.read_text())["presets"]["mine"]["knobs"] == {"cfg": 2.5, "top_k": 30}
