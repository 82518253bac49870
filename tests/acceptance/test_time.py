"""Two daemons and somebody else's clock, by the benchmark that measures them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mula_bridge.api.client import OscClient
from mula_daemon.bench import time
from support.daemon_process import daemon_process
from support.ports import free_udp_port


def heard_until(client: OscClient, wanted: str, *args: object) -> list[tuple[str, Sequence[Any]]]:
    """Everything up to the message that is waited for."""
    heard: list[tuple[str, Sequence[Any]]] = []
    for address, values in client.replies(20.0):
        heard.append((address, values))
        if address == wanted and tuple(values[: len(args)]) == args:
            return heard
    raise AssertionError(f"no {wanted} {args}: {heard[-5:]}")


@pytest.mark.slow
def test_triggers_and_knobs_wait_for_the_beat(tmp_path: Path) -> None:
    port = free_udp_port()
    options = ("--osc", f"127.0.0.1:{port}", "--engine", "tone", "--audio", "off", "--midi", "off")
    with (
        daemon_process(tmp_path, *options) as daemon,
        OscClient("127.0.0.1", port) as client,
    ):
        daemon.wait_for("ready engine=tone")
        client.send("/mula/bpm", 240.0)
        client.send("/mula/subscribe", "/mula/beat", "/mula/job", "/mula/knob/cfg")
        client.send("/mula/transport/start")
        heard_until(client, "/mula/beat")
        client.send("/mula/at/2bars/knob/cfg", 2.0)
        client.send("/mula/at/2bars/knob/cfg", 3.0)
        client.send("/mula/at/2bars/generate", "waited")
        heard = heard_until(client, "/mula/job", "waited", "queued")
    assert [values for address, values in heard if address == "/mula/knob/cfg"] == [(3.0,)]


@pytest.mark.slow
@pytest.mark.clock
@pytest.mark.parametrize("part", ["link", "midi_clock"])
def test_two_daemons_begin_their_bars_with_a_foreign_clock(
    part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the right sixteenth, that is: how near within it is the benchmark's to say, for JACK
    drops ticks of its clock wherever a busy machine stands still for a period."""
    assert time.main(["--seconds", "9", "--only", part]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])[part]
    if "skipped" in found:
        pytest.skip(found["skipped"])
    if part == "link":
        assert found["bars"] >= 2
        assert found["off_ms"]["p50"] < sixteenth_ms(max(time.TEMPI)), found
        return
    for bpm in time.CLOCK_TEMPI:
        figures = found[f"{bpm:g}"]
        assert figures["bars"] >= 2
        assert figures["off_ms"]["p50"] < sixteenth_ms(bpm), found
        assert figures["bpm_off"]["p50"] < bpm / 50, found


def sixteenth_ms(bpm: float) -> float:
    """How long a sixteenth note takes."""
    return 60_000 / bpm / 4
