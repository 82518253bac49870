"""The names of the machine's MIDI ports, once."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

from mula_bridge.errors import BadInput, Unavailable
from mula_bridge.midi.port_messages import PortNews, PortsSeen, PortTrouble, PortWish
from mula_bridge.midi.ports import Ports

LIST_S: Final = 10.0
"""How long is waited for the names."""


def list_ports(api: str | None = None) -> tuple[list[str], list[str]]:
    """The names of the machine's input and output ports. Raises Unavailable, also when the
    system does not answer, and BadInput for a system that there is not."""
    heard: SimpleQueue[PortNews] = SimpleQueue()
    ports = Ports(heard.put, api)
    ports.on_fault = lambda service, what, error: heard.put(
        PortTrouble("midi", Unavailable.code, str(error))
    )
    ports.start()
    ports.wish(PortWish("", (), ()))
    end = monotonic() + LIST_S
    try:
        while True:
            match heard.get(timeout=max(0.0, end - monotonic())):
                case PortsSeen(inputs, outputs):
                    return list(inputs), list(outputs)
                case PortTrouble(code=code, text=text):
                    raise (BadInput if code in ("bad_input", "unknown") else Unavailable)(text)
    except Empty as error:
        raise Unavailable(f"MIDI does not answer within {LIST_S:g} s; try again") from error
    finally:
        ports.stop()
