"""Commands whose words cannot be spelt, taken or kept; and errors that nobody expected."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mula_bridge.api.client import OscClient
from mula_daemon import cli
from mula_daemon.cli import main
from mula_daemon.cli.failures import in_words
from support.daemon_process import MULA, daemon_process

NIGHT = "夜の街"
QUIET = ("--osc", "127.0.0.1:0", "--audio", "off", "--midi", "off", "--engine", "tone")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def mula(*arguments: str, log: Path, encoding: str = "cp1252") -> int:
    """Run a command with all that it says in a file of another code page."""
    with log.open("wb") as out:
        return subprocess.run(
            [MULA, *arguments], stdout=out, stderr=out, check=False, timeout=60,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        ).returncode  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("clips", "--folder"), 0),
        (("mapping", "check"), 2),
        (("osc", "tosc"), 0),
        (("max",), 0),
    ],
    ids=["clips", "mapping", "osc", "max"],
)
def test_a_name_that_the_code_page_lacks_is_spelt_out(
    tmp_path: Path, arguments: tuple[str, ...], status: int
) -> None:
    log = tmp_path / "log"
    assert mula(*arguments, str(tmp_path / NIGHT), log=log) == status
    text = log.read_bytes()
    assert rb"\u591c\u306e\u8857" in text
    assert b"Traceback" not in text


@pytest.mark.slow
def test_doctor_and_a_clip_are_told_in_any_code_page(tmp_path: Path) -> None:
    folder, log = str(tmp_path / NIGHT), tmp_path / "log"
    mula("doctor", "--folder", folder, log=log)
    assert rb"\u591c\u306e\u8857 is writable" in log.read_bytes()
    assert b"models" in log.read_bytes() or b"mini" in log.read_bytes()
    done = mula("generate", "--engine", "tone", "--bars", "1", "--folder", folder, log=log)
    assert done == 0


@pytest.mark.skipif(sys.platform == "win32", reason="has no /dev/full and no such shell")
@pytest.mark.parametrize("where", [">&-", "2>&-", ">&- 2>&-", "> /dev/full", "2> /dev/full"])
def test_a_command_does_its_work_without_anybody_to_tell(tmp_path: Path, where: str) -> None:
    if "full" in where and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    layout = tmp_path / "mula.tosc"
    shell = f'exec "$0" "$@" {where}'
    done = subprocess.run(
        ["sh", "-c", shell, MULA, "osc", "tosc", str(layout)],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == b""
    assert layout.is_file()


@pytest.mark.slow
def test_a_daemon_outlives_whoever_read_its_lines(tmp_path: Path) -> None:
    with daemon_process(tmp_path / "clips", *QUIET) as daemon:
        port = int(daemon.wait_for(r"osc=127\.0\.0\.1:(\d+)")[1])
        with OscClient("127.0.0.1", port) as client:
            stop_reading(daemon.process)
            client.send("/mula/subscribe")
            for tag in ("techno", "house", "dark"):
                client.send("/mula/tags", tag)
            client.send("/mula/generate")
            assert any(address == "/mula/clip" for address, _ in until_clip(client))
            daemon.process.send_signal(signal.SIGINT)
            assert daemon.process.wait(20) == 0


def stop_reading(process: subprocess.Popen[str]) -> None:
    """Close our end of the pipe under the thread that reads it."""
    assert process.stdout is not None
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, process.stdout.fileno())
    os.close(null)


def until_clip(client: OscClient) -> list[tuple[str, tuple[object, ...]]]:
    heard = []
    for address, arguments in client.replies(20.0):
        heard.append((address, tuple(arguments)))
        if address == "/mula/clip":
            break
    return heard


def test_a_monitor_ends_when_nobody_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from mula_daemon.cli import midi

    said: list[str] = []
    monkeypatch.setattr(midi, "is_heard", lambda: len(said) < 3)
    monkeypatch.setattr("builtins.print", lambda line, **_: said.append(line))

    def endless(write: object, *_: object) -> None:
        while True:
            write("note")

    monkeypatch.setattr("mula_bridge.midi.monitor", endless)
    assert main(["midi", "monitor"]) == 0
    assert len(said) == 3


def test_who_waits_for_a_control_is_told_that_midi_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mula_bridge.servers import MidiSource

    monkeypatch.setattr("mula_bridge.midi.list_ports", lambda system: ([], []))

    def end(source: MidiSource, emit: object) -> None:
        source.services[0].dead = True

    monkeypatch.setattr(MidiSource, "start", end)
    assert main(["midi", "learn", "cfg"]) != 0
    assert "MIDI ended before a control was learnt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/clips/a.wav"),
            "/clips/a.wav: No space left on device; make room",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/root"), "/root: Permission denied; "),
        (OSError(errno.EIO, "Input/output error"), "Input/output error; see that the disk"),
        (OSError(errno.EMFILE, "Too many open files", "x"), "ulimit -n"),
        (OSError("no number"), "a fault of ours"),
        (MemoryError(), "no memory left; close other programs"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "torch cannot be loaded"),
        (UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid"), "as UTF-8"),
        (KeyError("shelf"), "KeyError: 'shelf'"),
        (RecursionError("too deep"), "report it"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_that_nobody_expected_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    words: str,
) -> None:
    def fail(_arguments: object) -> int:
        raise error

    monkeypatch.setattr(cli.importlib, "import_module", lambda name: SimpleNamespace(main=fail))
    assert main(["doctor"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("mula doctor: ")
    assert words in said
    assert len(said.splitlines()) == 1


def test_a_part_that_cannot_be_imported_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mula_daemon.cli.tags", None)
    assert main(["tags"]) == 1
    assert "cannot be loaded" in capsys.readouterr().err


def test_a_fault_is_placed() -> None:
    try:
        {}["nothing"]
    except KeyError as error:
        assert "test_speaking.py, line" in in_words(error)
