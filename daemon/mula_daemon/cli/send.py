"""``mula send``: one OSC message to the daemon, and its replies."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mula_daemon.cli.options import config_of, parser

SILENCE = 3
"""Exit status when nothing answered."""


def main(argv: Sequence[str]) -> int:
    """Send, then print every reply, one per line, until ``--wait`` seconds have passed."""
    from mula_bridge.api import OscClient, parse_argument

    made = parser(
        "send",
        "Send one OSC message and print the replies, one per line. Numbers and true/false "
        "are sent as such, everything else as text.",
        ("osc",),
    )
    made.add_argument("--wait", type=float, default=0.5, metavar="S", help="seconds (default 0.5)")
    made.add_argument("address", metavar="ADDRESS", help="such as /mula/knob/cfg")
    made.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS")
    parsed = made.parse_args(argv)
    host, port = config_of(parsed).osc_address
    answered = False
    with OscClient(host, port) as client:
        client.send(parsed.address, *(parse_argument(text) for text in parsed.arguments))
        for address, arguments in client.replies(parsed.wait):
            print(address, *arguments, flush=True)
            answered = True
    if not answered:
        print(f"no answer from {host}:{port} within {parsed.wait:g} s; is mula run running there?")
    return 0 if answered else SILENCE
