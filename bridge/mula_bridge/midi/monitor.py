"""What controllers send, in words: for ``mula midi monitor``."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event

from mula_bridge.errors import Unavailable
from mula_bridge.midi.decoding import Decoder, EventKind, describe
from mula_bridge.midi.port_messages import (
    Arrived,
    PortNews,
    PortsChanged,
    PortsSeen,
    PortTrouble,
    PortWish,
)
from mula_bridge.midi.port_names import port_matches
from mula_bridge.midi.ports import Ports


def monitor(
    write: Callable[[str], None],
    pattern: str = "*",
    api: str | None = None,
    *,
    stop: Event | None = None,
) -> None:
    """Write a line for everything that ports matching ``pattern`` say, until ``stop`` is set.

    ``write`` is called on this thread; without ``stop`` only an exception (Ctrl-C)
    ends it. Clock ticks are left out: 48 a second would hide the rest. What does not work is a
    line, too, and it goes on; but it raises Unavailable when there are no ports to begin with,
    or when nobody keeps them any more.
    """
    stop = stop or Event()
    heard: SimpleQueue[PortNews] = SimpleQueue()
    ports = Ports(heard.put, api)
    ports.on_fault = lambda service, what, error: heard.put(
        PortTrouble("midi", Unavailable.code, str(error))
    )
    ports.start()
    ports.wish(PortWish(pattern, None, ()))
    telling = _Telling(write, pattern)
    try:
        while not stop.is_set():
            try:
                news = heard.get(timeout=0.1)
            except Empty:
                if ports.dead:
                    raise Unavailable("MIDI ended; start this again") from None
                continue
            telling.take(news)
    finally:
        ports.stop()


class _Telling:
    """News of ports in words."""

    def __init__(self, write: Callable[[str], None], pattern: str) -> None:
        self._write = write
        self._pattern = pattern
        self._seen = False
        self._trouble = ""
        self._decoders: dict[str, Decoder] = {}

    def take(self, news: PortNews) -> None:
        match news:
            case Arrived(messages):
                for name, data, _ in messages:
                    self._say(name, data)
            case PortsChanged(open=names, gone=gone):
                for name in gone:
                    self._decoders.pop(name, None)
                    self._write(f"{name} is gone")
                for name in names:
                    if name not in self._decoders:
                        self._decoders[name] = Decoder()
                        self._write(f"listening to {name}")
            case PortsSeen(inputs):
                if not self._seen and not any(port_matches(self._pattern, x) for x in inputs):
                    self._write(f"no MIDI input matches {self._pattern}")
                self._seen = True
            case PortTrouble(address, _, text):
                if address == "midi" and not self._seen:
                    raise Unavailable(text)
                if text != self._trouble:  # what lasts is a line, not one for each try
                    self._write(text)
                self._trouble = text
                return
        self._trouble = ""

    def _say(self, name: str, data: bytes) -> None:
        for event in self._decoders.setdefault(name, Decoder()).decode(data):
            if event.kind is not EventKind.CLOCK:
                self._write(f"{name}: {describe(event)}")
