"""The schema for editors: fresh, and of one mind with the reader."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mula_bridge.control.actions import ACTIONS
from mula_bridge.control.encoders import Encoding
from mula_bridge.control.knobs import KNOBS
from mula_bridge.mapping.bundled import bundled_folder
from mula_bridge.mapping.schema import main, schema, text

FILE = bundled_folder() / "schema.json"
MAPS = sorted(bundled_folder().glob("*.yaml"))


def test_the_shipped_one_is_fresh() -> None:
    assert main(["--check", str(FILE)]) == 0, "write it again: make docs"


def test_a_stale_one_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "schema.json"
    assert main(["--check", str(file)]) == 1
    assert "stale" in capsys.readouterr().err
    assert main(["--write", str(file)]) == 0
    assert main(["--check", str(file)]) == 0
    assert main([]) == 0
    assert capsys.readouterr().out == text() == file.read_text()


def test_it_knows_every_knob_action_and_encoding() -> None:
    binding = schema()["properties"]["bindings"]["items"]["properties"]
    assert binding["to"]["enum"] == list(KNOBS)
    assert len(binding["do"]["anyOf"]) == len(ACTIONS)
    controller = schema()["properties"]["controllers"]["additionalProperties"]["properties"]
    control = controller["controls"]["additionalProperties"]["properties"]
    assert control["mode"]["enum"] == [str(encoding) for encoding in Encoding]
    assert schema()["properties"]["presets"]["additionalProperties"]["properties"].keys() == set(
        KNOBS
    )


@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.stem)
def test_every_shipped_map_names_it(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=schema.json"


class Editor(yaml.SafeLoader):
    """YAML 1.2, as editors read it: ``on`` and ``off`` are words."""


Editor.yaml_implicit_resolvers = {
    char: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":bool")]
    for char, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Editor.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


def read(text: str) -> Any:
    return yaml.load(text, Loader=Editor)


GOOD = [
    "bindings: [{from: {cc: 1, channel: any}, to: cfg, range: [1, 4], takeover: pickup}]",
    "bindings: [{from: {cc: 1, bits: 14, order: lsb_first, port: 'x*'}, to: cfg}]",
    "bindings: [{from: {program_change: any}, do: preset.load}]",
    "bindings: [{from: {pitch_bend: true, channel: 3}, to: gain_db, feedback: false}]",
    "bindings: [{from: {osc: /1/fader1, range: [0, 1]}, to: cfg}]",
    "bindings: [{from: a.b, do: reset cfg}, {from: a.c, do: tag dark, feedback: state}]",
    "controllers: {a: {in: x, out: y, controls: {e: {cc: 2, mode: binary_offset, step: 0.1}}}}",
    "controllers: {a: {controls: {p: {note: 3, led: {cc: 1, on: 3, off: 1}}}}}",
    "presets: {a: {cfg: 1, key: Amin}}\ngenre_strength: [{at: 0, cfg: 1}]",
]
BAD = [
    "bindings: [{from: {cc: 128}, to: cfg}]",
    "bindings: [{from: {cc: 1, note: 2}, to: cfg}]",
    "bindings: [{from: {cc: 1}, to: cgf}]",
    "bindings: [{from: {cc: 1}, do: reset cgf}]",
    "bindings: [{from: {cc: 1}, do: stop, to: cfg}]",
    "bindings: [{from: {cc: 1}}]",
    "bindings: [{to: cfg}]",
    "bindings: [{from: {cc: 1}, do: generate now}]",
    "bindings: [{from: {osc: /mula/knob/cfg}, to: cfg}]",
    "bindings: [{from: {osc: 1/fader}, to: cfg}]",
    "bindings: [{from: {cc: 1, mode: relative}, to: cfg}]",
    "bindings: [{from: {osc: /a//b}, to: cfg}]",
    "bindings: [{from: {osc: '/ü'}, to: cfg}]",
    "bindings: [{from: {cc: 1}, to: cfg, range: [1, 1]}]",
    "controllers: {a: {controls: {p: {cc: 3, channel: 17}}}}",
    "controllers: {a: {controls: {p: {cc: 3, port: x}}}}",
    "controllers: {a: {controls: {p: {cc: 3, led: {on: 1}}}}}",
    "controllers: {a: {in: ''}}",
    "controllers: {a.b: {}}",
    "presets: {'7': {cfg: 1}}",
    "presets: {a: {cfg: 9}}",
    "presets: {a: {key: H}}",
    "genre_strength: [{cfg: 1}]",
    "binding: []",
]


class TestWithAnIndependentValidator:
    """Editors validate by the JSON schema standard, and so does this package."""

    def errors(self, document: Any) -> list[str]:
        jsonschema = pytest.importorskip("jsonschema")
        validator = jsonschema.Draft7Validator(schema())
        validator.check_schema(schema())
        return [error.message for error in validator.iter_errors(document)]

    @pytest.mark.parametrize("path", MAPS, ids=lambda path: path.stem)
    def test_every_shipped_map_is_valid(self, path: Path) -> None:
        assert self.errors(read(path.read_text(encoding="utf-8"))) == []

    @pytest.mark.parametrize("body", GOOD)
    def test_what_is_right(self, body: str) -> None:
        assert self.errors(read(f"version: 1\n{body}")) == []

    @pytest.mark.parametrize("body", BAD)
    def test_what_is_wrong(self, body: str) -> None:
        assert self.errors(read(f"version: 1\n{body}")) != []
