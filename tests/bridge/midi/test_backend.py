"""Ports on JACK are closed apart from one another, and from whatever else changes."""

from __future__ import annotations

from itertools import pairwise
from time import monotonic, sleep

import pytest

from mula_bridge.midi.backend import JackLeaving, RtMidi, SystemGone
from mula_bridge.midi.reader import MidiReader
from mula_bridge.midi.wires import NoWires

REST = 0.05


class Client:
    """An rtmidi client that notes when it was closed."""

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.closed_at: float | None = None
        self.deleted = False

    def close_port(self) -> None:
        self.closed_at = monotonic()
        if self.broken:
            raise RuntimeError("the server is gone")

    def delete(self) -> None:
        self.deleted = True


def closed_at(client: Client) -> float:
    assert client.closed_at is not None
    return client.closed_at


def test_ports_are_closed_in_order_with_a_rest_before_each() -> None:
    leaving = JackLeaving(REST)
    leaving.start()
    clients = [Client() for _ in range(4)]
    times = [monotonic()]
    for client in clients:
        leaving.add(client)
    assert monotonic() - times[0] < REST, "whoever closes a port does not wait"
    leaving.stop()
    times += [closed_at(client) for client in clients]
    assert all(later - earlier >= REST for earlier, later in pairwise(times))
    assert all(client.deleted for client in clients)


def test_a_port_that_opens_puts_a_closing_off() -> None:
    rest = 6 * REST  # so that a busy machine does not close it before the other one opens
    leaving = JackLeaving(rest)
    leaving.start()
    client = Client()
    leaving.add(client)
    sleep(REST)
    opened_at = monotonic()
    leaving.changed()
    leaving.stop()
    assert closed_at(client) - opened_at >= rest


def test_a_port_that_cannot_be_closed_keeps_none_of_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    leaving = JackLeaving(0.0)
    leaving.start()
    broken, whole = Client(broken=True), Client()
    leaving.add(broken)
    leaving.add(whole)
    leaving.stop()
    assert whole.deleted
    assert "the server is gone" in caplog.text


def test_a_system_whose_inputs_nobody_reads_any_more_has_gone_for_its_process() -> None:
    system = object.__new__(RtMidi)  # any system, and none that must be there
    system._wires, system._reader = NoWires(), MidiReader()
    system._reader.dead = True
    with pytest.raises(SystemGone, match="nothing reads its inputs"):
        system.inputs()
