"""The machine's MIDI system: names of ports, and messages in and out.

Only the process that holds the ports uses it (see ``ports_worker``): rtmidi may hang, holding the
interpreter, whenever its driver does. It is imported when a system is opened, not with this
module.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, Protocol

from mula_bridge.control import Errands
from mula_bridge.errors import BadInput, Unavailable, UnknownName
from mula_bridge.midi.reader import Heard, MidiReader
from mula_bridge.midi.wires import AlsaWires, NoWires, PortWires, Wire, jack_wires

CLIENT: Final = "mulabridge"
"""Our name towards the MIDI system."""

_OURS = re.compile(rf"{CLIENT}(-\d+)?:")
_APIS: Final = {
    "alsa": "API_LINUX_ALSA",
    "jack": "API_UNIX_JACK",
    "core": "API_MACOSX_CORE",
    "windows": "API_WINDOWS_MM",
}
_ALSA_SEQUENCER = Path("/dev/snd/seq")
REST_SECONDS: Final = 0.1
"""How long the graph is left alone before a port is closed: longer than a period of 4,096
samples at 44.1 kHz, after which the last change has been told."""


class Gone(Unavailable):
    """The port was unplugged since its name was listed."""


class SystemGone(Unavailable):
    """The MIDI system has gone, and this process cannot have it again."""


class MidiInput(Protocol):
    """An open input port.

    ``lost`` says why it is to be opened anew, though its name is listed: "" while it is well.
    """

    def lost(self) -> str: ...
    def close(self) -> None: ...


class MidiOutput(Protocol):
    """An open output port. ``send`` raises Unavailable; ``lost`` is as an input's."""

    def send(self, data: bytes) -> None: ...
    def lost(self) -> str: ...
    def close(self) -> None: ...


class Backend(Protocol):
    """A MIDI system. One thread calls it; everything raises Unavailable.

    ``listen`` and ``speak`` raise Gone for a name that is not listed any more, and the lists
    SystemGone for a system that must be looked for by another process.
    """

    def inputs(self) -> list[str]: ...
    def outputs(self) -> list[str]: ...
    def listen(self, name: str, heard: Heard) -> MidiInput: ...
    def speak(self, name: str) -> MidiOutput: ...
    def close(self) -> None: ...


class RtMidi:
    """The MIDI system behind rtmidi.

    ``api`` is alsa, jack, core or windows; None is this system's own. Raises
    Unavailable ("MIDI unavailable: why") or, for another word, BadInput.
    """

    def __init__(self, api: str | None = None) -> None:
        self._api = _number(api)
        self._wires = _wires(api)
        # One client of each kind is kept for listing: there is no news of plugging, so
        # names are polled, and a client per poll would be noticed by the whole system.
        with _unavailable():
            self._in = self._new_input()
            self._out = self._new_output()
        self._reader = MidiReader()
        self._reader.start()
        self._leaving = JackLeaving() if api == "jack" else None
        if self._leaving is not None:
            self._leaving.start()

    def inputs(self) -> list[str]:
        """Names of the ports one can listen to; a second one of a name gets ``#2``."""
        if self._wires.ended:
            raise SystemGone("MIDI unavailable: the JACK server has gone; start it again")
        if self._reader.dead:
            raise SystemGone("MIDI unavailable: nothing reads its inputs; they are opened anew")
        with _unavailable():
            return _names(self._in)

    def outputs(self) -> list[str]:
        """Names of the ports one can speak to."""
        with _unavailable():
            return _names(self._out)

    def listen(self, name: str, heard: Heard) -> MidiInput:
        """Open an input port, always with a new client: a reopened one hears nothing."""
        with _unavailable():
            return _Input(self._open(self._new_input(), name, "in"), self._reader, heard)

    def speak(self, name: str) -> MidiOutput:
        """Open an output port."""
        with _unavailable():
            return self._open(self._new_output(), name, "out")

    def close(self) -> None:
        """Leave the MIDI system; ports opened here are closed one by one, before."""
        self._reader.stop()
        if self._leaving is not None:
            self._leaving.stop()
        self._in.delete()
        self._out.delete()
        self._wires.close()

    def _open(self, client: Any, name: str, port: str) -> _RtMidiPort:
        if self._leaving is None:
            return _RtMidiPort(client, name, port, self._wires)
        self._leaving.changed()
        return _JackPort(client, name, port, self._wires, self._leaving)

    def _new_input(self) -> Any:
        client = _rtmidi().MidiIn(rtapi=self._api, name=CLIENT)
        # rtmidi drops clock unless told; we drop the rest of what no knob sends.
        client.ignore_types(sysex=True, timing=False, active_sense=True)
        return client

    def _new_output(self) -> Any:
        return _rtmidi().MidiOut(rtapi=self._api, name=CLIENT)


class _RtMidiPort:
    """An open rtmidi port, either way."""

    def __init__(self, client: Any, name: str, port: str, wires: PortWires) -> None:
        self.client = client
        self._wire = Wire(wires, name, hear=port == "in")
        try:
            # The number is looked up now: it shifts when something else is unplugged.
            names = _listed(client.get_ports())
            if name not in names:
                raise Gone(f"MIDI port {name!r} is gone")
            client.open_port(names.index(name), port)
        except BaseException:
            client.delete()
            raise

    def send(self, data: bytes) -> None:
        with _unavailable():
            self.client.send_message(data)

    def lost(self) -> str:
        return "its connection was cut" if self._wire.cut() else ""

    def close(self) -> None:
        self.client.close_port()
        self.client.delete()


class _JackPort(_RtMidiPort):
    """One on JACK: it is left alone at once, and closed when that is safe."""

    def __init__(
        self, client: Any, name: str, port: str, wires: PortWires, leaving: JackLeaving
    ) -> None:
        super().__init__(client, name, port, wires)
        self._leaving = leaving

    def close(self) -> None:
        self._leaving.add(self.client)


class _Input:
    """An open input port that is being read."""

    def __init__(self, port: _RtMidiPort, reader: MidiReader, heard: Heard) -> None:
        self._port = port
        self._reader = reader
        reader.add(port.client, heard)

    def lost(self) -> str:
        trouble = self._reader.trouble(self._port.client)
        return f"it cannot be read: {trouble!r}" if trouble is not None else self._port.lost()

    def close(self) -> None:
        self._reader.remove(self._port.client)
        self._port.close()


def _names(client: Any) -> list[str]:
    return [name for name in _listed(client.get_ports()) if not _OURS.match(name)]


def _listed(names: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    listed = []
    for name in names:
        seen[name] += 1
        listed.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return listed


def _rtmidi() -> Any:
    try:
        import rtmidi
    except ImportError as error:
        raise Unavailable(f"MIDI unavailable: {error}") from error
    return rtmidi


def _number(api: str | None) -> int:
    """rtmidi's number for an API.

    JACK is used only when asked for: it is talkative on stderr where no server runs,
    and falls silent for good when its server goes.
    """
    rtmidi = _rtmidi()
    if api is None and sys.platform != "linux":
        return int(rtmidi.API_UNSPECIFIED)
    api = api or "alsa"
    if api not in _APIS:
        raise BadInput(f"{UnknownName('MIDI system', api, _APIS)} (there are {', '.join(_APIS)})")
    number = int(getattr(rtmidi, _APIS[api]))
    if number not in rtmidi.get_compiled_api():
        raise Unavailable(f"MIDI unavailable: no {api} on this system")
    if api == "alsa" and not _ALSA_SEQUENCER.exists():
        raise Unavailable(
            f"MIDI unavailable: no ALSA sequencer ({_ALSA_SEQUENCER}); "
            "load the kernel module snd-seq, or choose jack"
        )
    return number


def _wires(api: str | None) -> PortWires:
    if api == "jack":
        return jack_wires(CLIENT)
    return AlsaWires() if sys.platform == "linux" else NoWires()


@contextmanager
def _unavailable() -> Iterator[None]:
    """What rtmidi raises (its own SystemError is an OSError) becomes Unavailable."""
    try:
        yield
    except (_rtmidi().RtMidiError, OSError, RuntimeError) as error:
        raise Unavailable(f"MIDI unavailable: {error}") from error


class JackLeaving(Errands):
    """A thread that closes rtmidi ports on JACK: one at a time, and when nothing has changed for
    a while. Any thread may call it.

    JACK tells every client of every change in its graph, a period later and on a thread of the
    client's own, which then walks the client's list of ports. Taking a port off that list at
    that moment, as rtmidi does before it leaves, frees what is being walked: the process dies
    (jackaudio/jack2#216; seen in the libjack that python-rtmidi 1.5.8 brings along). A client that
    goes is itself a change, so the ports of one controller, closed one right after the other, are
    enough.
    """

    def __init__(self, rest_seconds: float = REST_SECONDS) -> None:
        super().__init__("jack leaving")
        self._rest = rest_seconds
        self._changed_at = monotonic()

    def changed(self) -> None:
        """The graph changes now: a port is opened."""
        self._changed_at = monotonic()

    def add(self, client: Any) -> None:
        """Close this rtmidi client soon; nobody uses it any more. Returns at once."""
        self._changed_at = monotonic()
        self.do(partial(self._close, client))

    def _close(self, client: Any) -> None:
        """What it raises comes of a server that died meanwhile; the rest still have to go."""
        while (early := self._changed_at + self._rest - monotonic()) > 0:
            sleep(early)
        try:
            client.close_port()
            client.delete()
        finally:
            self._changed_at = monotonic()
