"""A controller for ``MidiBox`` whose ports can go and come under their names, as a program's do.

rtmidi cannot do that: its virtual ports stay as long as their client.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import Any

AGAIN, READY = "again", "ready"


def say(line: str) -> None:
    """One line to who has us as a controller."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(name: str) -> None:
    """Send what is read, and write down what the lights are sent."""
    import jack

    waiting: deque[bytes] = deque()
    seen: deque[bytes] = deque()
    client = jack.Client(name, no_start_server=True)
    ports: dict[str, Any] = {}

    def register() -> None:
        ports["knobs"] = client.midi_outports.register("knobs")
        ports["lights"] = client.midi_inports.register("lights")

    @client.set_process_callback
    def process(frames: int) -> None:
        knobs, lights = ports.get("knobs"), ports.get("lights")
        if knobs is None or lights is None:
            return
        knobs.clear_buffer()
        while waiting:
            knobs.write_midi_event(0, waiting.popleft())
        seen.extend(bytes(data) for _, data in lights.incoming_midi_events())

    def show() -> None:
        while not done.wait(0.002):
            while seen:
                say(seen.popleft().hex())

    register()
    client.activate()
    done = threading.Event()
    threading.Thread(target=show).start()
    say(READY)
    for line in sys.stdin:
        if line.strip() == AGAIN:
            knobs, lights = ports.pop("knobs"), ports.pop("lights")
            knobs.unregister()
            lights.unregister()
            register()
        else:
            waiting.append(bytes.fromhex(line))
    done.set()
    client.deactivate()
    client.close()


if __name__ == "__main__":
    main(sys.argv[1])
