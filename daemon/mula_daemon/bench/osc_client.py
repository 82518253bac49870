"""OSC clients of a daemon, each in a process of its own.

``ping HOST PORT SECONDS PATIENCE MOVES`` pings 200 times a second, and moves cfg to a value never
used before after every so many pings (0: never); prints one JSON object. ``load HOST PORT RATE``
sends so many messages a second, of which three of four are pings and the fourth turns a knob;
prints how many it sent, once its standard input ends.
"""

from __future__ import annotations

import json
import math
import socket
import sys
from contextlib import suppress
from time import monotonic, perf_counter_ns, sleep
from typing import Any, Final

from mula_bridge.net import hurry
from mula_bridge.osc import encode
from mula_daemon.bench.child import child, input_ended

PING_S: Final = 0.005
BURST_S: Final = 0.01


def pinged(
    address: tuple[str, int], seconds: float, *, patience_s: float = 0.5, moves: int = 0
) -> dict[str, Any]:
    """Run ``ping``: ``round_trips_ms``, how many were ``lost``, and of each of the ``knobs`` its
    value and perf_counter_ns when it was sent."""
    options = map(str, (*address, seconds, patience_s, moves))
    notes: dict[str, Any] = json.loads(child("osc_client", "ping", *options).communicate()[0])
    return notes


def ping(peer: socket.socket, seconds: float, patience_s: float, moves: int) -> dict[str, Any]:
    """Ping, wait for the answer, and note how long that took."""
    round_trips: list[float] = []
    knobs: list[tuple[float, int]] = []
    lost = count = 0
    hurry()
    peer.settimeout(patience_s)
    end = monotonic() + seconds
    while monotonic() < end:
        count += 1
        packet = encode("/mula/ping", (count,))
        wanted = packet.replace(b"ping", b"pong")
        start = perf_counter_ns()
        peer.send(packet)
        try:
            # What was given up may come after all, and so do the confirmations of knobs.
            while peer.recv(2048) != wanted:
                pass
            round_trips.append((perf_counter_ns() - start) / 1e6)
        except TimeoutError:
            lost += 1
        if moves and count % moves == 0:
            value = round(1.0 + len(knobs) % 5000 * 0.001, 3)
            knobs.append((value, perf_counter_ns()))
            peer.send(encode("/mula/knob/cfg", (value,)))
        sleep(PING_S)
    return {"round_trips_ms": round_trips, "lost": lost, "knobs": knobs}


def load(peer: socket.socket, rate: float) -> int:
    """Send until standard input ends; how many messages that were."""
    ended = input_ended()
    packet = encode("/mula/ping", (1,))
    sent, began = 0, monotonic()
    peer.setblocking(False)
    while not ended.is_set():
        due = int((monotonic() - began) * rate)
        while sent < due:
            turn = 1.0 + 0.2 * math.sin(sent / 1000)
            peer.send(packet if sent % 4 else encode("/mula/knob/temperature", (turn,)))
            sent += 1
        with suppress(BlockingIOError):
            while True:
                peer.recv(2048)
        sleep(BURST_S)
    return sent


def main(what: str, host: str, port: str, first: str, *others: str) -> None:
    """Do it, and print the outcome."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect((host, int(port)))
        if what == "load":
            print(load(peer, float(first)), flush=True)
        else:
            patience_s, moves = others
            print(json.dumps(ping(peer, float(first), float(patience_s), int(moves))))


if __name__ == "__main__":
    main(*sys.argv[1:])
