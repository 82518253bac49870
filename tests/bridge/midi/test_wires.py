"""Whether a port is still connected, from a system's books."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mula_bridge.midi import wires
from mula_bridge.midi.wires import AlsaWires, NoWires, Wire
from support.jack_server import why_no_jack

BOOKS = """\
Client info
  cur  clients : 5
  peak clients : 6
  max  clients : 192

Client   0 : "System" [Kernel Legacy]
  Port   0 : "Timer" (Rwe-) [In/Out]
  Port   1 : "Announce" (R-e-) [In]
    Connecting To: 15:0
Client  28 : "nanoKONTROL2" [Kernel Legacy]
  Port   0 : "nanoKONTROL2 nanoKONTROL2 _ CTR" (RWeX) [In/Out]
    Connecting To: 128:0[r:0], 130:0
    Connected From: 129:0[ex]
  Port   1 : "nanoKONTROL2 2" (RWeX) [In/Out]
Client 128 : "mulabridge" [User Legacy]
  Port   0 : "in" (-We-) [Out]
    Connected From: 28:0[r:0]
  Output pool :
    Pool size          : 500
"""
NAME = "nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTR 28:0"


@pytest.fixture
def books(tmp_path: Path) -> Path:
    file = tmp_path / "clients"
    file.write_text(BOOKS)
    return file


def test_the_sequencer_lists_who_is_connected(books: Path) -> None:
    alsa = AlsaWires(books)
    for name in (NAME, f"{NAME} #2"):
        assert alsa.peers(name, hear=True) == {"128:0", "130:0"}
        assert alsa.peers(name, hear=False) == {"129:0"}
    assert alsa.peers("nanoKONTROL2:nanoKONTROL2 2 28:1", hear=True) == frozenset()
    assert alsa.peers("gone:gone 99:0", hear=True) == frozenset()


def test_without_books_nothing_is_known(tmp_path: Path) -> None:
    assert AlsaWires(tmp_path / "none").peers(NAME, hear=True) is None
    assert AlsaWires(tmp_path).peers("no address", hear=True) is None
    assert NoWires().peers(NAME, hear=True) is None


class Books:
    """PortWires as a test says."""

    ended = False

    def __init__(self, *peers: str) -> None:
        self.connected: set[str] | None = set(peers)

    def peers(self, port: str, *, hear: bool) -> frozenset[str] | None:
        return None if self.connected is None else frozenset(self.connected)

    def close(self) -> None: ...


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "SETTLE_SECONDS", 0.0)


@pytest.mark.usefixtures("settled")
def test_a_wire_is_cut_when_ours_is_gone_and_not_when_anothers_is() -> None:
    books = Books("qjackctl:in")
    wire = Wire(books, "Box:knobs", hear=True)
    books.connected = {"qjackctl:in", "mulabridge-01:in"}
    assert not wire.cut()
    books.connected = {"mulabridge-01:in"}
    assert not wire.cut()
    books.connected = {"qjackctl:in", "other:in"}
    assert wire.cut()


@pytest.mark.usefixtures("settled")
def test_a_wire_that_was_never_made_is_cut() -> None:
    assert Wire(Books("qjackctl:in"), "Box:knobs", hear=True).cut()


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    ("hear", "line"),
    [(True, "Connecting To: 128:0[r:0], 130:0"), (False, "Connected From: 129:0[ex]")],
    ids=["input", "output"],
)
def test_a_wire_cut_one_way_is_cut_though_the_box_keeps_the_other(
    books: Path, hear: bool, line: str
) -> None:
    """Both are made at once, as for a box with knobs and lights."""
    books.write_text("".join(one for one in BOOKS.splitlines(True) if "Connect" not in one))
    wires = {way: Wire(AlsaWires(books), NAME, hear=way) for way in (True, False)}
    books.write_text(BOOKS)
    assert not wires[True].cut() and not wires[False].cut()
    books.write_text(BOOKS.replace(f"    {line}\n", ""))
    assert wires[hear].cut()
    assert not wires[not hear].cut()


def test_a_wire_is_not_judged_before_the_system_could_make_it() -> None:
    assert not Wire(Books(), "Box:knobs", hear=True).cut()


@pytest.mark.usefixtures("settled")
def test_a_wire_is_whole_where_nobody_knows() -> None:
    books = Books()
    wire = Wire(books, "Box:knobs", hear=True)
    books.connected = None
    assert not wire.cut()
    assert not Wire(NoWires(), "Box", hear=True).cut()


AFTER_THE_WIRES = """
import ctypes, gc, os, sys, time
sys.path[:0] = sys.argv[2:]
from support.jack_server import jack_server
from mula_bridge.midi.wires import JackWires

with jack_server(1024) as server:
    wires = JackWires("wires")
    if sys.argv[1] == "closed":
        wires.close()
    del wires
    gc.collect()
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    made = [kind(lambda _: os._exit(3)) for _ in range(1000)]  # in the place of what is gone
    server.stop()
    time.sleep(0.3)
print("still alive")
"""


@pytest.mark.jack
@pytest.mark.parametrize("how", ["closed", "forgotten"])
def test_a_server_that_goes_later_calls_nothing_that_is_gone(how: str) -> None:
    if why := why_no_jack():
        pytest.skip(why)
    tests = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", AFTER_THE_WIRES, how, str(tests)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "still alive\n"), done.stderr
