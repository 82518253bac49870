"""The table of settings, and what its rows make of what is written."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from mula_daemon.settings.choices import BeatsMode, Layout
from mula_daemon.settings.config import SETTINGS, Config
from mula_daemon.settings.limits import Limits
from mula_daemon.settings.loading import load_config
from mula_daemon.settings.output_settings import OutputSettings
from mula_daemon.settings.setting import ConfigError

WRITTEN: dict[str, tuple[str, str, Any]] = {
    "engine": ("tone", "engine", "tone"),
    "checkpoint": ("weights", "checkpoint", "weights"),
    "device": ("cpu", "device", "cpu"),
    "precision": ("int8", "precision", "int8"),
    "codec": ("after", "codec", "after"),
    "codec_stream": ("hop=8", "codec_stream", "hop=8"),
    "ending": ("stop", "ending", "stop"),
    "kit": ("drums", "kit", "drums"),
    "stems": ("on", "wants_stems", True),
    "folder": ("clips", "folder", Path("clips")),
    "daw": ("reaper", "daw", "reaper"),
    "layout": ("date", "clip_layout", Layout.DATE),
    "limit": ("500,20GB", "limits", Limits(500, 20_000_000_000)),
    "osc": ("1.2.3.4:5", "osc_address", ("1.2.3.4", 5)),
    "osc_tcp": ("5", "osc_tcp_address", ("127.0.0.1", 5)),
    "http": ("off", "http_address", None),
    "advertise": ("on", "advertise", True),
    "audio": ("jack", "output_settings", OutputSettings("jack")),
    "audio_channels": ("3-4", "output_settings", OutputSettings(pair=(3, 4))),
    "audio_latency": ("20", "output_settings", OutputSettings(latency=0.02)),
    "audio_buffer": ("60", "audio_buffer_seconds", 0.06),
    "live_lead": ("140", "live_lead_ns", 140_000_000),
    "midi": ("jack:nano*", "midi_ports", ("jack", "nano*")),
    "mapping": ("mine.yaml, footswitch", "mappings", ("mine.yaml", "footswitch")),
    "presets": ("p.json", "presets", Path("p.json")),
    "learnt": ("l.yaml", "learnt", Path("l.yaml")),
    "feedback": ("9000,[::1]:1", "feedback_targets", (("127.0.0.1", 9000), ("::1", 1))),
    "allow": ("10.0.0.2,10.0.0.3", "allowed_hosts", ("10.0.0.2", "10.0.0.3")),
    "timetags": ("wait", "scheduled", True),
    "clock": ("midi", "clock_source", "midi"),
    "link": ("on", "link", True),
    "texts": ("now", "follow_texts", True),
    "reroll": ("2", "rerolls", 2),
    "beats": ("report", "beats_mode", BeatsMode.REPORT),
}
"""Setting -> a text for it, the attribute it is found in, and the value found there."""


def written(**texts: str) -> Config:
    return load_config(texts, environment={}, config_file=None)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_every_setting_is_tried_here() -> None:
    assert list(WRITTEN) == list(SETTINGS)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_setting_is_the_same_by_option_environment_and_file(name: str, tmp_path: Path) -> None:
    text, attribute, value = WRITTEN[name]
    row = SETTINGS[name]
    assert row.option == "--" + name.replace("_", "-")
    assert row.variable == "MULA_" + name.upper()
    file = tmp_path / "config.yaml"
    file.write_text(f"{name}: {'[' + text + ']' if ',' in text and '[' not in text else text}\n")
    ways = [
        written(**{name: text}),
        load_config({}, environment={row.variable: text}),
        load_config({}, environment={}, config_file=file),
    ]
    assert [getattr(way, attribute) for way in ways] == [value] * 3
    others = {one.name for one in fields(Config) if one.metadata["setting"] is not row}
    for way in ways:
        assert {one: getattr(way, one) for one in others} == {
            one: getattr(Config(), one) for one in others
        }


@pytest.mark.parametrize("name", SETTINGS)
def test_a_default_is_what_it_would_be_if_it_were_written(name: str) -> None:
    assert written(**{name: SETTINGS[name].default}) == Config()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("stems", "yes", "'yes' is neither on nor off"),
        ("advertise", "no", "'no' is neither on nor off"),
        ("link", "no", "'no' is neither on nor off"),
        ("device", "tpu", "'tpu' is none of auto, cuda, mps, cpu"),
        ("codec", "disk", "'disk' is none of auto, gpu, after, cpu"),
        ("ending", "go", "'go' is neither go-on nor stop"),
        ("daw", "cubase", "'cubase' is none of auto, live, reaper, none"),
        ("layout", "week", "'week' is none of flat, date, job"),
        ("limit", "many", "'many' is neither a number of clips nor a size such as 20GB"),
        ("osc_tcp", "here", "'here' is not HOST:PORT, such as 127.0.0.1:7770"),
        ("http", "70000", "'70000' is not HOST:PORT, such as 127.0.0.1:7770"),
        ("audio_channels", "0-1", "'0-1' is no pair such as 3-4"),
        ("audio_latency", "fast", "'fast' is not a number of ms from 1 to 500"),
        ("audio_buffer", "4", "'4' is not a number of ms from 5 to 400"),
        ("live_lead", "nan", "'nan' is not a number of ms from 10 to 5000"),
        ("feedback", "9000,x", "'x' is not HOST:PORT, such as 127.0.0.1:7770"),
        ("timetags", "later", "'later' is neither now nor wait"),
        ("clock", "tap", "'tap' is none of auto, link, midi, internal"),
        ("texts", "soon", "'soon' is neither next nor now"),
        ("reroll", "3", "'3' is none of 0, 1, 2"),
        ("beats", "cut", "'cut' is none of trim, report, off"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_can(name: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        written(**{name: text})
    assert str(raised.value) == f"{name}: {words}"
    assert raised.value.code == "bad_config"


def test_off_turns_off_what_listens_and_plays() -> None:
    off = written(osc_tcp="off", http="off", midi="off", audio="off", audio_latency="low")
    assert (off.osc_tcp_address, off.http_address, off.midi_ports) == (None, None, None)
    assert off.output_settings is None


def test_a_folder_that_is_named_is_the_clip_folder() -> None:
    chosen = written(folder="~/clips", daw="live").clip_folder
    assert chosen.folder == Path("~/clips").expanduser()
    assert "--folder" in chosen.why


def test_alone_meets_no_daemon_and_changes_nothing_else() -> None:
    asked = written(engine="tone", osc="7770", http="7772", midi="*", audio_buffer="60")
    alone = asked.alone()
    assert (alone.http_address, alone.midi_ports) == (None, None)
    assert alone.osc_address == ("127.0.0.1", 0)
    back = replace(
        alone,
        osc_address=asked.osc_address,
        http_address=asked.http_address,
        midi_ports=asked.midi_ports,
    )
    assert back == asked


def test_the_documented_addresses_are_the_defaults() -> None:
    assert Config().osc_address == ("127.0.0.1", 7770)
    assert Config().http_address == ("127.0.0.1", 7772)
