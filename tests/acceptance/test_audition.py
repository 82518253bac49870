"""The deck over OSC, by a client that is quicker than any hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from mula_bridge.api.client import OscClient
from support.daemon_process import daemon_process
from support.ports import free_udp_port

JOBS = 8


@pytest.mark.slow
def test_clips_are_kept_in_the_moment_they_are_told_of(tmp_path: Path) -> None:
    port = free_udp_port()
    options = ("--osc", f"127.0.0.1:{port}", "--engine", "tone", "--audio", "off", "--midi", "off")
    kept: list[Path] = []
    errors: list[object] = []
    with (
        daemon_process(tmp_path / "clips", *options) as daemon,
        OscClient("127.0.0.1", port) as client,
    ):
        daemon.wait_for("ready engine=tone")
        client.send("/mula/knob/bars", 1)
        client.send("/mula/subscribe", "/mula/clip", "/mula/clip/status", "/mula/error")
        for _ in range(JOBS):
            client.send("/mula/generate")
        for address, args in client.replies(30.0):
            if address == "/mula/clip":
                client.send("/mula/audition/keep", args[0])
            elif address == "/mula/clip/status":
                kept.append(Path(str(args[3])))
            elif address == "/mula/error":
                errors.append(args)
            if len(kept) + len(errors) == JOBS:
                break
    assert errors == []
    assert {clip.parent.name for clip in kept} == {"kept"}
    assert len(set(kept)) == JOBS
    assert all(clip.is_file() for clip in kept)
