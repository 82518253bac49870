"""``mula send`` against a socket in place of the daemon."""

from __future__ import annotations

import _thread
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic, sleep

import pytest

from mula_bridge.osc.wire import Message, decode, encode
from mula_daemon.cli import main, send
from mula_daemon.cli.replies import ExitStatus

PATIENCE_S = 10.0
Say = Callable[..., None]
Script = Callable[[Message, Say], object]


class Daemon:
    """Answers pings, and does what its script says for the rest, on a thread of its own."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.script: Script = lambda message, say: None
        self.mute = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                packet, back = self.socket.recvfrom(2048)
                if packet == b"end":
                    return
                (message,) = decode(packet)

                def say(address: str, *args: object, back: tuple[str, int] = back) -> None:
                    self.socket.sendto(encode(address, args), back)  # type: ignore[arg-type]

                if message.address != "/mula/ping":
                    self.script(message, say)
                elif not self.mute.is_set():
                    say("/mula/pong", *message.args)

    def send(self, *words: str) -> int:
        host, port = self.socket.getsockname()
        return main(["send", "--osc", f"{host}:{port}", *words])

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", self.socket.getsockname())
        self._thread.join(PATIENCE_S)
        self.socket.close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    daemon = Daemon()
    yield daemon
    daemon.close()


def slow_job(end: str, *reason: str) -> Script:
    """A job that takes longer than answers are waited for."""

    def script(message: Message, say: Say) -> None:
        def work() -> None:
            say("/mula/job", "mine", "running")
            say("/mula/progress", "mine", 0.5)
            sleep(send.ANSWER_S + 0.2)
            say("/mula/job", "mine", end, *reason)

        say("/mula/job", "mine", "queued")
        threading.Thread(target=work).start()

    return script


def test_a_job_is_waited_for_to_its_end_and_no_longer(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.script = slow_job("done")
    began = monotonic()
    assert daemon.send("--wait", "60", "/mula/generate", "mine") == ExitStatus.DONE
    assert monotonic() - began < PATIENCE_S
    assert capsys.readouterr().out.splitlines() == [
        "/mula/job mine queued",
        "/mula/job mine running",
        "/mula/progress mine 0.5",
        "/mula/job mine done",
    ]


def test_a_job_that_fails_is_no_success(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.script = slow_job("failed", "the disk is full")
    assert daemon.send("/mula/generate") == ExitStatus.REFUSED
    assert "failed the disk is full" in capsys.readouterr().out


def test_the_wait_has_an_end_and_the_job_is_named(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.script = lambda message, say: say("/mula/job", "mine", "queued")
    for wait in ("0.2", "0"):
        assert daemon.send("--wait", wait, "/mula/generate") == ExitStatus.UNFINISHED
        assert "mula send /mula/cancel mine" in capsys.readouterr().err


def test_control_c_leaves_the_job_alone_and_says_how_to_end_it(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(message: Message, say: Say) -> None:
        say("/mula/job", "mine", "queued")
        threading.Timer(0.2, _thread.interrupt_main).start()

    daemon.script = interrupted
    assert daemon.send("/mula/generate") == 130
    assert "mula send /mula/cancel mine" in capsys.readouterr().err


def test_a_daemon_that_falls_silent_meanwhile_is_given_up(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "GONE_S", 0.4)
    monkeypatch.setattr(send, "PROBE_S", 0.1)

    def fall_silent(message: Message, say: Say) -> None:
        say("/mula/job", "mine", "queued")
        threading.Timer(0.5, daemon.mute.set).start()

    daemon.script = fall_silent
    began = monotonic()
    assert daemon.send("/mula/generate") == ExitStatus.SILENCE
    assert monotonic() - began > 0.8  # a sign of life counts
    assert "no answer" in capsys.readouterr().out


def test_what_has_no_answer_is_not_taken_for_a_daemon_that_is_not_there(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daemon.send("/mula/stop") == ExitStatus.DONE
    assert "/mula/stop was taken" in capsys.readouterr().out
    daemon.mute.set()
    assert daemon.send("/mula/stop") == ExitStatus.SILENCE
    assert "mula run" in capsys.readouterr().out


def test_an_error_that_comes_back_is_the_exit_status(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.script = lambda message, say: say("/mula/error", message.address, "busy", "later")
    assert daemon.send("/mula/generate") == ExitStatus.REFUSED
    assert "busy later" in capsys.readouterr().out


def test_what_waits_for_the_beat_is_waited_for(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    def late(message: Message, say: Say) -> None:
        threading.Timer(send.ANSWER_S + 0.3, say, ("/mula/knob/cfg", 3.0)).start()

    daemon.script = late
    assert daemon.send("/mula/at/bar/knob/cfg", "3.0") == ExitStatus.DONE
    assert capsys.readouterr().out == "/mula/knob/cfg 3.0\n"


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", "inf"])
def test_a_wait_is_a_number_of_seconds(wait: str, daemon: Daemon) -> None:
    with pytest.raises(SystemExit) as left:
        daemon.send("--wait", wait, "/mula/ping")
    assert left.value.code == 2
