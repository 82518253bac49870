"""The files that REAPER and ReaPack read besides the scripts."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
import yaml

from mula_bridge.control.knobs import KNOBS
from mula_bridge.errors import BadInput
from mula_bridge.mapping.bundled import bundled_folder
from mula_bridge.mapping.file import load_mapping
from mula_bridge.surfaces.reaper_index import index, main, read_header

FOLDER = Path(__file__).parents[3] / "bridge" / "reaper"


def test_the_index_in_the_repository_is_the_one_of_the_headers() -> None:
    kept = (FOLDER / "index.xml").read_text()
    assert kept == index(FOLDER), "write it again: make docs"
    assert main(["--check", str(FOLDER / "index.xml")]) == 0
    assert main(["--check", str(FOLDER / "index.xml"), "--base-url", "https://else/"]) == 1


def test_every_file_of_the_scripts_is_in_the_index_once() -> None:
    sources = [source.text or "" for source in Xml.fromstring(index(FOLDER, "")).iter("source")]
    files = [path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("Mula/**/*.lua")]
    assert sorted(sources) == sorted([*files, "Mula/mula_knobs.jsfx"])


def test_a_header_without_a_version_is_an_error(tmp_path: Path) -> None:
    script = tmp_path / "x.lua"
    script.write_text("-- @description x\n-- @author y\n")
    with pytest.raises(BadInput, match="no @version"):
        read_header(script)


def sliders() -> dict[int, tuple[int, str]]:
    """CC -> default and name, from the effect's text."""
    text = (FOLDER / "Mula" / "mula_knobs.jsfx").read_text()
    found = re.findall(r"^slider\d:(\d+)<0,127,1>(.+) \(CC (\d+)\)$", text, re.M)
    return {int(cc): (int(default), name) for default, name, cc in found}


@pytest.mark.parametrize("name", ["generic-8-knobs", "reaper-jsfx"])
def test_the_effects_sliders_are_the_knobs_of_the_maps(name: str) -> None:
    content = yaml.safe_load((bundled_folder() / f"{name}.yaml").read_text())
    (controller,) = content["controllers"].values()
    knobs = {
        controller["controls"][binding["from"].partition(".")[2]]["cc"]: binding["to"]
        for binding in content["bindings"]
        if "to" in binding
    }
    assert knobs.keys() == sliders().keys()
    for cc, knob in knobs.items():
        default, _ = sliders()[cc]
        assert default == round(KNOBS[knob].to_norm(KNOBS[knob].default) * 127), knob


def test_the_pattern_file_sends_what_the_map_binds() -> None:
    patterns = (FOLDER / "Mula.ReaperOSC").read_text()
    addresses = set(re.findall(r"[nfti]((?:/[a-z@]+)+)", patterns))
    mapping = load_mapping(
        [bundled_folder() / "presets.yaml", bundled_folder() / "reaper-osc.yaml"]
    )
    assert mapping.osc
    for binding in mapping.osc:
        plain = re.sub(r"/\d+", "/@", binding.control.address)
        assert plain in addresses, binding.control.address
