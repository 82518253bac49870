"""Tens of thousands of hostile datagrams through decoding and dispatch, in one process."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Sequence
from time import thread_time

import pytest

from mula_bridge.api import addresses
from mula_bridge.api.dispatch import Dispatch
from mula_bridge.api.readers import Ping, Request
from mula_bridge.control.messages.commands import Command
from mula_bridge.control.messages.origin import Origin
from mula_bridge.errors import MulaError
from mula_bridge.osc.wire import Message, encode

PEER = ("127.0.0.1", 1)
KNOWN = [address for address, row, _ in addresses.concrete() if row.takes is not None]
ARGS: Sequence[tuple[float | str | int | bool, ...]] = (
    (), (1,), (0.5,), (-1e30,), ("techno",), (True,), (2**40,), ("a", 1, 2.0, False), ("x" * 2000,),
)  # fmt: skip


class Front:
    """Counts pongs and complaints."""

    def __init__(self) -> None:
        self.pongs = 0
        self.complaints = 0

    def serve(self, request: Request, message: Message, origin: Origin) -> None:
        self.pongs += isinstance(request, Ping)

    def moved(self, origin: Origin, confirmation: Sequence[object]) -> None: ...

    def complain(self, origin: Origin, error: MulaError) -> None:
        self.complaints += 1


def bundle(rng: random.Random, depth: int) -> bytes:
    inner = bundle(rng, depth - 1) if depth else packet(rng)
    size = rng.choice([len(inner), len(inner), 0, -4, 2**31 - 1, len(inner) + 4])
    return b"#bundle\0" + rng.randbytes(8) + (size & 0xFFFFFFFF).to_bytes(4, "big") + inner


def packet(rng: random.Random) -> bytes:
    """A message that is right, cut short, altered, or nothing of the kind."""
    right = encode(rng.choice(KNOWN), rng.choice(ARGS))
    match rng.randrange(7):
        case 0:
            return right
        case 1:
            return right[: rng.randrange(len(right) + 1)]
        case 2:
            altered = bytearray(right)
            for _ in range(rng.randrange(1, 6)):
                altered[rng.randrange(len(altered))] = rng.randrange(256)
            return bytes(altered)
        case 3:
            stars = "/mula/" + "*?" * rng.randrange(1, 200) + "[a-z]{x,y}"
            return encode(stars, (0.5,))
        case 4:
            return bundle(rng, rng.randrange(12))
        case 5:
            return rng.randbytes(rng.randrange(400))
        case _:
            return b"/" + b"\xff\xfe" * rng.randrange(50) + b"\0,qZ\0" + rng.randbytes(8)


def flood(count: int, seed: int) -> None:
    front, emitted = Front(), 0

    def emit(command: Command, origin: Origin) -> None:
        nonlocal emitted
        emitted += 1

    dispatch = Dispatch(front, emit, "fuzz")
    rng = random.Random(seed)
    slowest = 0.0
    for number in range(count):
        data = packet(rng) if number % 1000 else rng.randbytes(65_000)
        begun = thread_time()
        dispatch.obey_packet(data, PEER)
        slowest = max(slowest, thread_time() - begun)
        if number == count // 2:
            tracemalloc.start()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    before = front.pongs
    dispatch.obey_packet(encode("/mula/ping", (1,)), PEER)
    assert front.pongs == before + 1
    assert emitted > count / 20
    assert front.complaints > count / 4
    assert grown < 1_000_000
    assert slowest < 0.25  # no packet holds the ones behind it up; a busy machine may


def test_5_000_hostile_datagrams_hurt_nobody() -> None:
    flood(5_000, seed=1)


@pytest.mark.slow
def test_40_000_hostile_datagrams_hurt_nobody() -> None:
    flood(40_000, seed=2)
