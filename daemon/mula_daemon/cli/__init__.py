"""The ``mula`` command. Each subcommand is a module, imported when it is called."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final

from mula_bridge import __version__
from mula_bridge.errors import MulaError
from mula_bridge.speech import unfailing
from mula_daemon.cli.failures import in_words

COMMANDS: Final = {
    "run": "start the daemon",
    "demo": "prove the main job on this machine, without a DAW",
    "generate": "make one clip, without a daemon",
    "render": "make a clip again from its recipe",
    "send": "send an OSC message to the daemon and print the replies",
    "clips": "list the clips in the folder, keep or reject them",
    "pull": "fetch a model's weights",
    "tags": "list the tag words that the built-in model knows",
    "midi": "list MIDI ports, watch what they send, or learn a control",
    "osc": "write a TouchOSC layout of the knobs and buttons",
    "max": "write the Max for Live devices",
    "mapping": "check a mapping file",
    "doctor": "check this machine and say what to mend",
    "bench": "measure; each benchmark ends in one JSON line",
}

PRECEDENCE: Final = (
    "Settings are taken from the command line, then from MULA_... environment variables, "
    "then from the config file, then from the defaults."
)


@unfailing()
def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``mula``; returns the exit status (2 for bad input)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="mula",
        description="Play a music model from the DAW: OSC and MIDI steer it while it generates.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())
        + f"\n\nmula COMMAND --help tells more. {PRECEDENCE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mula {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parsed = parser.parse_args(arguments)
    try:
        module = importlib.import_module(f"mula_daemon.cli.{parsed.command}")
        return int(module.main(parsed.arguments))
    except MulaError as error:
        print(f"mula {parsed.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # mula midi monitor | head
        return 0
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        print(f"mula {parsed.command}: {in_words(error)}", file=sys.stderr)
        return 1
