"""The daemon under a soak, with everything around it that a fault may hit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, SOCK_STREAM, socket
from time import monotonic, sleep
from typing import Final

import psutil

from mula_bridge.errors import Unavailable
from mula_daemon.bench.soak.controller import NAME, KnobBox
from mula_daemon.bench.soak.ears import Ears
from mula_daemon.bench.soak.launcher import CHILD, JUMP
from mula_daemon.bench.soak.ledger import GENERATE, Ledger
from mula_daemon.bench.soak.place import SmallDisk, small_disk
from mula_daemon.bench.soak.sound_server import SoundServer, sound_server

HOST: Final = "127.0.0.1"
CONTROLS: Final = (20, 21)
"""The control changes that a map of ours binds, one at a time, to ``KNOB``."""
KNOB: Final = "temperature"
_WARM_S: Final = 120.0
_MAP: Final = """\
version: 1
controllers:
  box:
    in: "*{name}*"
    controls:
      knob: {{cc: {cc}}}
bindings:
  - {{from: box.knob, to: {knob}, takeover: jump}}
"""


class Rig:
    """One daemon in its own process, under the launcher's seams. One thread drives it."""

    def __init__(
        self, disk: SmallDisk, server: SoundServer | None, engine: str, here: Path
    ) -> None:
        self.disk = disk
        self.engine = engine
        self.server = server
        self.box = KnobBox() if server is not None else None
        self.ledger = Ledger()
        self.osc, self.tcp, self.http = (
            _free_port(kind) for kind in (SOCK_DGRAM, *[SOCK_STREAM] * 2)
        )
        self.mapping = here / "map.yaml"
        self.bound = CONTROLS[0]
        self.write_map(self.bound)
        self.said: deque[str] = deque(maxlen=400)
        self._children: dict[str, int] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mula_daemon.bench.soak.launcher", *self._options(engine)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=_environment(here),
        )
        self._reader = threading.Thread(target=self._read, name="soak log", daemon=True)
        self._reader.start()
        self.ears = Ears(HOST, self.osc)
        self.ears.listen(self.ledger.hear)

    def warm(self) -> None:
        """Wait until it is. Raises Unavailable with its last words."""
        end = monotonic() + _WARM_S
        while not any(line.startswith("ready engine=") for line in list(self.said)):
            if not self.runs or monotonic() > end:
                ended = "was not warm in time" if self.runs else "ended"
                raise Unavailable(f"the daemon {ended}; it said:\n" + "\n".join(self.said))
            sleep(0.05)
        self.ears.subscribe()

    @property
    def runs(self) -> bool:
        """Whether the daemon is alive at all."""
        return self._process.poll() is None

    @property
    def daemon(self) -> psutil.Process:
        """The daemon itself."""
        return psutil.Process(self._process.pid)

    def child(self, name: str) -> psutil.Process | None:
        """The newest child of that name, if it is alive."""
        if sys.platform == "linux":  # each has its name there, and the newest may be a spare
            for one in self.daemon.children():
                if _name(one) == name and _lives(one):
                    return one
        elif name in self._children:
            with suppress(psutil.NoSuchProcess):
                child = psutil.Process(self._children[name])
                return child if _lives(child) else None
        return None

    def names(self) -> list[str]:
        """Every child that there has been."""
        return list(self._children)

    def family(self) -> list[psutil.Process]:
        """The daemon and all its children."""
        daemon = self.daemon
        return [daemon, *daemon.children(recursive=True)]

    def jump_clock(self, seconds: float) -> None:
        """Move the daemon's wall clock."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{JUMP} {seconds}\n")
        self._process.stdin.flush()

    def write_map(self, cc: int) -> None:
        """Put a map that binds ``cc`` in the place of the other one, in one step."""
        new = self.mapping.with_suffix(".new")
        new.write_text(_MAP.format(name=NAME, cc=cc, knob=KNOB), encoding="utf-8")
        new.replace(self.mapping)
        self.bound = cc

    def generate(self, job: str) -> None:
        """Ask for a job; the daemon owes an answer to that."""
        self.ledger.ask(job)
        self.ears.send(GENERATE, job)

    def end(self) -> int | None:
        """End it as a user does; its exit status, None when it had to be killed."""
        if self.box is not None:
            self.box.unplug()
        try:
            self._process.terminate()
            status: int | None = self._process.wait(20)
        except subprocess.TimeoutExpired:
            status = None
            for process in self.family():
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait(10)
        self.ears.close()
        self._reader.join(2)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        return status

    def _options(self, engine: str) -> list[str]:
        sound = "jack" if self.server is not None else "off"
        midi = "jack:*" if self.server is not None else "off"
        return [
            *("--no-panel", "--engine", engine, "--folder", str(self.disk.clips)),
            *("--osc", f"{HOST}:{self.osc}", "--osc-tcp", f"{HOST}:{self.tcp}"),
            *("--http", f"{HOST}:{self.http}", "--mapping", str(self.mapping)),
            *("--audio", sound, "--midi", midi, "--audio-buffer", "100"),
        ]

    def _read(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):  # closed under us
            for line in self._process.stdout:
                if line.startswith(CHILD):
                    *_, name, pid = line.split()
                    self._children[name] = int(pid)
                self.said.append(line.rstrip())


@contextmanager
def rig(engine: str, *, jack: bool) -> Iterator[Rig]:
    """A warm daemon and its surroundings; all of it ends with the block. Raises Unavailable."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk())
        server = stack.enter_context(sound_server()) if jack else None
        made = Rig(disk, server, engine, disk.root)
        stack.callback(made.end)
        made.warm()
        yield made


def _environment(here: Path) -> dict[str, str]:
    """Nothing of the user's own plays a part, and nothing of ours stays behind."""
    ours = {
        "MULA_PRESETS": str(here / "presets.json"),
        "MULA_TONE_FAULTS": "1",
        "MULA_LEARNT": str(here / "learnt.yaml"),
        "XDG_CONFIG_HOME": str(here / "config"),
        "XDG_DATA_HOME": str(here / "data"),
    }
    return {k: v for k, v in os.environ.items() if not k.startswith("MULA_")} | ours


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def _lives(process: psutil.Process) -> bool:
    """Whether there is anybody, and not only an entry in the table of processes."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _free_port(kind: int) -> int:
    with socket(AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
