"""Two daemons and somebody else's clock, by the benchmark that measures them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mula_bridge.osc_client import OscClient
from mula_daemon.bench import time
from mula_daemon.bench.stalls import stalls
from support.daemon_process import daemon_process
from support.ports import free_udp_port

PERIOD_MS = 5.0
"""A machine that stands still for longer makes JACK drop a period of the benchmark's, and a tick of
the foreign clock with it: 21 ms at 120 BPM, for good."""


def heard_until(client: OscClient, wanted: str, *args: object) -> list[tuple[str, Sequence[Any]]]:
    """Everything up to the message that is waited for."""
    heard: list[tuple[str, Sequence[Any]]] = []
    for address, values in client.replies(20.0):
        heard.append((address, values))
        if address == wanted and tuple(values[: len(args)]) == args:
            return heard
    raise AssertionError(f"no {wanted} {args}: {heard[-5:]}")


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
@pytest.mark.parametrize(("part", "limit_ms"), [("link", 3.0), ("midi_clock", 10.0)])
def test_two_daemons_begin_their_bars_with_a_foreign_clock(
    part: str, limit_ms: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the bars are held to it: the other half is the benchmark's, on a quiet machine."""
    with stalls() as stood_still:
        assert time.main(["--seconds", "12", "--only", part]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])[part]
    if "skipped" in found:
        pytest.skip(found["skipped"])
    for figures in [found] if part == "link" else [found[bpm] for bpm in ("90", "120", "174")]:
        assert figures["bars"] >= 2
        worst_ms = stood_still.figures["worst_ms"]
        if figures["off_ms"]["p50"] >= limit_ms and worst_ms > PERIOD_MS:
            pytest.skip(f"the machine itself stood still for {worst_ms} ms")
        assert figures["off_ms"]["p50"] < limit_ms, found
