"""Who has a WAV open, as far as the system says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mula_daemon.clips.daw_traces import may_be_in_use

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="open files are seen on Linux only")

HOLD = "import sys; file = open(sys.argv[1], 'rb'); print('ready', flush=True); sys.stdin.read()"


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program has ``path`` open."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            child.kill()


@pytest.mark.parametrize("link", [False, True], ids=["by its name", "by a link"])
def test_a_wav_that_another_program_has_open_is_in_use(tmp_path: Path, link: bool) -> None:
    wav = tmp_path / "a.wav"
    wav.write_bytes(b"sound")
    name = tmp_path / "link.wav" if link else wav
    if link:
        name.symlink_to(wav)
    assert not may_be_in_use(name)
    with held(wav):
        assert may_be_in_use(name)


def test_other_open_files_are_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may lie on a share that is gone, where whoever looks waits for ever."""
    wav, other = tmp_path / "a.wav", tmp_path / "other.wav"
    for path in (wav, other):
        path.write_bytes(b"sound")
    looked: list[str] = []
    stat = Path.stat

    def noted(path: Path, *, follow_symlinks: bool = True) -> object:
        looked.append(str(path))
        return stat(path, follow_symlinks=follow_symlinks)

    with held(other):
        monkeypatch.setattr(Path, "stat", noted)
        assert not may_be_in_use(wav)
    assert set(looked) == {str(wav)}
