"""Settings from the command line, the environment and a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mula_daemon.settings.config import Config
from mula_daemon.settings.loading import load_config
from mula_daemon.settings.setting import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_command_line_beats_the_environment_beats_the_file_beats_the_default(
    tmp_path: Path,
) -> None:
    file = write(tmp_path, "engine: one\nfolder: one\nosc: 127.0.0.1:1\n")
    environment = {"MULA_ENGINE": "two", "MULA_FOLDER": "two", "OTHER": "x"}
    options = {"engine": "three", "folder": None}
    config = load_config(options, config_file=file, environment=environment)
    assert (config.engine, config.folder) == ("three", Path("two"))
    assert config.osc_address == ("127.0.0.1", 1)
    assert config.midi_ports == (None, "*")


def test_yaml_off_is_off_and_a_list_is_joined(tmp_path: Path) -> None:
    file = write(tmp_path, "audio: off\nfeedback:\n  - 127.0.0.1:9000\n  - '[::1]:9001'\n")
    config = load_config({}, config_file=file, environment={})
    assert config.audio is None
    assert config.feedback_targets == (("127.0.0.1", 9000), ("::1", 9001))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("enginee: mini", "enginee.*did you mean engine"),
        ("- a list", "expected lines such as"),
        ("engine: {a: 1}", "engine takes a text"),
        ("engine: [", "config.yaml"),
    ],
)
def test_a_bad_file_is_named_with_its_entry(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config({}, config_file=write(tmp_path, text), environment={})


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no config file"):
        load_config({}, config_file=tmp_path / "none.yaml", environment={})


def test_nothing_written_anywhere_is_every_default(tmp_path: Path) -> None:
    assert load_config({}, config_file=write(tmp_path, ""), environment={}) == Config()


@pytest.mark.parametrize("text", ["", "localhost", "localhost:", "localhost:x", "localhost:70000"])
def test_a_bad_address_is_refused_before_anything_starts(text: str) -> None:
    with pytest.raises(ConfigError, match=r"osc: .* is not HOST:PORT"):
        load_config({"osc": text}, environment={})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_a_config_file(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("engine: tone\r\n".encode(encoding))
    assert load_config({}, config_file=path, environment={}).engine == "tone"


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_config_file_in_another_encoding_says_what_to_do(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("# Müller\nengine: tone\n".encode(encoding))
    with pytest.raises(ConfigError, match=r"config\.yaml: not UTF-8 in line 1 .* save it as UTF-8"):
        load_config({}, config_file=path, environment={})
