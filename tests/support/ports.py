"""UDP ports of servers whose address has to be known beforehand."""

from __future__ import annotations

import socket
import time


def free_udp_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_udp(port: int, timeout: float = 30.0) -> None:
    """Wait until somebody listens on ``port`` of every interface."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on UDP port {port}")
