"""Drivers of a test's own, under a real audio process."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self

import pytest

from mula_daemon.audio.interface import Interface
from mula_daemon.audio.interface_worker import InterfaceState
from mula_daemon.settings.output_settings import OutputSettings


class Machine:
    """The drivers of every process that begins from now on."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(str(Path(__file__).parent / "portaudio"))
        self._script = folder / "drivers.json"
        monkeypatch.setenv("FAKE_PORTAUDIO", str(self._script))
        self.do()

    def do(self, **script: object) -> None:
        """Let them do that from now on, and else what they should."""
        part = self._script.with_suffix(".part")
        part.write_text(json.dumps(script))
        part.replace(self._script)


class Drivers(Machine):
    """What the audio processes of one test meet, and what their keeper says of it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch)
        self.told: list[InterfaceState] = []
        self.interface = Interface(OutputSettings(), self.told.append)

    def wait(self, count: int, timeout: float = 30.0) -> InterfaceState:
        """The ``count``-th thing that is said of the output."""
        end = monotonic() + timeout
        while len(self.told) < count:
            assert monotonic() < end, self.told
            sleep(0.005)
        return self.told[count - 1]

    def __enter__(self) -> Self:
        self.interface.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        began = monotonic()
        self.interface.stop()
        assert monotonic() - began < 5  # 2 s, and not a hang
        assert not self.interface.alive
