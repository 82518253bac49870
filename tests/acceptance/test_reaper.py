"""The real REAPER scripts and the real daemon: a time selection becomes takes on an item."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support.daemon_process import daemon_process
from support.ports import free_udp_port
from support.reaper import Reaper

SCRIPTS = Path(__file__).parents[2] / "bridge" / "reaper" / "Mula"


@pytest.mark.slow
def test_a_time_selection_becomes_takes_on_one_item(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    options = ("--engine", "tone", "--audio", "off", "--midi", "off")
    with daemon_process(folder, "--osc", f"127.0.0.1:{free_udp_port()}", *options) as daemon:
        daemon.wait_for("^ready ")
        reaper = Reaper(tmp_path / "clips-config", tempo=126.0)
        reaper.selected = reaper.add_track("synth")
        reaper.selection = (4.0, 4.0 + 2 * 4 * 60 / 126)
        reaper.typed = ["techno\n1\n3\n0.5"]
        reaper.run(SCRIPTS / "mula_generate.lua")
        end = time.monotonic() + 30
        while reaper.deferred and time.monotonic() < end:
            reaper.pump(seconds=0.0)
            time.sleep(0.03)
        assert not reaper.deferred
        assert not reaper.boxes
        (item,) = reaper.items
        assert item.values["D_POSITION"] == 4.0
        assert len(item.takes) == 3
        for take in item.takes:
            assert abs(take.values["D_PLAYRATE"] - 1.0) < 1e-9  # made at the project's tempo
            assert take.source is not None
            assert abs(take.source.seconds - item.values["D_LENGTH"]) < 1 / 48000
        daemon.stop()


@pytest.mark.slow
def test_a_word_the_engine_does_not_know_is_told_in_reaper(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    options = ("--engine", "mini", "--audio", "off", "--midi", "off")
    with daemon_process(folder, "--osc", f"127.0.0.1:{free_udp_port()}", *options) as daemon:
        daemon.wait_for("^ready ")
        reaper = Reaper(tmp_path / "clips-config")
        reaper.typed = ["teckno\n1\n1\n0"]
        reaper.run(SCRIPTS / "mula_generate.lua")
        end = time.monotonic() + 30
        while reaper.deferred and time.monotonic() < end:
            reaper.pump(seconds=0.0)
            time.sleep(0.03)
        (said,) = reaper.boxes
        assert "did you mean tekno" in said
        assert list((folder / ".mula" / "inbox" / "rejected").glob("*.txt"))
        daemon.stop()
