"""Garbage from ports, through the decoder and the router of every shipped map."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Sequence
from random import Random

import pytest

from mula_bridge.bindings.midi import MidiRouter
from mula_bridge.control.knobs import knob
from mula_bridge.control.messages.commands import Command, SetKnob, ToggleTag
from mula_bridge.control.messages.reports import KnobChanged
from mula_bridge.mapping.bundled import bundled_names, mapping_paths
from mula_bridge.mapping.file import load_mapping
from mula_bridge.midi.decoding import Decoder, Order

PORTS = ("Any 1", "nanoKONTROL2 1", "MPK mini 3", "Launch Control XL", "X-TOUCH MINI")
GROWTH = 64 * 1024
"""Bytes that may be lost to caches of the interpreter; a leak of one event a message is more."""

_PARTS = (0, 1, 6, 16, 32, 33, 38, 96, 98, 99, 100, 101, 120, 127)


def message(random: Random) -> bytes:
    """One message: half of them sound ones, the rest cut, stretched, or noise."""
    kind = random.random()
    if kind < 0.3:
        return random.randbytes(random.randrange(6))
    status = random.choice((0x80, 0x90, 0xA0, 0xB0, 0xB0, 0xB0, 0xC0, 0xD0, 0xE0, 0xF0))
    number = random.choice(_PARTS) if random.random() < 0.5 else random.randrange(128)
    data = bytes((status | random.randrange(16), number, random.randrange(128)))
    if kind < 0.4:
        return data[: random.randrange(4)]
    return data + random.randbytes(random.randrange(3)) if kind < 0.5 else data


def check(command: Command) -> None:
    if isinstance(command, SetKnob) and command.norm:
        assert 0.0 <= float(command.value) <= 1.0
    elif isinstance(command, SetKnob):
        assert knob(command.name).coerce(command.value) == command.value
    elif isinstance(command, ToggleTag):
        assert command.tag


def fuzz(routers: Sequence[MidiRouter], decoder: Decoder, sequences: int, random: Random) -> None:
    now = 0
    for index in range(sequences):
        midi, port = routers[index % len(routers)], random.choice(PORTS)
        for _ in range(random.randrange(1, 6)):
            data = message(random)
            now += random.randrange(50_000_000)
            decoder.decode(data)
            for command, origin in midi.receive(port, data, now):
                check(command)
                if isinstance(command, SetKnob) and random.random() < 0.5:
                    row = knob(command.name)
                    number = float(command.value)
                    value = row.from_norm(number) if command.norm else row.coerce(number)
                    midi.hear(KnobChanged(row.name, value, row.to_norm(value)), origin, now)
        midi.due(now)
        if index % 997 == 0:
            midi.forget(port)


def law(sequences: int) -> None:
    """No sequence raises, and what is remembered of them is bounded."""
    random = Random(sequences)
    tracemalloc.start()  # at once: what it has not seen made counts as new when it is renewed
    try:
        routers = [MidiRouter(load_mapping(mapping_paths(name))) for name in bundled_names()]
        routers.append(MidiRouter(load_mapping(mapping_paths(*bundled_names()))))
        decoder = Decoder({(channel, 1): Order.MSB_FIRST for channel in range(1, 17)})
        fuzz(routers, decoder, sequences // 2, random)  # until every port has its hands
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        fuzz(routers, decoder, sequences - sequences // 2, random)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < GROWTH


def test_1_000_sequences() -> None:
    law(1_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_30_000_sequences() -> None:
    law(30_000)
