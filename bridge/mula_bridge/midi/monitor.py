"""What controllers send, in words: for ``mula midi monitor``."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event

from mula_bridge.midi.backend import MidiInput, RtMidi
from mula_bridge.midi.decoding import Decoder, EventKind, describe
from mula_bridge.midi.port_names import port_matches
from mula_bridge.midi.reader import Heard


def monitor(
    write: Callable[[str], None],
    pattern: str = "*",
    api: str | None = None,
    *,
    stop: Event | None = None,
) -> None:
    """Write a line for everything that ports matching ``pattern`` say, until ``stop`` is set.

    ``write`` is called on this thread; without ``stop`` only an exception (Ctrl-C)
    ends it. Clock ticks are left out: 48 a second would hide the rest. Raises
    Unavailable.
    """
    stop = stop or Event()
    backend = RtMidi(api)
    heard: SimpleQueue[tuple[str, bytes]] = SimpleQueue()

    def hearer(name: str) -> Heard:
        return lambda data, _: heard.put((name, data))

    inputs: list[MidiInput] = []
    decoders: dict[str, Decoder] = {}
    try:
        for name in backend.inputs():
            if port_matches(pattern, name):
                inputs.append(backend.listen(name, hearer(name)))
                decoders[name] = Decoder()
                write(f"listening to {name}")
        if not inputs:
            write(f"no MIDI input matches {pattern}")
        while not stop.is_set():
            try:
                name, data = heard.get(timeout=0.1)
            except Empty:
                continue
            for event in decoders[name].decode(data):
                if event.kind is not EventKind.CLOCK:
                    write(f"{name}: {describe(event)}")
    finally:
        for port in inputs:
            port.close()
        backend.close()
