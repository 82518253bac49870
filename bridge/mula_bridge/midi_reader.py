"""Reads what open MIDI inputs have received.

rtmidi would call us back, on the MIDI system's own thread. But python-rtmidi 1.5.8
cancels a callback without waiting for one under way: when a port closes while its
controller (or a clock) goes on sending, ALSA's thread is joined with the interpreter's
lock held, JACK's is killed while it waits for that lock, and the callback's own data is
freed under it. Measured on JACK: the process froze after seven closes, where fetching
stands three hundred on a starved machine. So messages wait in rtmidi's queue, whose
threads need no Python, and are fetched from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Condition, Thread
from time import perf_counter_ns
from typing import Any, Final

log = logging.getLogger(__name__)

READ_SECONDS: Final = 0.002
"""How long a message may wait; a frame of the fastest engine is many times longer."""

Heard = Callable[[bytes, int], None]
"""Takes one message and its ``perf_counter_ns``, on the reader's thread; must not block."""


class MidiReader:
    """One thread for all inputs; it sleeps while there are none. Any thread may call it."""

    def __init__(self) -> None:
        self._inputs: dict[Any, Heard] = {}
        self._changed = Condition()
        self._stopping = False
        self._thread = Thread(target=self._read, name="midi reader", daemon=True)
        self._thread.start()

    def add(self, client: Any, heard: Heard) -> None:
        """Read ``client``, an rtmidi input without a callback."""
        with self._changed:
            self._inputs[client] = heard
            self._changed.notify()

    def remove(self, client: Any) -> None:
        """Leave ``client`` alone; when this returns it is not in use any more."""
        with self._changed:
            self._inputs.pop(client, None)

    def close(self) -> None:
        """Read nothing more; returns when the thread has ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _read(self) -> None:
        with self._changed:
            while not self._stopping:
                for client, heard in list(self._inputs.items()):
                    try:
                        while message := client.get_message():
                            heard(bytes(message[0]), perf_counter_ns())
                    except Exception:  # one broken port must not silence the others
                        log.exception("MIDI input")
                        del self._inputs[client]
                self._changed.wait(READ_SECONDS if self._inputs else None)
