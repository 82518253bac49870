"""Reads what open MIDI inputs have received.

rtmidi would call us back, on the MIDI system's own thread. But python-rtmidi 1.5.8
cancels a callback without waiting for one under way: when a port closes while its
controller (or a clock) goes on sending, ALSA's thread is joined with the interpreter's
lock held, JACK's is killed while it waits for that lock, and the callback's own data is
freed under it. Measured on JACK: the process froze after seven closes, where fetching
stands three hundred on a starved machine. So messages wait in rtmidi's queue, whose
threads need no Python, and are fetched from there.

rtmidi tells how long after the one before a message came; the times handed on are made
of that, because a fetch every millisecond is too coarse for a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition
from time import perf_counter_ns
from typing import Any, Final

from mula_bridge.control import Service
from mula_bridge.net import hurry

READ_SECONDS: Final = 0.001
"""How long a message may wait; a frame of the fastest engine is many times longer."""

MOST_AT_ONCE: Final = 256
"""So many messages of one input are read before the others have their turn."""

Heard = Callable[[bytes, int], None]
"""Takes one message and the ``perf_counter_ns`` at which it came, on the reader's thread; must
not block."""


class Arrivals:
    """When the messages of one input came: rtmidi's delta times added up, held to our clock.

    No message comes later than it is fetched, nor before its queue was last seen empty. The
    first corrects the sum downwards. The second corrects it upwards where deltas are missing:
    rtmidi leaves out those of messages that it drops.
    """

    def __init__(self) -> None:
        self._at_ns: int | None = None
        self._empty_ns = 0

    def empty(self, now_ns: int) -> None:
        """Nothing waited at ``now_ns``."""
        self._empty_ns = now_ns

    def at(self, delta_seconds: float, now_ns: int) -> int:
        """When a message came that is fetched at ``now_ns``."""
        at_ns = now_ns if self._at_ns is None else self._at_ns + round(delta_seconds * 1e9)
        self._at_ns = max(self._empty_ns, min(now_ns, at_ns))
        return self._at_ns


class MidiReader(Service):
    """One thread for all inputs; it sleeps while there are none. Any thread may call it."""

    def __init__(self) -> None:
        super().__init__("midi reader")
        self._inputs: dict[Any, tuple[Heard, Arrivals]] = {}
        self._broken: dict[Any, Exception] = {}
        self._changed = Condition()

    def add(self, client: Any, heard: Heard) -> None:
        """Read ``client``, an rtmidi input without a callback."""
        with self._changed:
            self._inputs[client] = heard, Arrivals()
            self._changed.notify()

    def remove(self, client: Any) -> None:
        """Leave ``client`` alone; when this returns it is not in use any more."""
        with self._changed:
            self._inputs.pop(client, None)
            self._broken.pop(client, None)

    def trouble(self, client: Any) -> Exception | None:
        """Why ``client`` is not read any more, if it is not."""
        return self._broken.get(client)

    def wake(self) -> None:
        """Let the thread see that it is to end."""
        with self._changed:
            self._changed.notify()

    def run(self) -> None:
        """Read every input, again and again."""
        hurry()
        with self._changed:
            while not self.stopping.is_set():
                for client, (heard, arrivals) in list(self._inputs.items()):
                    try:
                        _read(client, heard, arrivals)
                    except Exception as error:  # one broken port must not silence the others
                        self.stumble("a MIDI input", error)
                        del self._inputs[client]
                        self._broken[client] = error
                self._changed.wait(READ_SECONDS if self._inputs else None)


def _read(client: Any, heard: Heard, arrivals: Arrivals) -> None:
    """Pass on what ``client`` has received, up to ``MOST_AT_ONCE`` messages: one that is flooded
    may never be empty."""
    asked_ns = perf_counter_ns()
    for _ in range(MOST_AT_ONCE):
        message = client.get_message()
        if not message:
            arrivals.empty(asked_ns)
            return
        data, delta = message
        asked_ns = perf_counter_ns()
        heard(bytes(data), arrivals.at(delta, asked_ns))
