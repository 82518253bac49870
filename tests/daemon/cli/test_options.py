"""Settings as options of the subcommands."""

from __future__ import annotations

from pathlib import Path

import pytest

from mula_daemon.cli import main
from mula_daemon.cli.options import config_of, parser
from mula_daemon.engine import ENGINES
from mula_daemon.settings.config import SETTINGS


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_every_setting_can_be_given_to_the_daemon(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for row in SETTINGS.values():
        assert f"{row.option} {row.metavar}".strip() in said or row.name == "engine"
        assert " ".join(row.meaning.split()) in said
    assert f"--engine {'|'.join(ENGINES)} which model (default auto)" in said


def test_what_is_not_given_is_left_to_the_other_sources() -> None:
    made = parser("x", "", ("osc", "stems", "audio_buffer"))
    given = config_of(made.parse_args(["--audio-buffer", "60", "--stems"]))
    assert (given.audio_buffer_seconds, given.wants_stems) == (0.06, True)
    assert given.osc_address == ("127.0.0.1", 7770)


def test_a_config_file_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("osc: 127.0.0.1:1\nstems: on\n")
    made = parser("x", "", ("osc",))
    assert config_of(made.parse_args(["--config", str(file)])).osc_address == ("127.0.0.1", 1)
    both = config_of(made.parse_args(["--config", str(file), "--osc", "2"]))
    assert (both.osc_address, both.wants_stems) == (("127.0.0.1", 2), True)
