"""What every sink does alike."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from mula_bridge.errors import MulaError
from mula_daemon.audition.take_sink import TakeSink
from mula_daemon.clips.fitted_sink import FittedSink
from mula_daemon.clips.folder_sink import FolderSink
from mula_daemon.clips.library import Library
from mula_daemon.clips.take import Abandoned, Sink, Take
from mula_daemon.settings.choices import BeatsMode
from support.decks import Following, turning
from support.memory_sink import MemorySink
from support.takes import FINISHED, blocks, make_take, noise

ABANDONED = Abandoned("cancelled")


@pytest.fixture(params=["folder", "fitted", "memory", "deck"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sink]:
    if request.param == "memory":
        yield MemorySink()
    elif request.param == "folder":
        Library(tmp_path).prepare()
        yield FolderSink(tmp_path)
    elif request.param == "fitted":
        Library(tmp_path).prepare()
        yield FittedSink(FolderSink(tmp_path), BeatsMode.TRIM)
    else:
        with turning(tmp_path) as (turntable, _):
            out = TakeSink(turntable, Following(turntable))
            yield out
            out.close(ABANDONED)


def perform(sink: Sink, take: Take, size: int = 1920) -> None:
    sink.open(take)
    for block in blocks(noise(take.samples, take.engine.channels), size):
        sink.write(block)
    sink.close(FINISHED)


@pytest.mark.parametrize("size", [333, 1920, 100_000])
def test_a_take_may_come_in_blocks_of_any_size(sink: Sink, size: int) -> None:
    perform(sink, make_take(), size)


@pytest.mark.parametrize(("rate", "channels"), [(48000, 1), (44100, 2), (32000, 1)])
def test_any_rate_and_channels_are_taken(sink: Sink, rate: int, channels: int) -> None:
    perform(sink, make_take(rate=rate, channels=channels))


def test_one_take_follows_another_whatever_became_of_it(sink: Sink) -> None:
    for number, outcome in enumerate([FINISHED, ABANDONED, ABANDONED, FINISHED]):
        take = make_take(id=f"take{number}")
        sink.open(take)
        sink.write(noise(take.samples if outcome is FINISHED else 100 * number))
        sink.close(outcome)


def test_an_empty_block_is_taken(sink: Sink) -> None:
    take = make_take()
    sink.open(take)
    sink.write(noise(0))
    sink.write(noise(take.samples))
    sink.write(noise(0))
    sink.close(FINISHED)


def test_a_block_is_neither_changed_nor_kept(sink: Sink) -> None:
    take = make_take()
    block = noise(take.samples) * np.float32(3.0)
    before = block.copy()
    block.flags.writeable = False
    sink.open(take)
    sink.write(block)
    np.testing.assert_array_equal(block, before)
    block.flags.writeable = True
    block[:] = 9.0
    sink.close(FINISHED)
    if isinstance(sink, MemorySink):
        np.testing.assert_array_equal(sink.recorded[-1].samples, before)


def test_a_strided_block_is_taken(sink: Sink) -> None:
    take = make_take()
    sink.open(take)
    sink.write(noise(take.samples * 2, 4)[::2, :2])
    sink.close(FINISHED)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda block: np.full_like(block, np.nan),
        lambda block: block[:, :1],
        lambda block: block.astype(np.float64),
        lambda block: np.concatenate([block] * 1000),
    ],
    ids=["not finite", "channels", "type", "too many"],
)
def test_what_breaks_the_promise_is_an_error_and_the_next_take_is_fine(
    sink: Sink, spoil: Callable[[np.ndarray], np.ndarray]
) -> None:
    sink.open(make_take())
    with pytest.raises(MulaError, match="the engine sent"):
        sink.write(spoil(noise(100)))
    sink.close(ABANDONED)
    perform(sink, make_take(id="next00"))


def test_release_lets_a_waiting_writer_go_and_keeps_it_from_waiting(sink: Sink) -> None:
    take = make_take(bpm=40.0, bars=8, beats_per_bar=2)
    half = noise(take.samples // 2)
    sink.open(take)
    writer = threading.Thread(target=lambda: sink.write(half))
    writer.start()
    writer.join(0.1)
    began = monotonic()
    sink.release()
    writer.join(10)
    assert not writer.is_alive()
    sink.write(half)
    assert monotonic() - began < 1.0
    sink.close(ABANDONED)


def test_release_is_over_when_the_next_take_is_opened(sink: Sink) -> None:
    sink.release()
    perform(sink, make_take())
    if isinstance(sink, MemorySink):
        assert len(sink.recorded) == 1


def test_closing_what_is_not_open_does_nothing(sink: Sink) -> None:
    sink.close(ABANDONED)
    sink.close(FINISHED)
    perform(sink, make_take())
    sink.close(FINISHED)


def test_misuse_is_said_so(sink: Sink) -> None:
    with pytest.raises(RuntimeError, match="no take is open"):
        sink.write(noise(10))
    sink.open(make_take())
    with pytest.raises(RuntimeError, match="already open"):
        sink.open(make_take())
    sink.close(ABANDONED)


def test_importing_every_sink_imports_nothing_slow() -> None:
    program = """
import sys
import mula_daemon.clips.library, mula_daemon.clips.folder_sink
import mula_daemon.audition.take_sink
slow = {"torch", "scipy", "pyloudnorm", "soundfile", "sounddevice", "soxr", "platformdirs"}
print(sorted(slow & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
