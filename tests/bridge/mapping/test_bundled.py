"""The shipped mapping files: found, valid, and named."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from mula_bridge.errors import BadInput, Unavailable, UnknownName
from mula_bridge.mapping import bundled
from mula_bridge.mapping.bundled import (
    BASE,
    bundled_folder,
    bundled_names,
    find_mapping,
    mapping_paths,
)
from mula_bridge.mapping.file import load_mapping

NAMES = [
    "akai-mpk-mini",
    "behringer-x-touch-mini",
    "footswitch",
    "generic-8-knobs",
    "korg-nanokontrol2",
    "max-for-live-cc",
    "novation-launch-control-xl",
    "reaper-jsfx",
    "reaper-osc",
    "touchosc",
]


def test_all_of_them_are_there() -> None:
    assert bundled_names() == NAMES


def test_what_a_mac_leaves_beside_them_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (f"{BASE}.yaml", "mine.yaml", "._mine.yaml"):
        (tmp_path / name).write_text("version: 1\n")
    monkeypatch.setattr(bundled, "bundled_folder", lambda: tmp_path)
    assert bundled_names() == ["mine"]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_valid_on_top_of_the_base(name: str) -> None:
    mapping = load_mapping(mapping_paths(name))
    assert len(mapping.bindings) + len(mapping.osc) >= 3


def test_all_of_them_fit_together() -> None:
    # reaper-jsfx stands in for the generic map: the same numbers, without takeover.
    names = [name for name in NAMES if name != "reaper-jsfx"]
    together = load_mapping(mapping_paths(*names))
    alone = [load_mapping(mapping_paths(name)) for name in names]
    assert len(together.bindings) == sum(len(mapping.bindings) for mapping in alone)
    assert len(together.osc) == sum(len(mapping.osc) for mapping in alone)


def test_the_base_has_the_recipes_and_the_curve() -> None:
    mapping = load_mapping(mapping_paths())
    assert list(mapping.presets) == ["paper-default", "aggressive", "jazz-flow"]
    assert mapping.preset(3)[1] == {"cfg": 2.0, "temperature": 1.1, "top_k": 50}
    curve = mapping.genre_strength
    assert curve is not None
    assert curve.at(0) == dict(mapping.preset("paper-default")[1])
    assert curve.at(0.6) == dict(mapping.preset("aggressive")[1])
    assert curve.at(1) == {"cfg": 4.0, "temperature": 0.75, "top_k": 30}


def test_a_file_of_ones_own_goes_by_its_path(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("version: 1\n")
    assert mapping_paths(str(mine)) == [bundled_folder() / f"{BASE}.yaml", mine]


def test_names_that_are_not_there() -> None:
    with pytest.raises(UnknownName, match="did you mean korg-nanokontrol2"):
        find_mapping("korg-nanocontrol2")
    with pytest.raises(BadInput, match=r"no mapping file gone\.yaml"):
        find_mapping("gone.yaml")


@pytest.mark.parametrize("name", ["../pyproject", "/etc/passwd", "", "."])
def test_a_name_is_not_a_way_out_of_the_folder(name: str) -> None:
    with pytest.raises(UnknownName):
        find_mapping(name)


def install(monkeypatch: pytest.MonkeyPatch, prefix: Path) -> Path:
    """As if the module stood in site-packages of an environment at ``prefix``."""
    module = (
        prefix / "lib" / "python3.11" / "site-packages" / "mula_bridge" / "mapping" / "bundled.py"
    )
    monkeypatch.setattr(bundled, "__file__", str(module))
    monkeypatch.setattr(sysconfig, "get_path", lambda _name, _scheme: str(prefix))
    return prefix / "share" / "mulabridge" / "mappings"


def test_installed_they_are_in_the_environments_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = install(monkeypatch, tmp_path)
    folder.mkdir(parents=True)
    (folder / "presets.yaml").write_text("version: 1\n")
    assert bundled_folder() == folder


def test_installed_into_a_folder_they_are_beside_the_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, tmp_path)
    folder = tmp_path / "lib" / "python3.11" / "site-packages" / "share" / "mulabridge" / "mappings"
    folder.mkdir(parents=True)
    (folder / "presets.yaml").write_text("version: 1\n")
    assert bundled_folder() == folder


def test_a_broken_installation_says_where_it_looked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = install(monkeypatch, tmp_path)
    with pytest.raises(Unavailable, match=f"no mapping files in {folder}"):
        bundled_folder()
