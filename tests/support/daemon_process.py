"""A real ``mula run`` in its own process, and a client for it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

from support.processes import children

MULA = Path(sys.executable).with_name("mula")


class DaemonProcess:
    """What ``mula run`` printed so far, and where it listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with suppress(ValueError):  # closed under us, by the end of a test
            for line in self.process.stdout:
                with self._news:
                    self.lines.append(line.rstrip())
                    self._news.notify_all()

    def end(self) -> None:
        """Kill the process if it still runs, and read what it said to the last line."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        self._reader.join(5)

    def wait_for(self, pattern: str, timeout: float = 60.0) -> re.Match[str]:
        """The first line that matches ``pattern``, printed already or to come."""
        end = monotonic() + timeout
        with self._news:
            while True:
                for line in self.lines:
                    if found := re.search(pattern, line):
                        return found
                if not self._news.wait(end - monotonic()):
                    raise AssertionError(f"no {pattern!r} in {timeout} s: {self.lines[-15:]}")

    def engine_pid(self) -> int:
        """Process id of the engine: of the children that are no resource tracker the last one."""
        spawned = children("spawn_main", self.process.pid)
        if not spawned:
            raise AssertionError("no engine process")
        return int(max(spawned, key=lambda child: child.create_time()).pid)

    def stop(self, how: signal.Signals = signal.SIGINT) -> float:
        """Send ``how`` and wait; how many seconds it took."""
        start = monotonic()
        self.process.send_signal(how)
        self.process.wait(10)
        self._reader.join(2)
        return monotonic() - start


@contextmanager
def daemon_process(folder: Path, *options: str) -> Iterator[DaemonProcess]:
    """Run the daemon with its clips in ``folder``; killed at the end if it still runs."""
    command = [str(MULA), "run", "--no-panel", "--folder", str(folder), *options]
    # Nothing of the user's own may play a part, and nothing of ours may stay behind.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MULA_")}
    environment |= {
        "MULA_PRESETS": str(folder.parent / f"{folder.name}-presets.json"),
        "MULA_LEARNT": str(folder.parent / f"{folder.name}-learnt.yaml"),
        "MULA_HTTP": "off",
        "XDG_CONFIG_HOME": str(folder.parent / f"{folder.name}-config"),
    }
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        daemon = DaemonProcess(process)
        try:
            yield daemon
        finally:
            daemon.end()
