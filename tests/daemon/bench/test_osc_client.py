"""The clients that benchmarks run, against a daemon that answers with pongs and nothing else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

from mula_bridge.osc.wire import Message, decode, encode
from mula_daemon.bench.child import child
from mula_daemon.bench.osc_client import pinged


@contextmanager
def answering(*, late: int = -1) -> Iterator[tuple[tuple[str, int], list[Message]]]:
    """The address, and what came there; the pong of ping ``late`` comes with the next one's."""
    came: list[Message] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))

        def answer() -> None:
            held = []
            while packet := peer.recvfrom(2048):
                data, sender = packet
                if not data:
                    return
                (message,) = decode(data)
                came.append(message)
                if message.address != "/mula/ping":
                    continue
                held.append(encode("/mula/pong", message.args))
                if message.args != (late,):
                    for pong in held:
                        peer.sendto(pong, sender)
                    held.clear()

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield peer.getsockname(), came
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", peer.getsockname())
            thread.join()


def test_pings_are_timed_and_knobs_are_moved_between_them() -> None:
    with answering() as (address, came):
        notes = pinged(address, 0.5, patience_s=5.0, moves=5)
    pings = [message.args for message in came if message.address == "/mula/ping"]
    moves = [round(float(str(m.args[0])), 3) for m in came if m.address == "/mula/knob/cfg"]
    assert notes["lost"] == 0
    assert len(notes["round_trips_ms"]) == len(pings) >= 5
    assert [value for value, _ in notes["knobs"]] == moves
    assert len(set(moves)) == len(pings) // 5


def test_the_pong_of_a_ping_that_was_given_up_is_not_the_next_ones() -> None:
    with answering(late=2) as (address, came):
        notes = pinged(address, 0.6, patience_s=0.2)
    assert notes["lost"] == 1
    assert len(notes["round_trips_ms"]) == len(came) - 1
    assert notes["knobs"] == []


def test_the_load_is_sent_until_its_input_ends_and_counted() -> None:
    with answering() as (address, came):
        load = child("osc_client", "load", *map(str, address), "400")
        while len(came) < 40:
            sleep(0.01)
        said, _ = load.communicate(timeout=20)
        sleep(0.2)
    assert int(said) == len(came)
    turned = [message for message in came if message.address == "/mula/knob/temperature"]
    assert abs(len(turned) - len(came) / 4) <= 1
