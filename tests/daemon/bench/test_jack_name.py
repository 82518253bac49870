"""Names of JACK servers: eight killed ones do not keep the ninth from starting."""

from __future__ import annotations

import subprocess

import pytest

from mula_daemon.bench.jack_dummy import jack_name, jackd
from support.jack_server import jack_server, why_no_jack
from support.midi_box import eventually

pytestmark = [
    pytest.mark.jack,
    pytest.mark.skipif(bool(why_no_jack()), reason=why_no_jack() or "jack"),
]


def test_servers_that_were_killed_keep_no_place_in_the_registry() -> None:
    names = set()
    for _ in range(9):
        with jack_server() as server:
            names.add(server.name)
            server.process.kill()
            server.process.wait()
    assert len(names) < 9
    with jack_server() as server:
        assert server.ports()


def test_a_name_is_one_servers_at_a_time() -> None:
    with jack_server() as first, jack_server() as second:
        assert first.name != second.name
        assert first.ports() and second.ports()


def test_a_server_that_outlived_its_program_keeps_its_name() -> None:
    with jack_name() as left:
        orphan = subprocess.Popen(jackd(left, "-d", "dummy"), stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: not subprocess.run(("jack_lsp", "-s", left), check=False).returncode)
        with jack_name() as name:
            assert name != left
    finally:
        orphan.terminate()
        orphan.wait()
