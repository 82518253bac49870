"""``mula send``: one OSC message to the daemon, and what comes of it."""

from __future__ import annotations

import argparse
import math
import secrets
import sys
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Final

from mula_daemon.cli.options import config_of, parser
from mula_daemon.cli.replies import ExitStatus, Replies

if TYPE_CHECKING:
    from mula_bridge.api import OscClient

ANSWER_S: Final = 0.5
"""How long answers are waited for, unless somebody says otherwise."""
BEAT_S: Final = 30.0
"""How long the first of them is, where the message waits for a beat."""
PROBE_S: Final = 2.0
"""The daemon is asked for a sign of life so often while a job is waited for ..."""
GONE_S: Final = 15.0
"""... and is given up when it has given none for so long."""
_INTERRUPTED: Final = 130


def main(argv: Sequence[str]) -> int:
    """Send, then print what comes back, one per line, until all is said."""
    from mula_bridge.api import OscClient, parse_argument
    from mula_daemon.cli.send_words import typed_address, typed_argument

    made = parser(
        "send",
        "Send one OSC message and print what comes back, one per line. A job is waited for to "
        "its end. Numbers and true/false are sent as such, everything else as text. Exit status: "
        "0 done; 1 refused, failed or cancelled; 3 no answer; 4 the job goes on after --wait.",
        ("osc",),
    )
    made.add_argument(
        "--wait",
        type=seconds,
        metavar="S",
        help=f"seconds to wait for answers (default {ANSWER_S:g}) and for the end of a job "
        "(default: as long as it takes; 0: only until it is queued)",
    )
    made.add_argument("address", metavar="ADDRESS", help="such as /mula/knob/cfg")
    made.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS")
    parsed = made.parse_args(argv)
    host, port = config_of(parsed).osc_address
    address = typed_address(parsed.address)
    arguments = [parse_argument(typed_argument(text)) for text in parsed.arguments]
    replies = Replies(address, token := secrets.randbelow(2**31))
    with OscClient(host, port) as client:
        client.send(address, *arguments)
        try:
            wait = ANSWER_S if parsed.wait == 0 else parsed.wait
            _listen(client, replies, token, address, wait)
        except KeyboardInterrupt:
            _say_on(replies)
            return _INTERRUPTED
    status = replies.status
    if status is ExitStatus.SILENCE:
        print(f"no answer from {host}:{port}; is mula run running there?")
    elif status is ExitStatus.UNFINISHED:
        _say_on(replies)
    elif not replies.count:
        print(f"{address} was taken; nothing comes back from it")
    return status


def _listen(
    client: OscClient, replies: Replies, token: int, address: str, wait: float | None
) -> None:
    """Print what comes, until all is said, or ``wait`` seconds have passed."""
    began = heard = monotonic()
    on_the_beat = address.startswith("/mula/at/")
    client.send("/mula/ping", token)
    while not replies.settled:
        now = monotonic()
        if replies.under_way:
            until = math.inf if wait is None else began + wait
            until = min(until, heard + GONE_S)
        elif wait is not None:
            until = began + wait
        elif on_the_beat:
            until = heard + ANSWER_S if replies.count else began + BEAT_S
        else:
            until = began + ANSWER_S
        if now >= until:
            if replies.under_way and now >= heard + GONE_S:
                replies.alive = False
            return
        for where, args in client.replies(min(until - now, PROBE_S)):
            heard = monotonic()
            if replies.take(where, args):
                print(where, *args, flush=True)
            if replies.settled or not replies.under_way:
                break
        else:
            if replies.under_way:
                client.send("/mula/ping", token)


def _say_on(replies: Replies) -> None:
    for job in replies.under_way:
        print(f"job {job} goes on; mula send /mula/cancel {job} ends it", file=sys.stderr)


def seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError(text)
    return seconds
