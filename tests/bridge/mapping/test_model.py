"""Ports by name, and presets by name and number."""

from __future__ import annotations

import pytest

from mula_bridge.errors import BadInput, UnknownName
from mula_bridge.mapping.model import Mapping
from mula_bridge.midi.port_names import port_matches

PRESETS = Mapping(presets={"paper-default": {"cfg": 1.5}, "aggressive": {"cfg": 3.0}})


@pytest.mark.parametrize(
    ("pattern", "port", "matches"),
    [
        ("nanoKONTROL2*", "nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTRL 20:0", True),
        ("nanokontrol2*", "nanoKONTROL2 SLIDER/KNOB", True),
        ("nano*", "a2j:nanoKONTROL2 [20] (capture): CTRL", True),
        ("nano*", "MPK mini 3", False),
        ("*", "anything:at all", True),
        ("*", "Midi Through:Midi Through Port-0 14:0", False),
        ("midi through*", "Midi Through:Midi Through Port-0 14:0", True),
        ("", "x", False),
    ],
)
def test_ports_by_pattern(pattern: str, port: str, matches: bool) -> None:
    assert port_matches(pattern, port) is matches


def test_presets_by_name_and_number() -> None:
    assert PRESETS.preset("aggressive") == ("aggressive", {"cfg": 3.0})
    assert PRESETS.preset(1) == ("paper-default", {"cfg": 1.5})


@pytest.mark.parametrize("number", [0, 3, -1])
def test_numbers_out_of_range(number: int) -> None:
    with pytest.raises(BadInput, match="numbered 1 to 2"):
        PRESETS.preset(number)


def test_an_unknown_name() -> None:
    with pytest.raises(UnknownName, match="did you mean aggressive"):
        PRESETS.preset("agressive")


def test_without_any_presets() -> None:
    with pytest.raises(BadInput, match="no presets"):
        Mapping().preset(1)
