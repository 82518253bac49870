"""The OSC load of ``mula bench live``: a process that sends so many messages a second.

Arguments: HOST PORT MESSAGES_PER_SECOND. Three of four are pings, the fourth turns a knob.
Prints how many it sent, once its standard input ends.
"""

from __future__ import annotations

import math
import socket
import sys
import threading
from time import monotonic, sleep

from mula_bridge.osc import encode

BURST_S = 0.01


def main() -> None:
    """Send until standard input ends."""
    host, port, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    ended = threading.Event()

    def watch() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    ping = encode("/mula/ping", (1,))
    sent, began = 0, monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect((host, port))
        peer.setblocking(False)
        while not ended.is_set():
            due = int((monotonic() - began) * rate)
            while sent < due:
                turn = 1.0 + 0.2 * math.sin(sent / 1000)
                peer.send(ping if sent % 4 else encode("/mula/knob/temperature", (turn,)))
                sent += 1
            try:
                while True:
                    peer.recv(2048)
            except BlockingIOError:
                pass
            sleep(BURST_S)
    print(sent, flush=True)


if __name__ == "__main__":
    main()
