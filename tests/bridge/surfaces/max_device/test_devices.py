"""The devices: committed as the tables make them, and sound by every check there is without Max."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from mula_bridge.api import addresses
from mula_bridge.control.knobs import FRAME_KNOBS, KNOBS
from mula_bridge.errors import BadInput
from mula_bridge.surfaces.max_device import audio_effect
from mula_bridge.surfaces.max_device.files import AUDIO_EFFECT, MIDI_EFFECT, files
from mula_bridge.surfaces.max_device.patch import HEIGHT
from mula_daemon.cli.max import main
from mula_daemon.engine.mini.tags import ENERGIES, GENRES, INSTRUMENTS, MOODS
from support.amxd import Amxd, read_amxd

COMMITTED = Path(__file__).parents[4] / "max_for_live"
VOCABULARY = {"genre": GENRES, "mood": MOODS, "energy": ENERGIES, "instrument": INSTRUMENTS}
MADE = files(VOCABULARY)
DEVICES = [name for name in MADE if name.endswith(".amxd")]
_WIDE = 5.6
"""Pixels that a character of a 10 px label takes at most on average."""

Box = dict[str, Any]


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> Amxd:
    return read_amxd(MADE[request.param])


def boxes(device: Amxd) -> list[Box]:
    return [entry["box"] for entry in device.patcher["boxes"]]


def parameters(device: Amxd) -> Iterator[tuple[Box, dict[str, Any]]]:
    for box in boxes(device):
        if box.get("parameter_enable"):
            yield box, box["saved_attribute_attributes"]["valueof"]


def seen(device: Amxd) -> list[Box]:
    return [box for box in boxes(device) if box.get("presentation")]


@pytest.mark.parametrize("name", MADE)
def test_what_is_committed_is_what_the_tables_make(name: str) -> None:
    assert (COMMITTED / name).read_bytes() == MADE[name]


def test_mula_max_writes_and_checks_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--check"]) == 0
    (tmp_path / "Mula.amxd").write_bytes(b"old")
    assert main([str(tmp_path), "--check"]) == 1
    assert "Mula.amxd is stale" in capsys.readouterr().err


def test_without_a_folder_they_go_where_lives_browser_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mula_daemon.settings.live_user_library", lambda: tmp_path)
    assert main([]) == 0
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert found == {
        "Presets/Audio Effects/Max Audio Effect/Mula.amxd",
        "Presets/MIDI Effects/Max MIDI Effect/Mula CC.amxd",
    }
    monkeypatch.setattr("mula_daemon.settings.live_user_library", lambda: None)
    with pytest.raises(BadInput, match="name a folder"):
        main([])


@pytest.mark.parametrize("name", [name for name in DEVICES if "/" in name])
def test_m4l_builder_reads_them(name: str) -> None:
    m4l = pytest.importorskip("m4l_builder.device")
    read = m4l.Device.from_amxd(str(COMMITTED / name))
    wanted = read_amxd(MADE[name])
    assert read.device_type == {"aaaa": "audio_effect", "mmmm": "midi_effect"}[wanted.code]
    assert [entry["box"] for entry in read.boxes] == boxes(wanted)
    assert read.lines == wanted.patcher["lines"]
    assert read.width == wanted.patcher["devicewidth"]


def test_py2max_finds_nothing_wrong(device: Amxd, tmp_path: Path) -> None:
    py2max = pytest.importorskip("py2max")
    path = tmp_path / "device.maxpat"
    path.write_text(json.dumps({"patcher": device.patcher}))
    assert [str(finding) for finding in py2max.Patcher.from_file(str(path)).lint()] == []


def test_a_frozen_device_has_the_scripts_it_asks_for() -> None:
    device = read_amxd(MADE[AUDIO_EFFECT])
    asked = [entry["name"] for entry in device.patcher["dependency_cache"]]
    assert [member.name for member in device.members] == [AUDIO_EFFECT, *asked]
    for member in device.members[1:]:
        assert member.data == MADE[f"unfrozen/{member.name}"]
    used = {box.get("filename") for box in boxes(device)}
    used |= {box.get("saved_object_attributes", {}).get("filename") for box in boxes(device)}
    assert used - {None} == set(asked)


def test_names_of_parameters_are_unique_and_listed(device: Amxd) -> None:
    longs = [value["parameter_longname"] for _, value in parameters(device)]
    assert len(longs) == len(set(longs))
    listed = dict(device.patcher["parameters"])
    bank = listed.pop("parameterbanks")["0"]["parameters"]
    assert listed.pop("inherited_shortname") == 1
    assert listed == {
        box["id"]: [value["parameter_longname"], value["parameter_shortname"], 0]
        for box, value in parameters(device)
    }
    assert len(bank) == 8
    assert set(bank) - {"-"} <= set(longs)
    assert all(box["varname"] == value["parameter_longname"] for box, value in parameters(device))


def test_whole_parameters_fit_into_a_byte(device: Amxd) -> None:
    for _, value in parameters(device):
        if value["parameter_type"] == 1:
            assert 0 <= value["parameter_mmin"] < value["parameter_mmax"] <= 255
        if value["parameter_type"] == 2:
            assert value["parameter_mmax"] == len(value["parameter_enum"]) - 1 <= 255
        if value["parameter_type"] in (0, 1):
            low, high = value["parameter_mmin"], value["parameter_mmax"]
            assert low <= value["parameter_initial"][0] <= high


def test_everything_seen_is_inside_and_apart(device: Amxd) -> None:
    width = device.patcher["devicewidth"]
    assert device.patcher["openrect"] == [0.0, 0.0, width, HEIGHT]
    for box in seen(device):
        x, y, w, h = box["presentation_rect"]
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= HEIGHT
        assert [x, y, w, h] == [round(side) for side in (x, y, w, h)]
    for one, other in combinations(seen(device), 2):
        (ax, ay, aw, ah), (bx, by, bw, bh) = one["presentation_rect"], other["presentation_rect"]
        apart = ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
        assert apart, (one, other)


def test_words_fit_into_their_places(device: Amxd) -> None:
    for box in seen(device):
        width = box["presentation_rect"][2]
        words = [box["text"]] if "text" in box else []
        if box["maxclass"] == "live.dial":
            words = [box["saved_attribute_attributes"]["valueof"]["parameter_shortname"]]
        if box["maxclass"] == "live.menu":
            words = box["saved_attribute_attributes"]["valueof"]["parameter_enum"]
            width -= 14  # the arrow
        for word in words:
            assert len(word) * _WIDE <= width + 4, word


def test_cords_join_boxes_that_are_there(device: Amxd) -> None:
    ids = {box["id"]: box for box in boxes(device)}
    assert len(ids) == len(boxes(device))
    for line in device.patcher["lines"]:
        (source, outlet), (target, inlet) = (
            line["patchline"][end] for end in ("source", "destination")
        )
        assert outlet < ids[source]["numoutlets"]
        assert inlet < ids[target]["numinlets"]
    ends = {
        line["patchline"][end][0]
        for line in device.patcher["lines"]
        for end in ("source", "destination")
    }
    loose = [box for name, box in ids.items() if name not in ends]
    assert {box["maxclass"] for box in loose} <= {"live.comment", "panel"}


def test_the_project_names_the_kind_of_device(device: Amxd) -> None:
    assert device.patcher["project"]["amxdtype"] == int.from_bytes(device.code.encode(), "big")
    assert device.patcher["openinpresentation"] == 1


def test_every_control_explains_itself_in_lives_info_view(device: Amxd) -> None:
    for box in seen(device):
        if box["maxclass"] not in ("live.comment", "panel"):
            assert box["annotation"], box


def test_every_knob_of_the_table_has_a_control_with_its_range() -> None:
    device = read_amxd(MADE[AUDIO_EFFECT])
    ids = {box["id"]: box for box in boxes(device)}
    sources = {}
    for line in device.patcher["lines"]:
        (source, _), (target, _) = (line["patchline"][end] for end in ("source", "destination"))
        text = ids[target].get("text", "")
        if text.startswith("prepend knob "):
            sources[text.split()[-1]] = ids[source]
    assert set(sources) == set(KNOBS)
    for name, box in sources.items():
        value, knob = box["saved_attribute_attributes"]["valueof"], KNOBS[name]
        assert box["annotation"] == knob.description
        initial = value["parameter_initial"][0]
        if value["parameter_type"] == 2:
            assert str(value["parameter_enum"][initial]) == str(knob.default)
        else:
            assert initial == knob.default
            assert value["parameter_mmin"] == knob.minimum
            assert value["parameter_mmax"] == min(knob.maximum, 2**24)
    for name in ("genre_strength", *FRAME_KNOBS):
        assert sources[name]["maxclass"] == "live.dial"


def test_the_middle_of_a_dial_is_the_middle_of_the_knobs_travel() -> None:
    for _, value in parameters(read_amxd(MADE[AUDIO_EFFECT])):
        for name, (long, _) in audio_effect.DIALS.items():
            if value["parameter_longname"] == long:
                low, high = value["parameter_mmin"], value["parameter_mmax"]
                middle = low + (high - low) * 0.5 ** value["parameter_exponent"]
                assert middle == pytest.approx(KNOBS[name].taper.at(0.5), rel=1e-3)


def test_every_button_sends_what_the_daemon_takes() -> None:
    for address in audio_effect.addresses():
        addresses.decode(address, (1,))
    addresses.decode("/mula/more", ("", 3, "live-1"))  # as the script sends it


def test_the_patch_calls_functions_that_the_script_has_and_the_script_names_controls() -> None:
    script = MADE[f"unfrozen/{audio_effect.SCRIPT}"].decode()
    texts = [box.get("text", "") for box in boxes(read_amxd(MADE[AUDIO_EFFECT]))]
    called = {text.split()[1] for text in texts if text.startswith("prepend ")} | {"init"}
    assert called == {"knob", "menu", "words", "press", "toggle", "placing", "init"}
    assert all(f"\nfunction {name}(" in script for name in called)
    (route,) = (text.split()[1:] for text in texts if text.startswith("route genre"))
    assert len(route) == len(set(route))
    shown = set(re.findall(r'outlet\(UI, "(\w+)",', script))
    assert shown | {*KNOBS} <= {*route}


def test_the_midi_effect_lets_midi_through_and_sends_the_maps_numbers() -> None:
    texts = [box.get("text", "") for box in boxes(read_amxd(MADE[MIDI_EFFECT]))]
    assert {"midiin", "midiout"} <= set(texts)
    assert {f"ctlout {number} 1" for number in (*range(102, 108), 111, 112, 114)} <= set(texts)
