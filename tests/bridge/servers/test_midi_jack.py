"""MIDI over real ports: every kind of control, a foreign clock, and pulled plugs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import which
from signal import SIGINT
from time import monotonic, sleep

import pytest

from mula_bridge.control.messages.commands import SetKnob
from mula_bridge.control.messages.reports import Failed, KnobChanged
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.midi.clock import ClockNews
from mula_bridge.midi.ports import POLL_SECONDS
from mula_bridge.servers.midi import MidiSource
from support.jack_server import JackServer, jack_server
from support.midi_box import Commands, MidiBox, eventually

pytestmark = pytest.mark.jack

MAPPING = parse_mapping("""\
version: 1
controllers:
  box:
    in: "Box*"
    out: "Box*"
    controls:
      hello: {cc: 16}
      two: {cc: 20, mode: twos_complement, step: 0.1}
      offset: {cc: 21, mode: binary_offset, step: 0.1}
      dec: {cc: 22, mode: sign_bit_dec, step: 0.1}
      inc: {cc: 23, mode: sign_bit_inc, step: 0.1}
      fine: {cc: 1, bits: 14}
      fine_first: {cc: 2, bits: 14, order: lsb_first}
      nrpn: {nrpn: 300}
      rpn: {rpn: 5}
      bend: {pitch_bend: true}
bindings:
  - {from: box.hello, to: seed}
  - {from: box.two, to: cfg}
  - {from: box.offset, to: temperature}
  - {from: box.dec, to: morph}
  - {from: box.inc, to: pace}
  - {from: box.fine, to: bpm}
  - {from: box.fine_first, to: gain_db}
  - {from: box.nrpn, to: genre_strength}
  - {from: box.rpn, to: key}
  - {from: box.bend, to: top_k}
""")


@pytest.fixture(scope="module")
def jack() -> Iterator[JackServer]:
    # rtmidi knows when a message came to a period; longer ones would blur the clock.
    with jack_server(period=128) as server:
        yield server


@contextmanager
def source(
    poll_seconds: float = 0.1, clock: Callable[[ClockNews], None] | None = None
) -> Iterator[tuple[MidiSource, Commands]]:
    emit = Commands()
    failures: list[Failed] = []
    midi = MidiSource(
        MAPPING, api="jack", failed=failures.append, poll_seconds=poll_seconds, clock=clock
    )
    midi.start(emit)
    try:
        yield midi, emit
    finally:
        midi.stop()
    assert failures == []


@contextmanager
def connected() -> Iterator[tuple[MidiBox, Commands]]:
    with MidiBox() as box, source() as (_, emit):
        box.turn_until(lambda: emit.taken, 0xB0, 16, 0)
        yield box, emit


def of(emit: Commands, name: str) -> list[float]:
    """Where a knob was put so far, as travel."""
    return [
        float(command.value)
        for command in emit.commands
        if isinstance(command, SetKnob) and command.name == name
    ]


def test_relative_encoders_in_every_encoding(jack: JackServer) -> None:
    with connected() as (box, emit):
        for cc, up, down, name, start in (
            (20, 1, 127, "cfg", 0.125),
            (21, 65, 63, "temperature", 0.5),
            (22, 1, 65, "morph", 0.0),
            (23, 65, 1, "pace", 0.0),
        ):
            for value in (up, up, up + 1, down):
                box.turn(0xB0, cc, value)
            expected = [start + step for step in (0.1, 0.2, 0.4, 0.3)]
            eventually(lambda name=name: len(of(emit, name)) == 4)  # type: ignore[misc]
            assert of(emit, name) == pytest.approx(expected), name


def test_14_bits_in_every_kind(jack: JackServer) -> None:
    values = (0, 1, 127, 128, 5000, 8192, 16256, 16383)
    with connected() as (box, emit):
        for value in values:
            coarse, fine = value >> 7, value & 0x7F
            for message in (
                (0xB0, 1, coarse), (0xB0, 33, fine),
                (0xB0, 34, fine), (0xB0, 2, coarse),
                (0xB0, 99, 2), (0xB0, 98, 44), (0xB0, 6, coarse), (0xB0, 38, fine),
                (0xB0, 100, 5), (0xB0, 101, 0), (0xB0, 38, fine), (0xB0, 6, coarse),
                (0xE0, fine, coarse),
            ):  # fmt: skip
                box.turn(*message)
        whole = [value / 16383 for value in values]
        eventually(lambda: len(of(emit, "top_k")) == len(values))
        assert of(emit, "bpm")[1::2] == of(emit, "genre_strength")[1::2] == whole
        assert of(emit, "gain_db") == of(emit, "key") == of(emit, "top_k") == whole


def test_14_bits_are_shown_as_they_came(jack: JackServer) -> None:
    with connected() as (box, emit), source() as (shown, _):
        eventually(lambda: bytes((0xE0, 0, 0)) in box.seen or len(box.seen) > 8)

        shown.report(KnobChanged("top_k", 250, 1.0), to=None, but=None)
        eventually(lambda: bytes((0xE0, 127, 127)) in box.seen)
        assert of(emit, "top_k") == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_pulled_and_plugged_in_again_while_it_is_turned(jack: JackServer) -> None:
    """Ten times, at the pace at which ports are really looked for."""
    waits = []
    with source(poll_seconds=POLL_SECONDS) as (midi, emit):
        for _ in range(10):
            with MidiBox() as box:
                emit.taken.clear()
                began = monotonic()
                while not emit.taken and monotonic() < began + 5:
                    box.turn(0xB0, 16, 64)
                    sleep(0.01)
                waits.append(monotonic() - began)
                for value in range(30):
                    box.turn(0xB0, 16, value)
            eventually(lambda: midi.ports() == [])
    assert max(waits) < 1.0, waits


@contextmanager
def jack_midi_clock(jack: JackServer, bpm: int) -> Iterator[None]:
    """A foreign clock; it ticks while JACK's transport rolls."""
    command = ["jack_midi_clock", "--force-bpm", "--bpm", str(bpm)]
    process = subprocess.Popen(
        command, env=jack.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        jack.find("mclk_out")
        yield
    finally:
        process.send_signal(SIGINT)  # it would not say goodbye to JACK on any other
        process.wait(10)


def transport(jack: JackServer, *words: str) -> None:
    """Say something to JACK's transport."""
    text = "".join(f"{word}\n" for word in (*words, "exit"))
    subprocess.run(
        ["jack_transport"], input=text, text=True, env=jack.env, capture_output=True, timeout=10
    )


@pytest.mark.skipif(
    not (which("jack_midi_clock") and which("jack_transport")), reason="no jack_midi_clock"
)
@pytest.mark.parametrize("bpm", [90, 120, 174])
def test_a_foreign_clock(jack: JackServer, bpm: int) -> None:
    news: list[ClockNews] = []
    transport(jack, "stop", "locate 0")
    with jack_midi_clock(jack, bpm), source(clock=news.append) as (midi, _):
        eventually(lambda: any("mclk_out" in port for port in midi.ports()), timeout=15)
        # A port is told of before it is connected, and what says Start says it once.
        eventually(lambda: "mulabridge" in jack.peers("jack_midi_clock:mclk_out"))
        lost = jack.lost_seconds()
        transport(jack, "play")
        eventually(lambda: news and news[-1].beat > 5, timeout=8)
        wait_for(lambda: steady(news, bpm), timeout=8 - 5 * 60 / bpm)
        lost = jack.lost_seconds() - lost
        if lost > STARVED and not steady(news, bpm):
            pytest.skip(f"JACK was starved: its own clock lost {1000 * lost:.1f} ms")
        assert steady(news, bpm), news[-1]
        assert news[-1].running
        assert {one.port for one in news} == {"jack_midi_clock:mclk_out"}
        beats = [int(one.beat) for one in news]
        assert sorted(beats) == beats
        assert set(beats) == set(range(beats[-1] + 1))
        transport(jack, "stop")
        eventually(lambda: not news[-1].running)
        eventually(lambda: news[-1].bpm is None)


STARVED = 0.0005
"""Seconds lost in a window of two bend a tempo by more than may be read wrong."""


def wait_for(test: Callable[[], object], timeout: float) -> None:
    end = monotonic() + timeout
    while not test() and monotonic() < end:
        sleep(0.01)


def steady(news: list[ClockNews], bpm: int) -> bool:
    """Whether it was read right for a beat."""
    latest = [one.bpm for one in news if one.beat > news[-1].beat - 1]
    return all(read is not None and abs(read - bpm) <= 0.05 for read in latest)
