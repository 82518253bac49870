"""Processes with MIDI ports that fare badly, in the place of ``mula_bridge.midi.ports_worker``."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from time import sleep
from typing import Never

from mula_bridge.control import service
from mula_bridge.midi import ports_worker
from mula_bridge.midi.backend import Backend
from mula_bridge.midi.port_messages import PortsSeen
from mula_bridge.midi.reader import Heard


class SystemOfOne:
    """A Backend with one input, which says something whenever it is looked for."""

    heard: Heard | None = None

    def __init__(self, api: str | None = None) -> None: ...

    def inputs(self) -> list[str]:
        if self.heard is not None:
            self.heard(b"\xb0\x10\x00", 0)
        return ["Box 1"]

    def outputs(self) -> list[str]:
        return []

    def listen(self, name: str, heard: Heard) -> SystemOfOne:
        self.heard = heard
        return self

    def speak(self, name: str) -> Never:
        raise AssertionError(name)

    def send(self, data: bytes) -> None: ...

    def lost(self) -> str:
        return ""

    def close(self) -> None: ...


def with_backend(
    backend: Callable[[str | None], Backend], connection: Connection, poll_seconds: float
) -> None:
    """The real process on a made-up system."""
    setattr(ports_worker, "RtMidi", backend)  # noqa: B010 # this process is ours alone
    ports_worker.main(connection, None, poll_seconds)


def logging_process(connection: Connection, api: str | None, poll_seconds: float) -> None:
    """Whose system has something to say to a log."""

    class Talkative(SystemOfOne):
        def inputs(self) -> list[str]:
            logging.getLogger("driver").info("nothing worth")
            try:
                raise ZeroDivisionError("in a thread")
            except ZeroDivisionError:
                logging.getLogger("driver").exception("it %s", "stumbled")
            return super().inputs()

    with_backend(Talkative, connection, poll_seconds)


def deaf_process(connection: Connection, api: str | None, poll_seconds: float) -> None:
    """Whose outbox cannot pass on what inputs say, and which goes on looking for ports."""
    setattr(service, "FIRST_PAUSE_S", 0.001)  # noqa: B010

    def broken(outbox: object) -> Never:
        raise ZeroDivisionError("in the outbox")

    setattr(ports_worker._Outbox, "run", broken)  # noqa: B010
    with_backend(SystemOfOne, connection, poll_seconds)


def short_lived_process(connection: Connection, api: str | None, poll_seconds: float) -> None:
    """Which dies as soon as it has told of its ports."""
    connection.send(PortsSeen((), ()))
    os._exit(3)


def slow_process(connection: Connection, api: str | None, poll_seconds: float) -> None:
    """Which is long in coming up, and takes no order meanwhile."""
    sleep(1.0)
    with_backend(SystemOfOne, connection, poll_seconds)
