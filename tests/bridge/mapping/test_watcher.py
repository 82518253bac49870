"""Hot reload: a new mapping when the files change, the old one when they are wrong."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from mula_bridge.control.messages.reports import Failed
from mula_bridge.mapping.bundled import mapping_paths
from mula_bridge.mapping.model import Mapping
from mula_bridge.mapping.watcher import MappingWatcher

GOOD = "version: 1\nbindings: [{from: {cc: 1}, to: cfg}]\n"


class Watched:
    """A file, and what its watcher said."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "my.yaml"
        self.path.write_text(GOOD)
        self.mappings: list[Mapping] = []
        self.failures: list[Failed] = []
        self.watch(lambda: [self.path])

    def watch(
        self, paths: Callable[[], list[Path]], take: Callable[[Mapping], None] | None = None
    ) -> None:
        self.watcher = MappingWatcher(
            paths, take or self.mappings.append, self.failures.append, poll_seconds=0.02
        )

    def write(self, text: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.replace(self.path)


def wait_for(holds: Callable[[], object]) -> None:
    end = monotonic() + 5
    while not holds():
        assert monotonic() < end
        sleep(0.005)


def test_nothing_happens_while_nothing_changes(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.watcher.check()
    assert (watched.mappings, watched.failures) == ([], [])


def test_a_change_is_handed_on_once(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.write(GOOD + "presets: {a: {cfg: 2}}\n")
    watched.watcher.check()
    watched.watcher.check()
    assert [list(mapping.presets) for mapping in watched.mappings] == [["a"]]


def test_a_mistake_is_reported_once_and_the_next_good_text_counts(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.write("version: 1\nbindings: [{from: {cc: 1}, to: cgf}]\n")
    watched.watcher.check()
    watched.watcher.check()
    assert watched.mappings == []
    (failure,) = watched.failures
    assert failure.address == "mapping"
    assert failure.code == "bad_input"
    assert "my.yaml:2: unknown knob 'cgf'; did you mean cfg?" in failure.text
    watched.write(GOOD)
    watched.watcher.check()
    assert len(watched.mappings) == 1


def test_a_file_that_goes_away_is_a_mistake(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.path.unlink()
    watched.watcher.check()
    assert "cannot be read" in watched.failures[0].text


def test_a_change_within_the_same_second_counts(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    status = watched.path.stat()
    watched.write(GOOD.replace("cfg", "bpm"))
    os.utime(watched.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    watched.watcher.check()
    assert len(watched.mappings) == 1


def taken_away(path: Path) -> None:
    path.unlink()


def broken(path: Path) -> None:
    path.write_text("bindings: [")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def not_text(path: Path) -> None:
    path.write_bytes(b"version: 1 # caf\xe9")


def empty(path: Path) -> None:
    path.write_text("")


SPOILS = [taken_away, broken, a_folder, not_text, empty]

if sys.platform != "win32":

    def a_pipe(path: Path) -> None:
        path.unlink()
        os.mkfifo(path)

    SPOILS.append(a_pipe)


@pytest.mark.parametrize("finder", ["named", "plain"])
@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_a_map_that_is_spoilt_for_a_moment_is_told_and_followed_again(
    tmp_path: Path, spoil: Callable[[Path], None], finder: str
) -> None:
    watched = Watched(tmp_path)
    if finder == "named":  # as the daemon finds it, which raises for a file that is away
        watched.watch(lambda: mapping_paths(str(watched.path)))
    watched.watcher.start()
    spoil(watched.path)
    wait_for(lambda: watched.failures)
    sleep(0.15)  # several looks
    (failure,) = watched.failures
    assert (failure.address, str(watched.path) in failure.text) == ("mapping", True)
    assert failure.text.endswith("(the old mapping stays)")
    if watched.path.is_dir():
        watched.path.rmdir()
    watched.write(GOOD + "presets: {a: {cfg: 2}}\n")
    wait_for(lambda: watched.mappings)
    watched.watcher.stop()
    assert "a" in watched.mappings[-1].presets
    assert (watched.watcher.faults, watched.watcher.dead) == (0, False)


def test_a_map_that_comes_back_as_it_was_is_used_again(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    aside = watched.path.rename(tmp_path / "aside")
    watched.watcher.check()
    aside.rename(watched.path)
    watched.watcher.check()
    assert (len(watched.failures), len(watched.mappings)) == (1, 1)


def test_a_map_that_was_withheld_for_a_while_is_read_though_it_did_not_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(tmp_path)
    watched.write(GOOD + "presets: {a: {cfg: 2}}\n")
    with monkeypatch.context() as held:
        held.setattr(Path, "read_bytes", _held)
        watched.watcher.check()
        watched.watcher.check()
    watched.watcher.check()
    assert "Permission denied" in watched.failures[0].text
    assert (len(watched.failures), len(watched.mappings)) == (1, 1)


def _held(path: Path) -> bytes:
    raise PermissionError(errno.EACCES, "Permission denied", str(path))


@pytest.mark.parametrize("error", [OSError("the drive is gone"), RuntimeError("a bug")], ids=repr)
def test_a_finder_that_raises_does_not_end_the_watcher(tmp_path: Path, error: Exception) -> None:
    watched = Watched(tmp_path)
    failing = iter([error] * 3)

    def paths() -> list[Path]:
        for one in failing:
            raise one
        return [watched.path]

    watched.watch(paths)
    watched.watcher.start()
    wait_for(lambda: watched.mappings)
    watched.watcher.stop()
    told = [failure.text for failure in watched.failures]
    assert told == (["the drive is gone (the old mapping stays)"] if "gone" in str(error) else [])
    assert watched.watcher.faults == (0 if told else 2)  # the first look was at its making


def test_whoever_takes_the_mapping_may_fail_and_gets_the_next_one(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    failures = iter([RuntimeError("a bug")])

    def take(mapping: Mapping) -> None:
        for failure in failures:
            raise failure
        watched.mappings.append(mapping)

    watched.watch(lambda: [watched.path], take)
    for preset in ("a", "b"):
        watched.write(GOOD + f"presets: {{{preset}: {{cfg: 2}}}}\n")
        watched.watcher.check()
    assert [list(mapping.presets) for mapping in watched.mappings] == [["b"]]
    assert watched.watcher.faults == 1


def test_the_thread_looks_by_itself(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.watcher.start()
    watched.write(GOOD + "\n")
    wait_for(lambda: watched.mappings)
    watched.watcher.stop()
    assert len(watched.mappings) == 1
