"""A Pure Data patch as a foreign OSC peer: built here as text, run headless."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PD = shutil.which("pd")


class Patch:
    """Boxes and cords, in Pd's file format."""

    def __init__(self) -> None:
        self._boxes: list[str] = []
        self._cords: list[str] = []

    def box(self, kind: str, text: str) -> int:
        """Add an ``obj`` or ``msg`` box; its number."""
        self._boxes.append(f"#X {kind} 10 {len(self._boxes) * 25} {text};")
        return len(self._boxes) - 1

    def cord(self, source: int, target: int, outlet: int = 0, inlet: int = 0) -> None:
        """Connect two boxes."""
        self._cords.append(f"#X connect {source} {outlet} {target} {inlet};")

    def chain(self, *boxes: int) -> int:
        """Connect each box to the next, first outlet to first inlet; the last one."""
        for source, target in itertools.pairwise(boxes):
            self.cord(source, target)
        return boxes[-1]

    def __str__(self) -> str:
        return "\n".join(["#N canvas 0 0 500 500 12;", *self._boxes, *self._cords]) + "\n"


def performance(daemon_port: int, listen_port: int) -> Patch:
    """Subscribe, set tags and a pace, generate, and sweep cfg up every 100 ms."""
    patch = Patch()
    start = patch.box("obj", "loadbang")
    socket = patch.box("obj", "netsend -u -b")
    patch.chain(start, patch.box("msg", f"connect 127.0.0.1 {daemon_port}"), socket)
    send = patch.box("obj", "list prepend send")
    patch.chain(send, patch.box("obj", "list trim"), socket)

    def at(milliseconds: int, message: str, address: str) -> None:
        formatted = patch.box("obj", f"oscformat {address}")
        delay = patch.box("obj", f"delay {milliseconds}")
        patch.chain(start, delay, patch.box("msg", message), formatted, send)

    at(100, str(listen_port), "mula subscribe")
    at(200, "symbol techno", "mula tags")
    at(200, "2", "mula knob bars")
    at(200, "2", "mula knob pace")
    at(300, "1", "mula generate")
    metro = patch.chain(start, patch.box("obj", "delay 400"), patch.box("obj", "metro 100"))
    count = patch.chain(metro, patch.box("obj", "f 1.5"))
    patch.cord(patch.chain(count, patch.box("obj", "+ 0.25")), count, inlet=1)
    patch.chain(count, patch.box("obj", "oscformat mula knob cfg"), send)
    patch.chain(
        patch.box("obj", f"netreceive -u -b {listen_port}"),
        patch.box("obj", "oscparse"),
        patch.box("obj", "print heard"),
    )
    return patch


@contextmanager
def running_patch(
    patch: Patch, folder: Path, name: str = "peer", library: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run ``patch`` headless; what it prints comes on the process's stderr. It finds
    abstractions in the folder ``library``."""
    assert PD is not None
    path = folder / f"{name}.pd"
    path.write_text(str(patch), encoding="utf-8")
    command = [PD, "-nogui", "-noaudio", "-nomidi", "-stderr"]
    command += ["-path", str(library)] if library else []
    command += ["-open", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
            process.wait(5)
