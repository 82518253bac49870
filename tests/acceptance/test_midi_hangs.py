"""A JACK server that hangs while a MIDI port on it closes holds nobody up but MIDI."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from time import monotonic, sleep

import pytest

from mula_bridge.api.client import OscClient
from mula_daemon.bench.child import child
from mula_daemon.bench.figures import percentile
from mula_daemon.clips.library import Library
from support.daemon_process import daemon_process
from support.jack_server import jack_server, why_no_jack
from support.midi_box import MidiBox
from support.ports import free_udp_port

pytestmark = [
    pytest.mark.jack,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(bool(why_no_jack()), reason=why_no_jack() or "jack"),
]
HANGS_S = 10.0
BARS = 4
CFG_CC = 17


def test_ten_seconds_of_a_hanging_server_leave_osc_and_clips_untouched(tmp_path: Path) -> None:
    port = free_udp_port()
    options = ("--osc", f"127.0.0.1:{port}", "--engine", "mini", "--audio", "off")
    with (
        jack_server() as jack,
        daemon_process(tmp_path, *options, "--midi", "jack:*") as daemon,
        OscClient("127.0.0.1", port) as client,
    ):
        daemon.wait_for("ready engine=mini")
        client.send("/mula/subscribe")
        with MidiBox() as box:
            turn_until_heard(box, client)
        client.send("/mula/knob/bars", BARS)
        client.send("/mula/knob/pace", 1.0)
        client.send("/mula/generate", "meanwhile")
        daemon.wait_for("job meanwhile running")
        sleep(0.35)  # the port's name is gone by now, and its close is under way
        pings = child("osc_client", "ping", "127.0.0.1", str(port), str(HANGS_S), "0.5", "0")
        jack.process.send_signal(signal.SIGSTOP)
        try:
            said, _ = pings.communicate(timeout=HANGS_S + 20)
        finally:
            jack.process.send_signal(signal.SIGCONT)
        answered = json.loads(said)
        assert answered["lost"] == 0
        assert percentile(answered["round_trips_ms"], 99) < 20
        daemon.wait_for("clip clip_120bpm")
        with MidiBox() as box:
            turn_until_heard(box, client)
        assert daemon.stop() < 5
    (clip,) = Library(tmp_path).clips()
    assert clip.codes().shape == (16 * BARS, 8)


def turn_until_heard(box: MidiBox, client: OscClient) -> None:
    """Turn the knob of cfg to and fro until it moves."""
    end = monotonic() + 20
    while monotonic() < end:
        for value in (127, 0):
            box.turn(0xB0, CFG_CC, value)
        if any(address == "/mula/knob/cfg" for address, _ in client.replies(0.1)):
            return
    raise AssertionError("MIDI was not heard")
