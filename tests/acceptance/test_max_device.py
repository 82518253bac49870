"""The Max device's script with a real daemon over UDP: two at once, under node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.daemon_process import daemon_process
from support.ports import free_udp_port

NODE = shutil.which("node")
ROOT = Path(__file__).parents[2]
HOST = ROOT / "tests" / "bridge" / "surfaces" / "max_device" / "udp_host.js"
SCRIPT = ROOT / "max_for_live" / "unfrozen" / "mula.js"


@pytest.mark.slow
@pytest.mark.node
@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_two_devices_share_a_daemon_and_each_places_its_own_clips(tmp_path: Path) -> None:
    port = free_udp_port()
    options = ("--osc", f"127.0.0.1:{port}", "--engine", "tone", "--audio", "off", "--midi", "off")
    with daemon_process(tmp_path / "clips", *options) as process:
        process.wait_for("ready engine=tone")
        ran = subprocess.run(
            [str(NODE), str(HOST), str(SCRIPT), str(port)],
            capture_output=True,
            text=True,
            timeout=90,
        )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert seen["ports"][0] != seen["ports"][1]  # they wanted the same one
    assert 3.25 in seen["cfg"][1]
    assert 3.25 not in seen["cfg"][0]  # no echo
    assert 0.5 in seen["temperature"][0]
    assert 0.5 not in seen["temperature"][1]
    ours, theirs = seen["placed"]
    assert theirs == []
    assert len(set(ours)) == 2
    assert all(Path(clip).is_file() for clip in ours)
    assert seen["beats"] == [4, 4]
    assert sum("kept" in Path(clip).parts for clip in ours) == 1
    assert seen["deck"][0] == seen["deck"][1]
    assert seen["errors"] == [[], []]
