"""The main job from clients we did not write: liblo's oscsend and headless Pure Data."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import IO

import pytest

from mula_bridge.api.client import OscClient
from mula_daemon.clips.library import Clip, Library
from support.daemon_process import DaemonProcess, daemon_process
from support.pd_patch import PD, performance, running_patch
from support.ports import free_udp_port

OSCSEND, OSCDUMP = shutil.which("oscsend"), shutil.which("oscdump")
FRAMES_PER_BAR = 16


@dataclass
class Studio:
    """A daemon that these tests share."""

    process: DaemonProcess
    port: int
    folder: Path
    clips_before: int = 0

    def next_job(self) -> str:
        """What the daemon will call the next one."""
        self.clips_before = len(Library(self.folder).clips())
        known = re.findall(r"job (job\d+) ", "\n".join(self.process.lines))
        return f"job{len(set(known)) + 1}"

    def only_new_clip(self) -> Clip:
        (clip,) = Library(self.folder).clips()[self.clips_before :]
        return clip


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    port, folder = free_udp_port(), tmp_path_factory.mktemp("studio") / "clips"
    options = ("--osc", f"127.0.0.1:{port}", "--engine", "mini", "--audio", "off", "--midi", "off")
    with daemon_process(folder, *options) as process:
        process.wait_for("ready engine=mini")
        yield Studio(process, port, folder)


def read_lines(stream: IO[str], into: list[str]) -> None:
    with suppress(ValueError):  # closed under us, by the end of the test
        into.extend(stream)


def swept(clip: Clip) -> list[float]:
    """The cfg values of the timeline, which must lie in frames of their own, in order."""
    moves = [(frame, value) for frame, name, value in clip.recipe.knobs.timeline if name == "cfg"]
    frames = [frame for frame, _ in moves]
    assert frames == sorted(set(frames))
    assert all(0 < frame < FRAMES_PER_BAR * clip.recipe.bars for frame in frames)
    return [value for _, value in moves]


@pytest.mark.liblo
@pytest.mark.skipif(OSCSEND is None or OSCDUMP is None, reason="liblo-tools is not installed")
def test_oscsend_sweeps_a_knob_through_a_clip(studio: Studio) -> None:
    process, port, job = studio.process, studio.port, studio.next_job()
    listen = free_udp_port()

    def send(*words: str) -> None:
        subprocess.run([str(OSCSEND), "127.0.0.1", str(port), *words], check=True)

    with subprocess.Popen(
        [str(OSCDUMP), "-L", str(listen)], stdout=subprocess.PIPE, text=True
    ) as dump:
        sleep(0.3)
        send("/mula/subscribe", "i", str(listen))
        send("/mula/tags", "ss", "techno", "dark")
        send("/mula/knob/bars", "i", "2")
        send("/mula/knob/pace", "f", "2")
        send("/mula/generate")
        process.wait_for(f"job {job} running")
        sleep(0.2)
        for step in range(5):
            send("/mula/knob/cfg", "f", str(2 + step / 2))
            sleep(0.15)
        process.wait_for("clip techno-dark_120bpm")
        sleep(0.2)
        dump.terminate()
        heard = dump.communicate(timeout=5)[0]
    clip = studio.only_new_clip()
    assert clip.recipe.tags == ("techno", "dark")
    assert swept(clip) == [2.0, 2.5, 3.0, 3.5, 4.0]
    assert heard.count("/mula/progress") == 2 * FRAMES_PER_BAR
    assert f'/mula/clip ssfiifs "{clip.recipe.id}"' in heard
    assert f'/mula/job ss "{job}" "done"' in heard


@pytest.mark.puredata
@pytest.mark.skipif(PD is None, reason="puredata-core is not installed")
def test_pure_data_sweeps_a_knob_through_a_clip(studio: Studio, tmp_path: Path) -> None:
    process, port, job = studio.process, studio.port, studio.next_job()
    heard: list[str] = []
    with running_patch(performance(port, free_udp_port()), tmp_path) as pd:
        assert pd.stderr is not None
        reader = threading.Thread(target=read_lines, args=(pd.stderr, heard), daemon=True)
        reader.start()
        process.wait_for("clip techno_120bpm")
        sleep(0.3)
    reader.join(5)
    values = swept(studio.only_new_clip())
    assert len(values) >= 8
    assert all(later > earlier for earlier, later in itertools.pairwise(values))
    text = "".join(heard)
    assert text.count(f"mula progress {job}") == 2 * FRAMES_PER_BAR
    assert "mula clip" in text
    assert f"mula job {job} done" in text


@pytest.mark.liblo
@pytest.mark.skipif(OSCSEND is None, reason="liblo-tools is not installed")
def test_an_address_of_another_app_turns_a_knob_through_a_mapping(tmp_path: Path) -> None:
    port = free_udp_port()
    options = ("--osc", f"127.0.0.1:{port}", "--engine", "tone", "--audio", "off", "--midi", "off")
    map_of_mine = tmp_path / "mine.yaml"
    map_of_mine.write_text("version: 1\nbindings:\n  - {from: {osc: /1/fader1}, to: temperature}\n")
    with daemon_process(tmp_path / "clips", *options, "--mapping", str(map_of_mine)) as process:
        process.wait_for("ready engine=tone")
        with OscClient("127.0.0.1", port) as client:
            client.send("/1/fader1", 0.25)
            client.send("/mula/knob/temperature")
            assert ("/mula/knob/temperature", (0.5,)) in list(client.replies(1.0))
            map_of_mine.write_text(
                "version: 1\nbindings:\n  - {from: {osc: /1/fader1}, to: morph}\n"
            )
            sleep(1.2)
            client.send("/1/fader1", 0.75)
            client.send("/mula/knob/morph")
            assert ("/mula/knob/morph", (0.75,)) in list(client.replies(1.0))
