"""The client process of ``mula bench latency``: pings and knob moves, and when.

Arguments: HOST PORT SECONDS. Prints one JSON object.
"""

from __future__ import annotations

import json
import socket
import sys
from time import monotonic, perf_counter_ns, sleep

from mula_bridge.osc import encode

PING_S = 0.005
KNOB_EVERY = 10
PATIENCE_S = 1.0


def main() -> None:
    """Ping every 5 ms; move cfg to a value never used before after every tenth."""
    host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    round_trips: list[float] = []
    knobs: list[tuple[float, int]] = []
    lost = count = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect((host, port))
        peer.settimeout(PATIENCE_S)
        end = monotonic() + seconds
        while monotonic() < end:
            count += 1
            start = perf_counter_ns()
            peer.send(encode("/mula/ping", (count,)))
            try:
                # Anything else that comes in is the acknowledgement of a knob.
                while b"/mula/pong" not in peer.recv(2048):
                    pass
                round_trips.append((perf_counter_ns() - start) / 1e6)
            except TimeoutError:
                lost += 1
            if count % KNOB_EVERY == 0:
                value = round(1.0 + len(knobs) % 5000 * 0.001, 3)
                knobs.append((value, perf_counter_ns()))
                peer.send(encode("/mula/knob/cfg", (value,)))
            sleep(PING_S)
    json.dump({"round_trips_ms": round_trips, "lost": lost, "knobs": knobs}, sys.stdout)


if __name__ == "__main__":
    main()
