"""The list of outputs is had from a process that may hang, die or find nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mula_daemon.audio import listing as listing_module
from mula_daemon.audio.listing import list_outputs
from support.audio_drivers import Machine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_every_output_is_listed(machine: Machine) -> None:
    machine.do(outputs=["Box", "Headphones"])
    found = list_outputs()
    assert [output.name for output in found.outputs] == ["Box", "Headphones"]
    assert found.problem == ""


def test_drivers_that_hang_are_not_waited_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_module, "LIST_S", 0.2)
    machine.do(list="hang")
    found = list_outputs()
    assert found.outputs == ()
    assert found.problem.startswith("the audio outputs have not been listed for 0.2 s")


def test_drivers_that_end_the_process_are_told_of(machine: Machine) -> None:
    machine.do(list="die")
    assert list_outputs().problem.startswith("the audio outputs cannot be listed")


def test_what_a_driver_says_is_passed_on(machine: Machine) -> None:
    machine.do(list="no device")
    assert "no device" in list_outputs().problem
