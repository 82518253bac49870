"""A client that pings the daemon 200 times a second, in a process of its own.

Arguments: HOST PORT SECONDS. Prints one JSON object.
"""

from __future__ import annotations

import json
import socket
import sys
from time import monotonic, perf_counter_ns, sleep

from mula_bridge.net import hurry
from mula_bridge.osc import encode

PING_S = 0.005
PATIENCE_S = 0.5


def main() -> None:
    """Ping, wait for the answer, and note how long that took."""
    host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    round_trips: list[float] = []
    lost = count = 0
    hurry()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect((host, port))
        peer.settimeout(PATIENCE_S)
        end = monotonic() + seconds
        while monotonic() < end:
            count += 1
            packet = encode("/mula/ping", (count,))
            wanted = packet.replace(b"ping", b"pong")
            start = perf_counter_ns()
            peer.send(packet)
            try:
                while peer.recv(2048) != wanted:  # what was given up may come after all
                    pass
                round_trips.append((perf_counter_ns() - start) / 1e6)
            except TimeoutError:
                lost += 1
            sleep(PING_S)
    json.dump({"round_trips_ms": round_trips, "lost": lost}, sys.stdout)


if __name__ == "__main__":
    main()
