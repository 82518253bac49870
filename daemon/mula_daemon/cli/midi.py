"""``mula midi ports``, ``mula midi monitor`` and ``mula midi learn KNOB``."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from typing import Final

from mula_bridge.control.messages import Failed, KnobLearnt
from mula_bridge.errors import BadInput, Unavailable
from mula_bridge.speech import is_heard
from mula_daemon.settings import load_config, midi_ports

_LOOK_S: Final = 0.5
"""How soon it is seen that nobody listens any more."""


def main(argv: Sequence[str]) -> int:
    """List the ports, print what they send until Control-C, or learn. Raises MulaError."""
    made = argparse.ArgumentParser(
        prog="mula midi",
        description="List MIDI ports, print what they send (Control-C ends), or bind a control "
        "to a knob by touching it.",
    )
    made.add_argument(
        "--midi",
        default="*",
        metavar="[SYSTEM:]PATTERN",
        help="which ports, such as 'nano*' or 'jack:*' (default *)",
    )
    made.add_argument("action", choices=["ports", "monitor", "learn"])
    made.add_argument("knob", nargs="?", metavar="KNOB", help="the knob to learn a control for")
    parsed = made.parse_args(argv)
    if (parsed.action == "learn") != (parsed.knob is not None):
        made.error("learn takes a knob, as in: mula midi learn cfg; the others take none")
    system, pattern = midi_ports(parsed.midi)
    match parsed.action:
        case "monitor":
            from mula_bridge.midi import monitor

            monitor(say, pattern, system)
            return 0
        case "learn":
            return learn(parsed.knob, pattern, system)
    return ports(system)


def say(line: str) -> None:
    """Print a line. Raises BrokenPipeError when nobody reads them any more, which ends them."""
    print(line, flush=True)
    if not is_heard():
        raise BrokenPipeError


def ports(system: str | None) -> int:
    """Print every port with its direction."""
    from mula_bridge.midi import list_ports

    inputs, outputs = list_ports(system)
    for kind, names in (("in", inputs), ("out", outputs)):
        for name in names:
            print(f"{kind:<4} {name}")
    if not inputs and not outputs:
        print("no MIDI ports; plug in a controller or open a virtual port")
    return 0


def learn(knob: str, pattern: str, system: str | None) -> int:
    """Wait for a control, keep it; a running daemon takes it over by itself.

    Raises BadInput, with the reason, when nothing could be learnt or kept, and Unavailable when
    MIDI ended meanwhile.
    """
    from mula_bridge.mapping import Mapping
    from mula_bridge.midi import list_ports
    from mula_bridge.servers import LEARN, MidiLearning, MidiSource, default_learnt_file

    file = load_config({}).learnt or default_learnt_file()
    list_ports(system)  # says at once when there is no MIDI
    done = threading.Event()
    learnt: list[KnobLearnt] = []
    failed: list[Failed] = []

    def hear(news: Failed | KnobLearnt) -> None:
        if isinstance(news, KnobLearnt):
            learnt.append(news)
        elif news.address == LEARN:
            failed.append(news)
        else:
            print(news.text, flush=True)
            return
        done.set()

    midi = MidiSource(Mapping(), pattern, system, failed=hear)
    midi.start(lambda command, origin: None)
    try:
        MidiLearning(midi, file, lambda: None, hear).learn(knob)
        print(f"turn the control for {knob} slowly to the right (Control-C gives up)", flush=True)
        while not done.wait(_LOOK_S):
            if any(service.dead for service in midi.services):
                raise Unavailable("MIDI ended before a control was learnt; start this again")
    finally:
        midi.stop()
    if failed:
        raise BadInput(failed[0].text)
    print(f"{learnt[0].name}: {learnt[0].source}, kept in {file}")
    return 0
