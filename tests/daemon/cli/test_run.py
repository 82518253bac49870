"""``mula run`` as a user starts it: a real process, real UDP, real signals."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import soundfile

from mula_bridge.api.client import OscClient
from mula_daemon.clips.library import Library
from support.daemon_process import DaemonProcess, daemon_process
from support.ports import free_udp_port

pytestmark = pytest.mark.slow  # each test starts a daemon

QUIET = ("--audio", "off", "--midi", "off", "--engine", "tone")


class Daemon:
    """A running daemon with a subscribed client."""

    def __init__(self, process: DaemonProcess, client: OscClient, folder: Path) -> None:
        self.process, self.client, self.folder = process, client, folder

    def until(
        self, address: str, test: Callable[[tuple[Any, ...]], Any] = bool, timeout: float = 20.0
    ) -> tuple[Any, ...]:
        """The arguments of the next message on ``address`` that pass ``test``."""
        for got, args in self.client.replies(timeout):
            if got == address and test(args):
                return args
        raise AssertionError(f"no {address} in {timeout} s; {self.process.lines[-5:]}")

    def visible(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir() if not p.name.startswith("."))


@contextmanager
def running(folder: Path) -> Iterator[Daemon]:
    with daemon_process(folder, "--osc", "127.0.0.1:0", *QUIET) as process:
        port = int(process.wait_for(r"ready engine=tone osc=127\.0\.0\.1:(\d+)")[1])
        with OscClient("127.0.0.1", port) as client:
            client.send("/mula/subscribe")
            found = Daemon(process, client, folder)
            found.until("/mula/engine", lambda args: args[0] == "ready")
            yield found


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """For tests that leave a daemon as they found it."""
    with running(tmp_path_factory.mktemp("clips")) as found:
        yield found


def generate(daemon: Daemon, **knobs: float) -> None:
    for name, value in knobs.items():
        daemon.client.send(f"/mula/knob/{name}", value)
    daemon.client.send("/mula/generate")


def test_a_clip_lands_with_its_recipe(daemon: Daemon) -> None:
    generate(daemon, bars=2, bpm=97.3, seed=5)
    clip = daemon.until("/mula/clip")
    assert daemon.visible() == [Path(clip[1]).name]
    assert soundfile.info(clip[1]).frames == round(8 * 60 / 97.3 * 48_000)
    recipe = Library(daemon.folder).find(str(clip[0])).recipe
    assert (recipe.seed, recipe.bars, recipe.engine.name) == (5, 2, "tone")


def test_a_sweep_is_in_the_sidecar_frame_by_frame(daemon: Daemon) -> None:
    daemon.client.send("/mula/subscribe", "/mula/frame", "/mula/clip")
    generate(daemon, bars=2, pace=2)
    daemon.until("/mula/frame")
    for step in range(8):
        value = 2.0 + step / 4
        daemon.client.send("/mula/knob/cfg", value)
        daemon.until("/mula/frame", lambda args, value=value: args[3] == value)
    clip = daemon.until("/mula/clip")
    timeline = Library(daemon.folder).find(str(clip[0])).recipe.knobs.timeline
    assert [(name, value) for _, name, value in timeline] == [
        ("cfg", 2.0 + step / 4) for step in range(8)
    ]
    assert [frame for frame, _, _ in timeline] == sorted({frame for frame, _, _ in timeline})


def test_three_takes_are_three_clips_with_seeds_of_their_own(daemon: Daemon) -> None:
    generate(daemon, bars=1, takes=3, seed=10)
    clips = [daemon.until("/mula/clip") for _ in range(3)]
    assert [clip[4] for clip in clips] == [10, 11, 12]
    assert len(daemon.visible()) == 3


def test_takes_are_auditioned_kept_and_rejected_over_osc(daemon: Daemon) -> None:
    generate(daemon, bars=1, takes=3, seed=10, bpm=120)
    clips = [str(daemon.until("/mula/clip")[0]) for _ in range(3)]
    daemon.client.send("/mula/audition/loop", 1)
    daemon.client.send("/mula/audition/play", clips[0])
    daemon.until("/mula/audition/state", lambda args: args[:2] == (clips[0], "playing"))
    daemon.client.send("/mula/audition/keep")
    kept = daemon.until("/mula/clip/status")
    assert kept[:3] == (clips[0], "kept", 0) and Path(str(kept[3])).parent.name == "kept"
    state = daemon.until(
        "/mula/audition/state", lambda args: args[:2] == (clips[1], "playing") and args[2] > 0.2
    )
    assert state[3:] == (4, 1, 1)
    daemon.client.send("/mula/audition/reject")
    daemon.until("/mula/clip/status", lambda args: args[:2] == (clips[1], "rejected"))
    assert len([name for name in daemon.visible() if name.endswith(".wav")]) == 1
    daemon.client.send("/mula/audition/undo")
    daemon.until("/mula/clip/status", lambda args: args[:2] == (clips[1], "new"))
    daemon.client.send("/mula/bpm", 90)
    daemon.until("/mula/audition/state", lambda args: args[5] == 0)
    daemon.client.send("/mula/audition/stop")
    daemon.until("/mula/audition/state", lambda args: args[1] == "stopped")
    daemon.client.send("/mula/more", clips[0], 2, "like")
    more = [daemon.until("/mula/clip", lambda args: args[6] == "like") for _ in range(2)]
    assert [clip[4] for clip in more] == [9, 8]  # 11 and 12 are taken
    assert more[0][2] == 120.0  # as the clip, not as the knob is now


@pytest.mark.clock
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_a_clip_stops_cleanly(
    daemon: Daemon, how: signal.Signals
) -> None:
    generate(daemon, bars=8, pace=1)
    daemon.until("/mula/progress")
    engine = daemon.process.engine_pid()
    assert daemon.process.stop(how) < 2.0
    assert daemon.process.process.returncode == 0
    assert daemon.visible() == []
    assert [p.name for p in daemon.folder.iterdir()] == [".mula"]
    with pytest.raises(ProcessLookupError):
        os.kill(engine, 0)


@pytest.mark.clock
def test_a_killed_engine_fails_the_job_while_osc_answers(daemon: Daemon) -> None:
    generate(daemon, bars=8, pace=1)
    daemon.until("/mula/progress")
    os.kill(daemon.process.engine_pid(), signal.SIGKILL)
    slowest, failed = 0.0, None
    end = monotonic() + 20
    while failed is None and monotonic() < end:
        start = monotonic()
        daemon.client.send("/mula/ping", start)
        for address, args in daemon.client.replies(2.0):
            if address == "/mula/job" and args[1] == "failed":
                failed = args
            if address == "/mula/pong":
                break
        slowest = max(slowest, monotonic() - start)
    assert failed is not None
    assert "signal 9" in str(failed[2])
    assert slowest < 0.05
    assert daemon.visible() == []
    daemon.until("/mula/engine", lambda args: args[0] == "ready")
    generate(daemon, bars=1, pace=0)
    daemon.until("/mula/clip")


def test_cancel_leaves_nothing(daemon: Daemon) -> None:
    generate(daemon, bars=8, pace=1)
    daemon.until("/mula/progress")
    daemon.client.send("/mula/cancel")
    daemon.until("/mula/job", lambda args: args[1] == "cancelled")
    assert [p.name for p in daemon.folder.iterdir()] == [".mula"]


@pytest.mark.parametrize(
    ("address", "args", "code", "words"),
    [
        ("/mula/knob/cgf", (1.0,), "unknown_address", "/mula/knob/cfg"),
        ("/mula/genrate", (), "unknown_address", "/mula/generate"),
        ("/mula/knob/cfg", ("loud",), "bad_input", "number"),
        ("/mula/preset/load", ("agressive",), "unknown", "did you mean aggressive"),
        ("/mula/cancel", ("nobody",), "unknown", "nobody"),
    ],
)
def test_bad_input_is_answered_once_and_changes_nothing(
    unchanged: Daemon, address: str, args: tuple[Any, ...], code: str, words: str
) -> None:
    unchanged.client.send(address, *args)
    unchanged.client.send("/mula/ping")
    errors = []
    for got, values in unchanged.client.replies(2.0):
        assert got in ("/mula/error", "/mula/pong"), (got, values)
        if got == "/mula/error":
            errors.append(values)
    assert len(errors) == 1
    assert errors[0][:2] == (address, code)
    assert words in str(errors[0][2])


def test_the_page_shows_and_turns_the_same_knobs(tmp_path: Path) -> None:
    options = ("--osc", "127.0.0.1:0", *QUIET, "--http", "127.0.0.1:0", "--osc-tcp", "127.0.0.1:0")
    with daemon_process(tmp_path, *options) as process:
        line = process.wait_for(r"ready .* page=(http://\S+)")
        port = int(process.wait_for(r"osc=127\.0\.0\.1:(\d+)")[1])
        with OscClient("127.0.0.1", port) as client:
            client.send("/mula/knob/cfg", 9.0)
            assert ("/mula/knob/cfg", (5.0,)) in client.replies(1.0)
        with urllib.request.urlopen(f"{line[1].rstrip('/')}/mula/knob/cfg", timeout=5) as answer:
            node = json.load(answer)
    assert node["VALUE"] == [5.0]
    assert node["RANGE"][0]["MAX"] == 5.0  # the engine's own limit, not the table's


def test_a_taken_port_says_by_whom_and_what_to_do(daemon: Daemon, tmp_path: Path) -> None:
    line = daemon.process.wait_for(r"osc=(127\.0\.0\.1:\d+)")[1]
    with daemon_process(tmp_path, "--osc", line, *QUIET) as second:
        second.process.wait(20)
        text = "\n".join(second.lines)
        assert second.process.returncode == 2
    assert line in text
    assert "--osc" in text
    assert str(daemon.process.process.pid) in text


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    wall = tmp_path / "file"
    wall.write_text("not a folder")
    port = free_udp_port()
    with daemon_process(wall / "clips", "--osc", f"127.0.0.1:{port}", *QUIET) as process:
        process.process.wait(20)
    assert process.process.returncode == 2
    assert len(process.lines) == 1
    assert str(wall / "clips") in process.lines[0]


def test_a_bad_mapping_names_file_and_line(tmp_path: Path) -> None:
    bad = tmp_path / "mine.yaml"
    bad.write_text(
        "version: 1\ncontrollers:\n  box:\n    controls:\n      k1: {cc: 1}\n"
        "bindings:\n  - {from: box.k1, to: cgf}\n"
    )
    with daemon_process(tmp_path, "--osc", "127.0.0.1:0", "--mapping", str(bad), *QUIET) as process:
        process.process.wait(20)
    assert process.process.returncode == 2
    assert "mine.yaml:7" in process.lines[0]
    assert "did you mean cfg" in process.lines[0]
