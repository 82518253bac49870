"""A box is found by its name, whatever its system puts around that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.mapping.bundled import bundled_names, mapping_paths
from mula_bridge.mapping.file import load_mapping
from mula_bridge.midi.port_names import port_matches, port_pattern


@pytest.mark.parametrize(
    ("pattern", "port"),
    [
        ("nanoKONTROL2*", "2- nanoKONTROL2 1"),
        ("X-TOUCH MINI*", "3- X-TOUCH MINI 0"),
        ("MIDIIN2 (nanoKONTROL2)*", "MIDIIN2 (2- nanoKONTROL2) 3"),
        ("X-TOUCH MINI*", "x-touch  mini MIDI 1 28:0"),
        ("X-TOUCH MINI*", "X-TOUCH MINI:X-TOUCH MINI MIDI 1 28:0"),
        ("2- nanoKONTROL2*", "nanoKONTROL2 0"),
        ("2- nanoKONTROL2*", "14- nanoKONTROL2 1"),
        ("nanoKONTROL2*", "nanoKONTROL2 #2"),
        ("nanoKONTROL2 #2*", "nanoKONTROL2"),
        ("a2j:Box [[]20] (capture)*", "a2j:Box [28] (capture): knobs"),
    ],
)
def test_what_a_system_puts_around_a_name_is_left_out(pattern: str, port: str) -> None:
    assert port_matches(pattern, port)
    assert port_matches(pattern, port, [port, "Piano 0"])


@pytest.mark.parametrize(
    ("pattern", "port"),
    [
        ("nanoKONTROL2*", "2- nanoKONTROL 1"),
        ("nanoKONTROL2", "2-nanoKONTROL2"),
        ("- X*", "2- X"),
        ("Box", "2- Box 1"),
        ("*", "2- Midi Through 1"),
    ],
)
def test_what_is_part_of_a_name_is_not(pattern: str, port: str) -> None:
    assert not port_matches(pattern, port)


@pytest.mark.parametrize("name", list(bundled_names()))
def test_a_shipped_map_finds_its_box_in_another_socket(name: str) -> None:
    for binding in load_mapping(mapping_paths(name)).bindings:
        for pattern in (binding.controller.input, binding.controller.output):
            if pattern is not None:
                box = pattern.rstrip("*") or "Any"
                assert port_matches(pattern, f"{box} 0")
                assert port_matches(pattern, f"2- {box} 1")


TWO = [
    (["nanoKONTROL2 0", "2- nanoKONTROL2 1"], ["nanoKONTROL2 2", "3- nanoKONTROL2 1"]),
    (["nanoKONTROL2", "nanoKONTROL2 #2"], ["nanoKONTROL2"]),
    (["2- Box 0", "3- Box 1"], ["Box 0", "7- Box 0"]),
]


@pytest.mark.parametrize(("ports", "later"), TWO, ids=lambda ports: ports[0])
def test_two_units_that_are_there_stay_two(ports: list[str], later: list[str]) -> None:
    for port in ports:
        pattern = port_pattern(port, ports)
        assert [name for name in ports if port_matches(pattern, name, ports)] == [port]
        for name in later:  # alone, in whatever socket
            assert port_matches(pattern, name, [name])


@pytest.mark.parametrize("ports", [ports for ports, _ in TWO], ids=lambda ports: ports[0])
def test_a_name_without_a_number_means_them_all(ports: list[str]) -> None:
    pattern = port_pattern(ports[0])
    assert all(port_matches(pattern, port, ports) for port in ports)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(NAMES, st.lists(NAMES, max_size=4))
def test_every_port_is_found_again_among_any_others(port: str, others: list[str]) -> None:
    if "midi through" not in " ".join(port.lower().split()):
        there = [port, *others]
        assert port_matches(port_pattern(port, there), port, there)


@given(NAMES, st.integers(2, 99))
def test_a_number_before_any_name_is_left_out(name: str, number: int) -> None:
    name = " ".join(name.split())
    if name and "midi through" not in name.lower():
        assert port_matches(port_pattern(name), f"{number}- {name}")
