"""The device's scripts under node, in a strict stand-in for Max and Live (``max_host.js``)."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

import pytest

from mula_bridge.surfaces.max_device import audio_effect
from mula_daemon.engine.mini.tags import ENERGIES, GENRES, INSTRUMENTS, MOODS

NODE = shutil.which("node")
HERE = Path(__file__).parent
SCENARIOS = HERE / "device_test.js"
VOCABULARY = {"genre": GENRES, "mood": MOODS, "energy": ENERGIES, "instrument": INSTRUMENTS}
# What Max's js object is: ECMAScript 5. Node has a parser inside that can hold us to it.
ES5 = """
const acorn = require("internal/deps/acorn/acorn/dist/acorn");
acorn.parse(require("fs").readFileSync(0, "utf-8"), {ecmaVersion: 5});
"""

pytestmark = [pytest.mark.node, pytest.mark.skipif(NODE is None, reason="node is not installed")]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What node said of each scenario: its TAP line by name, and all that follows it."""
    folder = tmp_path_factory.mktemp("scripts")
    script, display = folder / audio_effect.SCRIPT, folder / audio_effect.DISPLAY
    script.write_text(audio_effect.script(VOCABULARY))
    display.write_text(audio_effect.display_script())
    assert NODE is not None
    ran = subprocess.run(
        [NODE, "--test-reporter=tap", str(SCENARIOS)],
        capture_output=True,
        text=True,
        env={"MULA_SCRIPT": str(script), "MULA_DISPLAY": str(display)},
        timeout=60,
    )
    parts = re.split(r"^(?=ok |not ok )", ran.stdout, flags=re.MULTILINE)
    found = {}
    for part in parts[1:]:
        name = re.match(r"(?:not )?ok \d+ - (.*)", part)
        assert name
        found[name[1]] = part
    assert found, ran.stderr
    return found


def names() -> list[str]:
    return re.findall(r'^test\("(.*)", ', SCENARIOS.read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("name", names())
def test_scenario(name: str, outcomes: dict[str, str]) -> None:
    assert outcomes[name].startswith("ok"), outcomes[name]


def test_no_scenario_failed(outcomes: dict[str, str]) -> None:
    failed = [part for part in outcomes.values() if not part.startswith("ok")]
    assert not failed, "\n".join(failed)
    assert len(outcomes) >= len(names())


@pytest.mark.parametrize("text", [audio_effect.script(VOCABULARY), audio_effect.display_script()])
def test_it_is_es5_as_max_wants_it(text: str) -> None:
    assert NODE is not None
    parsed = subprocess.run(
        [NODE, "--expose-internals", "-e", ES5], input=text, capture_output=True, text=True
    )
    assert parsed.returncode == 0, parsed.stderr


ASKED_OF_LIVE = {
    "Application": {"get_major_version", "get_minor_version", "get_bugfix_version"},
    "Song": {"tempo", "root_note", "scale_mode", "scale_intervals", "create_scene"},
    "Track": {"is_foldable", "has_audio_input", "is_frozen", "clip_slots"},
    "ClipSlot": {"has_clip", "create_audio_clip", "delete_clip", "clip"},
    "Clip": {"file_path", "is_playing", "warping", "looping", "loop_start", "loop_end"},
}


def test_what_it_asks_of_live_is_in_lives_own_type_stubs() -> None:
    try:
        stubs = distribution("ableton-live-stubs")
    except PackageNotFoundError:
        pytest.skip("ableton-live-stubs is not installed")
    for name, members in ASKED_OF_LIVE.items():
        tree = ast.parse(Path(str(stubs.locate_file(f"Live-stubs/{name}.pyi"))).read_text("utf-8"))
        (found,) = (
            node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name
        )
        if name == "Clip":
            members = {*members, *audio_effect.KEPT_OF_CLIPS}
        assert members <= {node.name for node in found.body if isinstance(node, ast.FunctionDef)}
    asked = set().union(*ASKED_OF_LIVE.values())
    text = files("mula_bridge.surfaces.max_device").joinpath("mula_live.js").read_text("utf-8")
    called = re.findall(r"(?:call|set|get|getcount)\(\"(\w+)\"", text)
    called += re.findall(r"number\([^;{]*?, \"(\w+)\"\)", text)
    called += re.findall(r"(\w+): (?:\d|beats)", text)
    called += re.findall(r"observed\.(\w+) =", text)
    assert {*called, "clip"} == asked
