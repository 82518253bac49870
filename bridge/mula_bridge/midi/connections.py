"""The open MIDI ports: found by name, opened when they come, closed when they go.

No system tells of plugging, so names are looked at again and again. One thread
uses it, except that what ports say arrives on a reader's. Whatever a MIDI system raises
costs the port that it is about, or the system, and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Final, TypeVar

from mula_bridge.errors import MulaError, Unavailable
from mula_bridge.midi.backend import Backend, Gone, MidiInput, MidiOutput, SystemGone
from mula_bridge.midi.port_messages import PortNews, PortsChanged, PortsSeen, PortTrouble, PortWish
from mula_bridge.midi.port_names import port_matches
from mula_bridge.midi.reader import Heard

_Port = TypeVar("_Port", MidiInput, MidiOutput)

_SYSTEM: Final = "midi"
_SHORTEST_WAIT_NS, _LONGEST_WAIT_NS = 500_000_000, 4_000_000_000
_GOOD_NS: Final = 10_000_000_000
"""A port that was open for so long did well: it is opened anew at once, and what goes wrong next
is news."""
_MOST_SAID: Final = 4
"""So many different troubles of a port are told before it did well."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Trouble:
    """When a port is tried that did not open, or did not stay, and what was said of that."""

    wait_ns: int = 0
    next_ns: int = 0
    opened_ns: int | None = None
    """Since when it is open; None while it is not."""
    said: set[str] = field(default_factory=set)
    """Of its port, whichever way it is: a box that is taken is taken as both."""

    def later(self, now_ns: int) -> None:
        """It did not open, or broke."""
        self._judge(now_ns)
        self.wait_ns = min(max(2 * self.wait_ns, _SHORTEST_WAIT_NS), _LONGEST_WAIT_NS)
        self.next_ns = now_ns + self.wait_ns

    def lost(self, now_ns: int) -> None:
        """It was open, and is not well any more."""
        self._judge(now_ns)
        if self.wait_ns:
            self.later(now_ns)
        else:
            self.wait_ns, self.next_ns = 1, 0  # at once; later, should that not help

    def is_news(self, text: str) -> bool:
        """Whether to say this; it is taken as said."""
        if text in self.said or len(self.said) >= _MOST_SAID:
            return False
        self.said.add(text)
        return True

    def _judge(self, now_ns: int) -> None:
        """Forgive it what was, if it did well until now."""
        if self.opened_ns is not None and now_ns - self.opened_ns >= _GOOD_NS:
            self.wait_ns = 0
            self.said.clear()
        self.opened_ns = None


class Connections:
    """Keeps every wanted port open.

    ``hear(name)`` makes what takes the messages of a new input. ``tell`` hears of an input before
    its first message, once of each thing that does not work, until that did well, and of a new
    output twice: it may miss what is sent right after it was opened. ``alive`` is called between
    things that may take a while.
    """

    def __init__(
        self,
        open_backend: Callable[[], Backend],
        hear: Callable[[str], Heard],
        tell: Callable[[PortNews], None],
        poll_seconds: float,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._open_backend = open_backend
        self._hear = hear
        self._tell = tell
        self._alive = alive
        self._poll_ns = round(poll_seconds * 1e9)
        self._wait_ns = self._poll_ns
        self._backend: Backend | None = None
        self._inputs: dict[str, MidiInput] = {}
        self._outputs: dict[str, MidiOutput] = {}
        self._troubles: dict[tuple[str, bool], _Trouble] = {}
        self._system_trouble = _Trouble()
        self._seen: PortsSeen | None = None
        self._fresh = False
        self.next_look_ns = 0
        """When to ``look`` again (``perf_counter_ns``); 0 for at once."""

    def look(self, wish: PortWish) -> None:
        """Open what has come, close what has gone. Raises SystemGone when this process cannot have
        the system any more."""
        self.next_look_ns = perf_counter_ns() + self._wait_ns
        try:
            if self._backend is None:
                self._backend = self._open_backend()
            self._alive()
            seen = PortsSeen(tuple(self._backend.inputs()), tuple(self._backend.outputs()))
        except SystemGone:
            raise
        except Exception as error:  # a driver may raise anything
            self._break(_SYSTEM, self._system_trouble, error)
            self._wait_ns = min(max(self._wait_ns * 2, _SHORTEST_WAIT_NS), _LONGEST_WAIT_NS)
            self.next_look_ns = perf_counter_ns() + self._wait_ns
            self.close()
            return
        if seen != self._seen:
            self._tell(seen)
        self._seen = seen
        self._wait_ns = self._poll_ns
        here = {*seen.inputs, *seen.outputs}
        self._system_trouble.said.clear()
        self._troubles = {key: one for key, one in self._troubles.items() if key[0] in here}
        self._match_inputs([x for x in seen.inputs if wants_input(wish, x, seen.inputs)])
        self._match_outputs(
            [x for x in seen.outputs if _any_matches(wish.outputs, x, seen.outputs)]
        )

    def send(self, output: str, data: bytes) -> None:
        """One message to every open output that the pattern ``output`` matches.

        One that does not take it is closed, and opened anew with the next look.
        """
        there = self._seen.outputs if self._seen is not None else ()
        for name, port in list(self._outputs.items()):
            if port_matches(output, name, there):
                try:
                    port.send(data)
                except Exception as error:  # the other outputs have done nothing wrong
                    self._close(name, self._outputs.pop(name))
                    self._fail(self._outputs, name, error)

    def close(self) -> None:
        """Close every port, and leave the MIDI system."""
        gone = frozenset(self._inputs)
        for name in gone:
            self._close(name, self._inputs.pop(name))
        for name in list(self._outputs):
            self._close(name, self._outputs.pop(name))
        if gone:
            self._tell(PortsChanged((), gone))
        backend, self._backend, self._seen = self._backend, None, None
        if backend is not None:
            try:
                backend.close()
            except Exception:  # what cannot be closed is left
                log.exception("MIDI system")

    def _match_inputs(self, names: list[str]) -> None:
        assert self._backend is not None
        listen = self._backend.listen
        gone = self._close_gone(self._inputs, names)
        told = tuple(self._inputs)
        if gone:
            self._tell(PortsChanged(told, gone))

        def connect(name: str) -> MidiInput:
            nonlocal told
            told = (*self._inputs, name)
            self._tell(PortsChanged(told))
            return listen(name, self._hear(name))

        self._open_new(self._inputs, names, connect)
        if told != tuple(self._inputs):  # one was told of that did not open
            self._tell(PortsChanged(tuple(self._inputs)))

    def _match_outputs(self, names: list[str]) -> None:
        assert self._backend is not None
        self._close_gone(self._outputs, names)
        new = self._open_new(self._outputs, names, self._backend.speak)
        if new or self._fresh:
            self._tell(PortsChanged(tuple(self._inputs), fresh=True))
        self._fresh = new

    def _close_gone(self, ports: dict[str, _Port], names: list[str]) -> frozenset[str]:
        """Close what is not wanted, not there, or not well any more; which those were."""
        gone = ports.keys() - set(names)
        for name in ports.keys() & set(names):
            why = self._lost(ports[name])
            if why:
                gone.add(name)
                trouble = self._trouble(ports, name)
                trouble.lost(perf_counter_ns())
                if trouble.is_news(why):
                    log.warning("MIDI port %s is opened anew: %s", name, why)
        for name in gone:
            self._close(name, ports.pop(name))
        return frozenset(gone)

    def _open_new(
        self, ports: dict[str, _Port], names: list[str], connect: Callable[[str], _Port]
    ) -> bool:
        """Open what is not open; whether something was."""
        opened = False
        for name in names:
            if name in ports or perf_counter_ns() < self._trouble(ports, name).next_ns:
                continue
            self._alive()
            try:
                ports[name] = connect(name)
            except Gone:
                continue  # as the next look will tell
            except Exception as error:  # the other ports have done nothing wrong
                self._fail(ports, name, error)
            else:
                self._trouble(ports, name).opened_ns = perf_counter_ns()
                opened = True
        return opened

    def _lost(self, port: MidiInput | MidiOutput) -> str:
        try:
            return port.lost()
        except Exception as error:  # who cannot say how it is, is not well
            return repr(error)

    def _close(self, name: str, port: MidiInput | MidiOutput) -> None:
        self._alive()
        try:
            port.close()
        except Exception:  # it is left, whatever it says
            log.exception("MIDI port %s", name)

    def _trouble(self, ports: object, name: str) -> _Trouble:
        """What is known of one way of a port; what was said is said of both."""
        way = ports is self._outputs
        if (name, way) not in self._troubles:
            other = self._troubles.get((name, not way))
            said = other.said if other is not None else set()
            self._troubles[name, way] = _Trouble(said=said)
        return self._troubles[name, way]

    def _fail(self, ports: object, name: str, error: Exception) -> None:
        """A port did not open, or broke: it is tried later."""
        trouble = self._trouble(ports, name)
        trouble.later(perf_counter_ns())
        self._break(name, trouble, error)

    def _break(self, name: str, trouble: _Trouble, error: Exception) -> None:
        told = _told(name, error)
        if trouble.is_news(str(told)):
            self._tell(PortTrouble(name, told.code, str(told)))


def wants_input(wish: PortWish, name: str, there: tuple[str, ...]) -> bool:
    """Whether an input of that name, one of those ``there``, is to be open."""
    return port_matches(wish.pattern, name, there) and (
        wish.inputs is None or _any_matches(wish.inputs, name, there)
    )


def _any_matches(patterns: tuple[str, ...], name: str, there: tuple[str, ...]) -> bool:
    return any(port_matches(pattern, name, there) for pattern in patterns)


def _told(name: str, error: Exception) -> MulaError:
    """Anything that a driver raises, as a sentence."""
    if isinstance(error, MulaError):
        return error
    return Unavailable(f"MIDI ({name}): {error!r}; it is tried again")
