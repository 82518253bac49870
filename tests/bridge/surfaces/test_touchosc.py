"""The TouchOSC layout: what is in the file means something to the daemon."""

from __future__ import annotations

import zlib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mula_bridge.api import addresses
from mula_bridge.control.knobs import KNOBS, Effect
from mula_bridge.control.messages.commands import LoadPreset, SetKnob
from mula_bridge.control.messages.reports import (
    AuditionSettings,
    AuditionState,
    DeckChanged,
    EngineChanged,
    JobChanged,
    KnobChanged,
    LiveChanged,
    Progress,
)
from mula_bridge.control.messages.states import EngineState, JobState, Playing
from mula_bridge.surfaces.touchosc import HEIGHT, WIDTH, layout, write_layout

PRESETS = ("paper-default", "aggressive", "<jazz> & flow")
SENT = {"FLOAT": 1.0, "INTEGER": 1}


@pytest.fixture(scope="module")
def root() -> ET.Element:
    return ET.fromstring(zlib.decompress(layout(PRESETS)))


def nodes(root: ET.Element) -> list[ET.Element]:
    return root.findall("./node/children/node")


def name(node: ET.Element) -> str:
    return properties(node)["name"]


def properties(node: ET.Element) -> dict[str, str]:
    return {
        one.findtext("key", ""): one.findtext("value", "") for one in node.iter("property")
    }  # fmt: skip


def frame(node: ET.Element) -> dict[str, int]:
    found = node.find("./properties/property[key='frame']/value")
    assert found is not None
    return {part.tag: int(part.text or "") for part in found}


def osc(node: ET.Element) -> ET.Element | None:
    return node.find("./messages/osc")


def path(message: ET.Element) -> str:
    return "".join(part.findtext("value", "") for part in message.findall("./path/partial"))


def arguments(message: ET.Element) -> list[tuple[str, str, str]]:
    return [
        (one.findtext("type", ""), one.findtext("conversion", ""), one.findtext("value", ""))
        for one in message.findall("./arguments/partial")
    ]


def test_the_file_is_one_zlib_stream_of_lexml(tmp_path: Path) -> None:
    write_layout(tmp_path / "mula.tosc", PRESETS)
    data = (tmp_path / "mula.tosc").read_bytes()
    assert data == layout(PRESETS)
    text = zlib.decompress(data).decode("utf-8")
    assert text.startswith("<?xml version='1.0' encoding='UTF-8'?>")
    root = ET.fromstring(text)
    assert (root.tag, root.get("version"), len(root)) == ("lexml", "3", 1)
    ids = [node.get("ID") for node in root.iter("node")]
    assert len(ids) == len(set(ids))


def test_everything_that_is_sent_is_understood(root: ET.Element) -> None:
    sent = 0
    for node in nodes(root):
        message = osc(node)
        if message is None or message.findtext("send") != "1":
            continue
        args = tuple(
            SENT[conversion] if kind == "VALUE" else value
            for kind, conversion, value in arguments(message)
        )
        assert addresses.decode(path(message), args) is not None, name(node)
        sent += 1
    assert sent > 10


def test_everything_that_is_heard_is_sent_by_the_daemon(root: ET.Element) -> None:
    reports = [
        *(KnobChanged(one, row.default, 0.5) for one, row in KNOBS.items()),
        EngineChanged(EngineState.READY, "mini"),
        JobChanged("job1", JobState.RUNNING),
        Progress("job1", 0.5),
        AuditionState("a", Playing.PLAYING, 1.5, 16, True, True),
        AuditionSettings(quantise=4),
        DeckChanged("a", 1, 8, "techno"),
        LiveChanged(True),
    ]
    said = {address: args for report in reports for address, args in addresses.encode(report)}
    for node in nodes(root):
        message = osc(node)
        if message is not None and message.findtext("receive") == "1":
            wanted = arguments(message)
            assert len(said[path(message)]) >= len(wanted)
            shown = said[path(message)][len(wanted) - 1]
            assert isinstance(shown, float) or wanted[-1][1] != "FLOAT"


def test_each_frame_knob_has_a_fader_with_its_name_and_value(root: ET.Element) -> None:
    found = {name(node): node for node in nodes(root)}
    live = [one for one, row in KNOBS.items() if row.effect is Effect.FRAME]
    for one in (*live, "takes", "bars"):
        fader = found[one]
        message = osc(fader)
        assert fader.get("type") == "FADER" and message is not None
        assert path(message) == f"/mula/norm/{one}"
        assert message.findtext("receive") == message.findtext("send") == "1"
        assert message.findtext("feedback") == "0"
        assert addresses.decode(path(message), (0.5,)) == SetKnob(one, 0.5, norm=True)
        value = osc(found[f"{one} value"])
        assert value is not None and path(value) == f"/mula/knob/{one}"
        start = float(fader.findtext("./values/value[key='x']/default", ""))
        assert start == pytest.approx(KNOBS[one].to_norm(KNOBS[one].default), abs=1e-5)
    assert frame(found["genre_strength"])["w"] > 1.8 * frame(found["cfg"])["w"]


def test_presets_have_buttons(root: ET.Element) -> None:
    loaded = []
    for node in nodes(root):
        message = osc(node)
        if message is not None and path(message) == "/mula/preset/load":
            (argument,) = arguments(message)
            loaded.append(addresses.decode(path(message), (argument[2],)))
    assert loaded == [LoadPreset(preset) for preset in PRESETS]
    assert layout() != layout(PRESETS)


def test_controls_lie_on_the_canvas_and_not_on_each_other(root: ET.Element) -> None:
    boxes = []
    for node in nodes(root):
        box = frame(node)
        assert box["x"] >= 0 and box["x"] + box["w"] <= WIDTH, name(node)
        assert box["y"] >= 0 and box["y"] + box["h"] <= HEIGHT, name(node)
        assert min(box["w"], box["h"]) >= 32
        if node.get("type") != "LABEL":
            boxes.append(box)
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart = (
                one["x"] + one["w"] <= other["x"]
                or other["x"] + other["w"] <= one["x"]
                or one["y"] + one["h"] <= other["y"]
                or other["y"] + other["h"] <= one["y"]
            )
            assert apart
