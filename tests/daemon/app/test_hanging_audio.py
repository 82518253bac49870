"""An audio driver that hangs costs the sound, and nothing else of the running daemon."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from mula_bridge.api.client import OscClient
from mula_bridge.control.messages.commands import Generate
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import AudioDevice, ClipReady, EngineChanged, Failed
from mula_bridge.control.messages.states import DeviceState, EngineState
from mula_daemon.app.running import running
from mula_daemon.audio import patience as patience_module
from mula_daemon.settings.loading import load_config
from support.audio_drivers import Machine
from support.fakes import Ear

PATIENCE_S = 30.0


@pytest.mark.slow
def test_a_driver_that_hangs_is_told_of_and_osc_clips_and_the_end_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch)
    monkeypatch.setattr(patience_module, "OPEN_S", 0.5)
    machine.do(open="hang")
    settings = {
        "engine": "tone",
        "folder": str(tmp_path / "clips"),
        "midi": "off",
        "osc": "127.0.0.1:0",
        "http": "off",
        "presets": str(tmp_path / "presets.yaml"),
        "learnt": str(tmp_path / "learnt.yaml"),
    }
    ear = Ear()
    with running(load_config(settings, environment={}), [ear]) as app:
        told = ear.wait(Failed, lambda news: news.code == "audio", PATIENCE_S)
        assert "the audio output Box does not open" in told.text
        assert app.osc_address is not None
        with OscClient(*app.osc_address) as client:
            client.send("/mula/ping", 7)
            assert next(iter(client.replies(PATIENCE_S)))[0] == "/mula/pong"
        ear.wait(EngineChanged, lambda news: news.state is EngineState.READY, PATIENCE_S)
        app.emit(Generate("mine"), Origin("test", address="/mula/test"))
        ear.wait(ClipReady, lambda clip: clip.job == "mine", PATIENCE_S)
        machine.do()
        ear.wait(AudioDevice, lambda news: news.state is DeviceState.OPEN, PATIENCE_S)
        assert len([one for one in ear.all(Failed) if one.code == "audio"]) == 1
        machine.do(open="hang", close="hang")
        began = monotonic()
    assert monotonic() - began < 15
