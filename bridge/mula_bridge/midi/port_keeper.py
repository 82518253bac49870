"""What keeps ports open and passes on what they say, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Final

from mula_bridge.midi.backend import Backend, SystemGone
from mula_bridge.midi.connections import Connections
from mula_bridge.midi.port_messages import (
    PortBeat,
    PortNews,
    PortOrder,
    PortTrouble,
    PortWish,
    Say,
)
from mula_bridge.midi.reader import Heard

BEAT_S: Final = 0.5
"""How often something is told at least, a port that hangs excepted."""


class PortKeeper:
    """Obeys orders and looks for ports, on one thread.

    ``receive(seconds)`` waits for an order, and returns None without one; it raises EOFError at
    the end. ``hear(name)`` makes what takes the messages of an input.
    """

    def __init__(
        self,
        open_backend: Callable[[], Backend],
        receive: Callable[[float], PortOrder | None],
        tell: Callable[[PortNews], None],
        hear: Callable[[str], Heard],
        poll_seconds: float,
    ) -> None:
        self._receive = receive
        self._tell = tell
        self._connections = Connections(open_backend, hear, tell, poll_seconds, self._beat)
        self._wish: PortWish | None = None
        self._next_beat_ns = 0

    def run(self) -> None:
        """Work until there are no more orders, or the system has gone for this process."""
        try:
            while True:
                self._beat()
                order = self._receive(self._pause())
                match order:
                    case PortWish():
                        self._wish, self._connections.next_look_ns = order, 0
                    case Say(output, data):
                        self._connections.send(output, data)
                if self._wish and perf_counter_ns() >= self._connections.next_look_ns:
                    self._connections.look(self._wish)
        except EOFError:
            self._connections.close()
        except SystemGone as error:  # and nothing of it can be closed
            self._tell(PortTrouble("midi", error.code, str(error)))

    def _pause(self) -> float:
        until = self._next_beat_ns
        if self._wish is not None:
            until = min(until, self._connections.next_look_ns)
        return max(0, until - perf_counter_ns()) / 1e9

    def _beat(self) -> None:
        now_ns = perf_counter_ns()
        if now_ns >= self._next_beat_ns:
            self._next_beat_ns = now_ns + round(BEAT_S * 1e9)
            self._tell(PortBeat())
