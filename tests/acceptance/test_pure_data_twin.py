"""The Pure Data twin of the Max device, headless, with a real daemon over UDP."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic, sleep

import pytest
import soundfile

from support.daemon_process import DaemonProcess, daemon_process
from support.pd_patch import PD, Patch, running_patch
from support.ports import free_udp_port

TWIN = Path(__file__).parents[2] / "bridge" / "pd"
MOVES = 1000

pytestmark = [
    pytest.mark.puredata,
    pytest.mark.skipif(PD is None, reason="puredata-core is not installed"),
]


class Heard:
    """What a twin's outlet said so far, one message a line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with suppress(ValueError):  # closed under us, by the end of the test
            for line in self._process.stderr:
                said = line.rstrip()
                if said.startswith("heard: "):
                    self.lines.append(said.removeprefix("heard: "))
                elif said and not said.startswith("verbose("):  # Pd on how busy the machine is
                    self.errors.append(said)

    def wait_for(self, pattern: str, seconds: float = 20.0) -> re.Match[str]:
        end = monotonic() + seconds
        while monotonic() < end:
            for line in list(self.lines):
                if found := re.fullmatch(pattern, line):
                    return found
            sleep(0.02)
        raise AssertionError(f"no {pattern!r}: {self.lines[-15:]} {self.errors}")

    def knob(self, name: str) -> list[float]:
        """Every value that came for a knob."""
        said = [line.split() for line in list(self.lines)]
        return [float(words[2]) for words in said if words[:2] == ["knob", name]]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DaemonProcess, int]]:
    folder = tmp_path_factory.mktemp("twins")
    port = free_udp_port()
    options = ("--osc", f"127.0.0.1:{port}", "--engine", "tone", "--audio", "off", "--midi", "off")
    with daemon_process(folder / "clips", *options) as process:
        process.wait_for("ready engine=tone")
        yield process, port


def twin(port: int) -> tuple[Patch, int]:
    """A patch with a twin whose outlet is printed, and the number of its box."""
    patch = Patch()
    box = patch.box("obj", f"mula {port}")
    patch.chain(box, patch.box("obj", "print heard"))
    return patch, box


def connected(patch: Patch, box: int) -> int:
    """A box that bangs a moment after the twin has said hello."""
    state = patch.chain(box, patch.box("obj", "route state"), patch.box("obj", "route connected"))
    return patch.chain(state, patch.box("obj", "delay 300"))


def test_hello_knob_generate_and_the_clip_is_loaded(
    daemon: tuple[DaemonProcess, int], tmp_path: Path
) -> None:
    process, port = daemon
    patch, box = twin(port)
    start = connected(patch, box)
    for message in ("cfg 3.25", "bars 1", "key C#min", "tags techno dark", "generate"):
        patch.chain(start, patch.box("msg", message), box)
    landed = patch.chain(box, patch.box("obj", "route loaded"), patch.box("obj", "t b"))
    for milliseconds, message in ((300, "next"), (900, "keep")):
        wait = patch.box("obj", f"delay {milliseconds}")
        patch.chain(landed, wait, patch.box("msg", message), box)
    with running_patch(patch, tmp_path, library=TWIN) as pd:
        heard = Heard(pd)
        heard.wait_for(r"knob cfg \S+")  # in the dump that answers hello
        path = heard.wait_for(r"clip \w+ (\S+) 120 1 \S+ 2 job1")[1]
        frames = heard.wait_for(r"loaded (\d+)")[1]
        heard.wait_for("job job1 done")
        kept = heard.wait_for(r"clip status \w+ kept 0 (\S+)")[1]
        sleep(0.3)
    assert Path(kept).parent.name == "kept"
    assert sum(line.startswith("loaded") for line in heard.lines) == 1
    assert int(frames) == soundfile.info(kept).frames
    assert "_Csharpmin_cfg3.2_" in path or "_C#min_cfg3.2_" in path
    assert 3.25 not in heard.knob("cfg")
    assert heard.errors == []
    assert any("techno" in line for line in process.lines)


def test_two_twins_hear_each_other_and_never_themselves(
    daemon: tuple[DaemonProcess, int], tmp_path: Path
) -> None:
    _, port = daemon
    own = {"cfg": (2.0, 0.002), "temperature": (0.25, 0.001)}
    with ExitStack() as stack:
        heard = {}
        for name, (first, step) in own.items():
            patch, box = twin(port)
            begin = patch.chain(connected(patch, box), patch.box("obj", "delay 1500"))
            metro = patch.chain(begin, patch.box("msg", "1"), patch.box("obj", "metro 2"))
            count = patch.chain(metro, patch.box("obj", "f 1"))
            patch.cord(patch.chain(count, patch.box("obj", "+ 1")), count, inlet=1)
            enough = patch.chain(count, patch.box("obj", f"sel {MOVES}"))
            patch.chain(enough, patch.box("msg", "0"), metro)
            patch.chain(
                count,
                patch.box("obj", f"* {step}"),
                patch.box("obj", f"+ {first}"),
                patch.box("obj", f"list prepend {name}"),
                patch.box("obj", "list trim"),
                box,
            )
            pd = stack.enter_context(running_patch(patch, tmp_path, f"peer-{name}", TWIN))
            heard[name] = Heard(pd)
        last = {name: first + step * MOVES for name, (first, step) in own.items()}
        heard["temperature"].wait_for(f"knob cfg {last['cfg']:g}")
        heard["cfg"].wait_for(f"knob temperature {last['temperature']:g}")
        sleep(0.5)  # longer than the daemon holds a value back from the hand that moved it
    for name, other in (("cfg", "temperature"), ("temperature", "cfg")):
        assert len(heard[name].knob(other)) > 10  # some are skipped, never the last
        assert len(heard[name].knob(name)) == 1  # in the dump that answers hello
        assert heard[name].errors == []


@pytest.mark.slow
def test_a_twin_notices_that_the_daemon_goes_and_comes_back(tmp_path: Path) -> None:
    port = free_udp_port()
    options = ("--osc", f"127.0.0.1:{port}", "--engine", "tone", "--audio", "off", "--midi", "off")
    patch, _ = twin(port)
    with running_patch(patch, tmp_path, library=TWIN) as pd:
        heard = Heard(pd)
        with daemon_process(tmp_path / "one", *options) as process:
            process.wait_for("ready engine=tone")
            heard.wait_for("state connected")
        heard.wait_for("state gone")
        heard.lines.clear()
        with daemon_process(tmp_path / "two", *options):
            heard.wait_for("state connected")
            heard.wait_for("engine ready tone")
