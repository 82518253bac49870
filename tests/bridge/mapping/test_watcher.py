"""Hot reload: a new mapping when the files change, the old one when they are wrong."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic, sleep

from mula_bridge.control.messages.reports import Failed
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
        self.watcher = MappingWatcher(
            lambda: [self.path], self.mappings.append, self.failures.append, poll_seconds=0.02
        )

    def write(self, text: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.replace(self.path)


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


def test_the_thread_looks_by_itself(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.watcher.start()
    watched.write(GOOD + "\n")
    end = monotonic() + 5
    while not watched.mappings and monotonic() < end:
        sleep(0.01)
    watched.watcher.stop()
    assert len(watched.mappings) == 1
