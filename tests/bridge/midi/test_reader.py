"""Reading inputs: in order, alone, and safe to close while they talk."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, perf_counter_ns, sleep

import pytest

from mula_bridge.midi.reader import Arrivals, MidiReader
from support.jack_server import why_no_jack


class Client:
    """An rtmidi input with what it has received."""

    def __init__(self, *messages: list[int]) -> None:
        self.queue = deque(messages)

    def get_message(self) -> tuple[list[int], float] | None:
        return (self.queue.popleft(), 0.0) if self.queue else None


class Broken(Client):
    """An input that cannot be read."""

    def get_message(self) -> tuple[list[int], float] | None:
        raise RuntimeError("no such device")


@pytest.fixture
def reader() -> Iterator[MidiReader]:
    reader = MidiReader()
    reader.start()
    yield reader
    reader.stop()


def wait_for(heard: list[bytes], count: int) -> None:
    end = monotonic() + 5
    while len(heard) < count and monotonic() < end:
        sleep(0.002)


def test_messages_come_in_order_with_their_time(reader: MidiReader) -> None:
    heard: list[bytes] = []
    times: list[int] = []
    before = perf_counter_ns()

    def hear(data: bytes, at_ns: int) -> None:
        heard.append(data)
        times.append(at_ns)

    reader.add(Client(*([0xB0, 1, value] for value in range(100))), hear)
    wait_for(heard, 100)
    assert heard == [bytes((0xB0, 1, value)) for value in range(100)]
    assert before <= times[0] <= times[-1] <= perf_counter_ns()


def test_an_input_that_was_removed_is_left_alone(reader: MidiReader) -> None:
    client, heard = Client(), []
    reader.add(client, lambda data, _: heard.append(data))
    reader.remove(client)
    client.queue.append([0xFA])
    sleep(0.03)
    assert heard == []


def test_a_broken_input_does_not_silence_the_others(
    reader: MidiReader, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[bytes] = []
    reader.add(Broken(), lambda *_: None)
    reader.add(Client([0xFA]), lambda data, _: heard.append(data))
    wait_for(heard, 1)
    assert heard == [b"\xfa"]
    assert "no such device" in caplog.text


class Flooded(Client):
    """An input that is filled faster than anybody reads."""

    def get_message(self) -> tuple[list[int], float] | None:
        return [0xFE], 0.0


def test_a_flooded_input_lets_the_others_speak_and_can_be_removed(reader: MidiReader) -> None:
    flooded, heard = Flooded(), list[bytes]()
    reader.add(flooded, lambda *_: None)
    reader.add(Client([0xFA]), lambda data, _: heard.append(data))
    wait_for(heard, 1)
    assert heard == [b"\xfa"]
    began = monotonic()
    reader.remove(flooded)
    assert monotonic() - began < 1.0


MS = 1_000_000


def test_times_are_finer_than_the_fetches() -> None:
    arrivals = Arrivals()
    assert arrivals.at(0.0, 1000 * MS) == 1000 * MS
    assert [arrivals.at(0.003, now * MS) for now in (1004, 1008, 1010)] == [
        1003 * MS,
        1006 * MS,
        1009 * MS,
    ]


def test_nothing_comes_later_than_it_is_fetched() -> None:
    arrivals = Arrivals()
    arrivals.at(0.0, 1002 * MS)  # fetched 2 ms late
    assert arrivals.at(0.010, 1011 * MS) == 1011 * MS
    assert arrivals.at(0.010, 1022 * MS) == 1021 * MS


def test_nothing_came_before_the_queue_was_seen_empty() -> None:
    """rtmidi leaves out the delta times of messages that it drops."""
    arrivals = Arrivals()
    arrivals.at(0.0, 1000 * MS)
    arrivals.empty(1018 * MS)
    assert arrivals.at(0.005, 1020 * MS) == 1018 * MS
    assert arrivals.at(0.001, 1020 * MS) == 1019 * MS


def test_a_reader_that_was_held_up_bends_no_times() -> None:
    arrivals = Arrivals()
    arrivals.at(0.0, 1000 * MS)
    arrivals.empty(1001 * MS)
    assert [arrivals.at(0.02, 1200 * MS) for _ in range(5)] == [
        (1000 + 20 * number) * MS for number in range(1, 6)
    ]


def test_a_reader_that_was_starved_spoils_nothing() -> None:
    arrivals = Arrivals()
    arrivals.at(0.0, 0)
    for index in range(1, 200):
        fetched = index * 10 * MS if not 100 <= index < 110 else 1100 * MS
        assert arrivals.at(0.010, fetched) == index * 10 * MS


CLOSING_UNDER_A_CLOCK = """
import sys, threading, time
sys.path[:0] = sys.argv[1:]
import rtmidi
from support.jack_server import jack_server
from support.midi_box import leave_jack
from mula_bridge.midi.backend import RtMidi

with jack_server(256) as server:
    clock = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="Clock")
    clock.open_virtual_port("out")
    done = threading.Event()

    def tick():
        while not done.wait(0.002):
            for _ in range(20):
                clock.send_message([0xF8])

    thread = threading.Thread(target=tick)
    thread.start()
    backend = RtMidi("jack")
    for _ in range(15):
        port = backend.listen("Clock:out", lambda *_: None)
        time.sleep(0.02)
        port.close()
    backend.close()
    done.set()
    thread.join()
    leave_jack(clock)
print("still alive")
"""


@pytest.mark.jack
def test_jack_ports_close_while_a_clock_runs() -> None:
    """In a process of its own: what this guards against freezes the interpreter."""
    if why := why_no_jack():
        pytest.skip(why)
    tests = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", CLOSING_UNDER_A_CLOCK, str(tests)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.endswith("still alive\n"), done.stderr
