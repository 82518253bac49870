"""The open MIDI ports: found by name, opened when they come, closed when they go.

No system tells of plugging, so names are looked at again and again. One thread
uses it, except that what ports say arrives on a reader's.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import TypeVar

from mula_bridge.errors import MulaError, Unavailable
from mula_bridge.midi.backend import Backend, Gone, MidiInput, MidiOutput
from mula_bridge.midi.port_names import port_matches
from mula_bridge.midi.reader import Heard

Wanted = Callable[[str], bool]
"""Whether to open the port of that name."""

_Port = TypeVar("_Port", MidiInput, MidiOutput)

_SYSTEM = "midi"
_SHORTEST_WAIT_NS, _LONGEST_WAIT_NS = 1_000_000_000, 30_000_000_000


class Connections:
    """Keeps every wanted port open.

    ``hear(name)`` makes what takes the messages of a new input; ``failed(address,
    error)`` is told once of each thing that does not work.
    """

    def __init__(
        self,
        open_backend: Callable[[], Backend],
        hear: Callable[[str], Heard],
        failed: Callable[[str, MulaError], None],
        poll_seconds: float,
    ) -> None:
        self._open_backend = open_backend
        self._hear = hear
        self._failed = failed
        self._poll_ns = round(poll_seconds * 1e9)
        self._wait_ns = self._poll_ns
        self._backend: Backend | None = None
        self._inputs: dict[str, MidiInput] = {}
        self._outputs: dict[str, MidiOutput] = {}
        self._broken: set[str] = set()
        self.next_look_ns = 0
        """When to ``look`` again (``perf_counter_ns``); 0 for at once."""

    @property
    def inputs(self) -> list[str]:
        """The names of the open inputs. Any thread."""
        return list(self._inputs)

    def look(self, wants_input: Wanted, wants_output: Wanted) -> tuple[set[str], set[str]]:
        """Open what has come, close what has gone: the inputs gone, and the outputs new."""
        self.next_look_ns = perf_counter_ns() + self._wait_ns
        try:
            if self._backend is None:
                self._backend = self._open_backend()
            inputs, outputs = self._backend.inputs(), self._backend.outputs()
        except Unavailable as error:
            # Asked ever more rarely: some systems complain on the terminal each time.
            self._break(_SYSTEM, error)
            self._wait_ns = min(max(self._wait_ns * 2, _SHORTEST_WAIT_NS), _LONGEST_WAIT_NS)
            return set(), set()
        self._wait_ns = self._poll_ns
        self._broken &= {*inputs, *outputs}
        listen, speak = self._backend.listen, self._backend.speak
        gone, _ = self._match(
            self._inputs,
            list(filter(wants_input, inputs)),
            lambda name: listen(name, self._hear(name)),
        )
        _, new = self._match(self._outputs, list(filter(wants_output, outputs)), speak)
        return gone, new

    def send(self, output: str, data: bytes) -> None:
        """One message to every open output that the pattern ``output`` matches."""
        for name, port in list(self._outputs.items()):
            if port_matches(output, name):
                try:
                    port.send(data)
                except Unavailable as error:
                    self._outputs.pop(name).close()
                    self._failed(name, error)

    def close(self) -> None:
        """Close every port, and leave the MIDI system."""
        for port in (*self._inputs.values(), *self._outputs.values()):
            port.close()
        self._inputs.clear()
        self._outputs.clear()
        if self._backend is not None:
            self._backend.close()
            self._backend = None

    def _match(
        self, ports: dict[str, _Port], names: list[str], connect: Callable[[str], _Port]
    ) -> tuple[set[str], set[str]]:
        gone, new = ports.keys() - set(names), set()
        for name in gone:
            ports.pop(name).close()
        for name in names:
            if name not in ports and name not in self._broken:
                try:
                    ports[name] = connect(name)
                except Gone:
                    continue  # as the next look will tell
                except Unavailable as error:
                    self._break(name, error)
                else:
                    new.add(name)
        return gone, new

    def _break(self, name: str, error: MulaError) -> None:
        if name not in self._broken:
            self._broken.add(name)
            self._failed(name, error)
