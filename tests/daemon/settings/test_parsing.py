"""Values out of what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from mula_daemon.settings import parsing


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("127.0.0.1:7770", ("127.0.0.1", 7770)),
        ("7770", ("127.0.0.1", 7770)),
        (":7770", ("127.0.0.1", 7770)),
        ("[::1]:7770", ("::1", 7770)),
        ("studio.local:0", ("studio.local", 0)),
    ],
)
def test_host_and_port_in_every_form(text: str, parsed: tuple[str, int]) -> None:
    assert parsing.host_port(text) == parsed


def test_a_midi_system_may_stand_before_the_pattern() -> None:
    assert parsing.midi_ports("nano*") == (None, "nano*")
    assert parsing.midi_ports("jack:*") == ("jack", "*")
    assert parsing.midi_ports("system:midi_capture_1") == (None, "system:midi_capture_1")


def test_off_is_none_where_something_can_be_off() -> None:
    address = parsing.or_off(parsing.host_port)
    assert address("off") is None
    assert address("1") == ("127.0.0.1", 1)


def test_milliseconds_become_the_unit_that_is_used() -> None:
    assert parsing.seconds(5, 400)("30") == 0.03
    assert parsing.nanoseconds(10, 5000)("125") == 125_000_000
    assert parsing.latency("250") == 0.25
    assert parsing.latency("low") == "low"


def test_a_path_may_begin_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert parsing.path("~/clips") == Path("/home/anna/clips")
    assert parsing.path("") is None
