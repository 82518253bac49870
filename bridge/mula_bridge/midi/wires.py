"""Who is connected to a port, from the system's own books.

rtmidi tells neither that a port it listens to went and came back under its name, nor that its
JACK server died: it is silent from then on. What counts is the connection.
"""

from __future__ import annotations

import ctypes
import re
from ctypes.util import find_library
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol

from mula_bridge.errors import Unavailable

SETTLE_SECONDS: Final = 0.1
"""How long a connection may take to be in the books: a period of 4,096 samples at 44.1 kHz."""

_ALSA_BOOKS: Final = Path("/proc/asound/seq/clients")
_NO_START_SERVER: Final = 1  # JackNoStartServer


class PortWires(Protocol):
    """What a MIDI system knows about its connections. One thread calls it."""

    ended: bool
    """Whether the system has gone, so that only a new process can find it again."""

    def peers(self, port: str, *, hear: bool) -> frozenset[str] | None:
        """Who hears the port, or else who speaks to it, by any names that tell them apart; None:
        not known. One port may have both."""

    def close(self) -> None:
        """Ask no more."""


class NoWires:
    """A system that does not tell: a port is there while its name is."""

    ended = False

    def peers(self, port: str, *, hear: bool) -> frozenset[str] | None:
        """Not known."""
        return None

    def close(self) -> None:
        """Nothing to do."""


class Wire:
    """The connection that is made to ``port`` next, to ``hear`` it or else to speak to it, and
    whether it still stands.

    What is connected to a port after ours was opened, and was not before, is ours: rtmidi does
    not say what the system called it.
    """

    def __init__(self, wires: PortWires, port: str, *, hear: bool) -> None:
        self._peers = partial(wires.peers, port, hear=hear)
        self._before = self._peers()
        self._ours: frozenset[str] | None = None
        self._settled_at = monotonic() + SETTLE_SECONDS

    def cut(self) -> bool:
        """Whether it stands no more; False while the system may still be making it."""
        peers = self._peers()
        if peers is None or self._before is None or monotonic() < self._settled_at:
            return False
        if self._ours is None:
            self._ours = peers - self._before
        return not self._ours & peers


class AlsaWires(NoWires):
    """The sequencer's clients and subscriptions, as the kernel lists them.

    Format: ``snd_seq_info_clients_read`` in Linux's ``sound/core/seq/seq_clientmgr.c``.
    """

    def __init__(self, books: Path = _ALSA_BOOKS) -> None:
        self._books = books

    def peers(self, port: str, *, hear: bool) -> frozenset[str] | None:
        """The addresses, as in 128:0, of whom the port (named ``client:port 28:0``) has."""
        address = re.search(r" (\d+):(\d+)( #\d+)?$", port)
        try:
            lines = self._books.read_text(errors="replace").splitlines()
        except OSError:
            return None
        if address is None or not lines:
            return None
        wanted = r" +Connecting To: (.*)" if hear else r" +Connected From: (.*)"
        client = number = ""
        found: set[str] = set()
        for line in lines:
            if head := re.match(r"Client +(\d+) :", line):
                client, number = head[1], ""
            elif head := re.match(r"  Port +(\d+) :", line):
                number = head[1]
            elif (client, number) == (address[1], address[2]) and (ends := re.match(wanted, line)):
                found.update(re.findall(r"\b(\d+:\d+)(?:\[|,|$|\s)", ends[1]))
        return frozenset(found)


class JackWires:
    """JACK's graph, through a client of its own that takes no part in it.

    Raises Unavailable without a server. The library is the one that rtmidi has loaded: two of
    them in a process would each think that they are alone.
    """

    def __init__(self, name: str) -> None:
        self.ended = False
        self._jack = _libjack()
        told = _SHUTDOWN(self._shut_down)
        self._client = self._jack.jack_client_open(name.encode(), _NO_START_SERVER, None)
        if not self._client:
            raise Unavailable(
                "MIDI unavailable: no JACK server answers; start one, or leave out jack"
            )
        _TOLD.append(told)
        self._jack.jack_on_shutdown(self._client, told, None)

    def peers(self, port: str, *, hear: bool) -> frozenset[str] | None:
        """The full names of the ports that it is connected to; here each port has one way."""
        if self.ended:
            return frozenset()
        found = self._jack.jack_port_by_name(self._client, port.encode())
        if not found:
            return frozenset()
        names = self._jack.jack_port_get_all_connections(self._client, found)
        if not names:
            return frozenset()
        peers: list[str] = []
        while (name := names[len(peers)]) is not None:
            peers.append(name.decode(errors="replace"))
        self._jack.jack_free(names)
        return frozenset(peers)

    def close(self) -> None:
        """Leave JACK, unless it has left."""
        if not self.ended:
            self._jack.jack_client_close(self._client)

    def _shut_down(self, _: int | None) -> None:
        self.ended = True  # on a thread of JACK's


_SHUTDOWN: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_TOLD: Final[list[object]] = []
"""What JACK calls when it shuts down: kept as long as the process lives, since JACK keeps no
reference of ours, and may call a client that is closing or was forgotten."""


def jack_wires(name: str) -> PortWires:
    """JACK's connections where its library can be asked, else none. Raises Unavailable."""
    try:
        return JackWires(name)
    except (OSError, AttributeError):
        return NoWires()


def _libjack() -> Any:
    """Raises OSError without one, AttributeError when it is none."""
    jack = ctypes.CDLL(_loaded() or find_library("jack") or "libjack")
    jack.jack_client_open.restype = ctypes.c_void_p
    jack.jack_client_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    jack.jack_client_close.argtypes = [ctypes.c_void_p]
    jack.jack_port_by_name.restype = ctypes.c_void_p
    jack.jack_port_by_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    jack.jack_port_get_all_connections.restype = ctypes.POINTER(ctypes.c_char_p)
    jack.jack_port_get_all_connections.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    jack.jack_on_shutdown.argtypes = [ctypes.c_void_p, _SHUTDOWN, ctypes.c_void_p]
    jack.jack_free.argtypes = [ctypes.c_void_p]
    return jack


def _loaded() -> str | None:
    """The file of the libjack that is in this process already, where the system tells."""
    try:
        maps = Path("/proc/self/maps").read_text(errors="replace")
    except OSError:
        return None
    files = (line.split(maxsplit=5)[-1] for line in maps.splitlines())
    return next((file for file in files if "libjack" in Path(file).name), None)
