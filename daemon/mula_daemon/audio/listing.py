"""The machine's audio outputs, asked for in a process of its own: a driver may never answer."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from typing import Final

from mula_bridge.net import Connection
from mula_bridge.speech import mute_drivers, unfailing
from mula_daemon.audio.devices import Outputs, scan_outputs
from mula_daemon.audio.patience import LIST_S, START_S

_SELF_DESTRUCT_S: Final = 60
"""A process that hangs while nobody waits for it ends after so long, where there are alarms."""


def list_outputs() -> Outputs:
    """Every audio output of this machine. Never raises: what is wrong is in ``problem``."""
    context = multiprocessing.get_context("spawn")
    try:
        ours, theirs = context.Pipe()
        process = context.Process(target=_tell_outputs, args=(theirs,), daemon=True)
        with ours:
            with theirs:
                process.start()
            try:
                return _answer(ours)
            finally:
                process.kill()
                process.join(1.0)
    except (OSError, EOFError) as error:
        return Outputs((), f"the audio outputs cannot be listed: {error!r}; try again")


def _answer(ours: Connection) -> Outputs:
    """Raises EOFError where the process ended."""
    for limit_s in (START_S, LIST_S):  # it has begun; it has an answer
        if not ours.poll(limit_s):
            break
        answer = ours.recv()
        if isinstance(answer, Outputs):
            return answer
    return Outputs(
        (),
        f"the audio outputs have not been listed for {limit_s:g} s: a driver or the JACK server "
        "hangs; plug the interface out and in again, or restart JACK or the machine",
    )


@unfailing()
def _tell_outputs(connection: Connection) -> None:
    """Leaves by ``os._exit``: a driver may hang at the end, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.alarm(_SELF_DESTRUCT_S)
    mute_drivers()
    with contextlib.suppress(OSError):
        connection.send(None)
        connection.send(scan_outputs())
    os._exit(0)
