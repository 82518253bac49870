"""MIDI ports of a made-up system, kept on a thread of the test's process."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue

from mula_bridge.control.service import Service
from mula_bridge.midi.backend import Backend
from mula_bridge.midi.port_keeper import PortKeeper
from mula_bridge.midi.port_messages import Arrived, PortOrder, PortWish, Say
from mula_bridge.midi.ports import Tell
from mula_bridge.midi.reader import Heard


class LocalPorts(Service):
    """What ``Ports`` is, without a process: it does what the process would."""

    def __init__(self, tell: Tell, backend: Callable[[], Backend], poll_seconds: float) -> None:
        super().__init__("local ports")
        self._orders: SimpleQueue[PortOrder | None] = SimpleQueue()
        self._tell_news = tell
        self._keeper = PortKeeper(backend, self._receive, tell, self._hearer, poll_seconds)

    def wish(self, wish: PortWish) -> None:
        self._orders.put(wish)

    def send(self, output: str, data: bytes) -> None:
        self._orders.put(Say(output, data))

    def wake(self) -> None:
        self._orders.put(None)

    def run(self) -> None:
        self._keeper.run()

    def _receive(self, seconds: float) -> PortOrder | None:
        try:
            order = self._orders.get(timeout=seconds)
        except Empty:
            return None
        if order is None:
            raise EOFError
        return order

    def _hearer(self, port: str) -> Heard:
        return lambda data, at_ns: self._tell_news(Arrived(((port, data, at_ns),)))


def local(
    backend: Callable[[], Backend], poll_seconds: float = 0.02
) -> Callable[[Tell], LocalPorts]:
    """Who keeps the ports of a made-up system, for ``MidiSource``."""
    return lambda tell: LocalPorts(tell, backend, poll_seconds)
