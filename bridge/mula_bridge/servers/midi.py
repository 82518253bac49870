"""MIDI ports as a source of commands and a listener for reports.

Threads: whoever holds the ports only queues what they say; one worker decodes, sends commands
and drives lights. The ports themselves are in a process of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from time import perf_counter_ns

from mula_bridge.bindings import Learner, Learnt, MidiRouter, Outgoing
from mula_bridge.control import Emit, Service, Task
from mula_bridge.control.messages import (
    Command,
    Failed,
    Origin,
    QueryDump,
    Report,
)
from mula_bridge.errors import MulaError
from mula_bridge.mapping import Mapping
from mula_bridge.midi import (
    POLL_SECONDS,
    Arrived,
    ClockNews,
    Clocks,
    MidiPorts,
    PortNews,
    Ports,
    PortsChanged,
    PortsSeen,
    PortTrouble,
    PortWish,
    Said,
    Tell,
)
from mula_bridge.servers.midi_inbox import MidiInbox

log = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 0.25
"""How soon it is seen that a hand which a control is learnt from rests."""
_SHORTEST_PAUSE_S = 0.001
"""What is due and fails stays due; it is not to take all of a processor."""


@dataclass(frozen=True, slots=True)
class _Told:
    report: Report
    mover: Origin | None


class _Signal:
    """A word to the worker that carries nothing."""


_REFRESH, _UNLEARN = _Signal(), _Signal()


@dataclass(frozen=True, slots=True)
class _Learning:
    learner: Learner
    done: Callable[[Learnt | MulaError], None]


_Word = Mapping | _Learning | _Signal | PortsChanged | PortsSeen | PortTrouble
_Item = Said | _Told | _Word


def log_failure(failed: Failed) -> None:
    """What happens to a failure when nobody else wants to know."""
    log.warning("%s", failed.text)


class MidiSource:
    """Every port that ``pattern`` and a controller of ``mapping`` match, both ways.

    A Source and a Listener. ``api`` is alsa, jack, core or windows, None this
    system's own. Without MIDI on the machine it tells ``failed`` once and keeps
    looking. ``failed`` is called on the worker's thread.

    ``clock`` is told of the MIDI clock, on the worker's thread, whenever something changed
    and once a beat. With it, every port that ``pattern`` matches is listened to, and the
    first that ticks leads until it falls silent.

    ``ports`` makes who keeps the ports open and tells of them, from any thread.
    """

    def __init__(
        self,
        mapping: Mapping,
        pattern: str = "*",
        api: str | None = None,
        *,
        failed: Callable[[Failed], None] = log_failure,
        ports: Callable[[Tell], MidiPorts] | None = None,
        poll_seconds: float = POLL_SECONDS,
        clock: Callable[[ClockNews], None] | None = None,
    ) -> None:
        self._pattern = pattern
        self._failed = failed
        self._clock = clock
        self._inbox: MidiInbox[_Told, _Word] = MidiInbox()
        self._worker = Task("midi", self._work, self._inbox.wake)
        self._ports = ports(self._hear) if ports else Ports(self._hear, api, poll_seconds)
        for service in self.services:
            service.on_fault = self._stumbled
            service.on_death = self._died
        self._to: Emit
        self._open: tuple[str, ...] = ()
        # From here on, the worker's own.
        self._mapping = mapping
        self._router = MidiRouter(mapping)
        self._clocks = Clocks()
        self._there: tuple[str, ...] = ()
        self._learning: _Learning | None = None

    def start(self, emit: Emit) -> None:
        """Begin; returns at once, ports open soon after. Asks the session for its knobs, which
        it may refuse."""
        self._to = emit
        self._ports.wish(self._wish())
        self._worker.start()
        self._ports.start()
        try:
            emit(QueryDump(), Origin("midi"))
        except MulaError as error:  # a flood at the start: lights come with what moves
            self._fail("midi", error)

    @property
    def services(self) -> tuple[Service, ...]:
        """Its threads."""
        return (self._worker, *([self._ports] if isinstance(self._ports, Service) else []))

    def stop(self) -> None:
        """Close every port; returns when that is done, or given up."""
        self._ports.stop()
        self._worker.stop()

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Show a report on the lights. Any thread."""
        if not isinstance(report, MidiRouter.HEARD):
            return
        if to is None or to.source == "midi":
            # An answer to one of our controls is about a move of its own, like news but for it.
            mover = to or but
            self._inbox.report(report_key(report, mover), _Told(report, mover))

    def reload(self, mapping: Mapping) -> None:
        """Use another mapping from the next message on. Any thread."""
        self._inbox.add(mapping, always=True)

    def refresh(self) -> None:
        """Send every light again, and let every control take over anew. Any thread. Raises
        Busy."""
        self._inbox.add(_REFRESH)

    def learn(self, learner: Learner, done: Callable[[Learnt | MulaError], None]) -> None:
        """Give what is touched next to ``learner``, instead of moving knobs. Any thread. Raises
        Busy.

        Every port counts, mapped or not. ``done`` is called on the worker's thread, with the
        reason where nothing could be learnt for long; but not at all when ``stop_learning``,
        another ``learn`` or the end of the worker comes first. Controls that cannot be learnt go
        to ``failed``, and it listens on.
        """
        self._inbox.add(_Learning(learner, done))

    def stop_learning(self) -> None:
        """Move knobs again. Any thread. Raises Busy."""
        self._inbox.add(_UNLEARN)

    def ports(self) -> list[str]:
        """The names of the input ports now open. Any thread."""
        return list(self._open)

    # --- a thread of the ports ----------------------------------------------------------------

    def _hear(self, news: PortNews) -> None:
        match news:
            case Arrived(messages):
                for port, data, at_ns in messages:
                    self._inbox.hear(Said(port, data, at_ns))
            case PortsChanged() | PortsSeen() | PortTrouble():
                self._inbox.add(news, always=True)

    # --- the worker ---------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._worker.stopping.is_set():
            item = self._inbox.take(self._pause())
            with self._worker.item(_named(item)):
                try:
                    self._take(item)
                except MulaError as error:  # said, and no fault of ours
                    self._fail("midi", error)
            with self._worker.item("the clock"):
                self._tick(item)
            if self._learning:
                with self._worker.item("what is learnt"):
                    self._end_learning(self._learning)
            with self._worker.item("the lights"):
                self._send(self._router.due(perf_counter_ns()))

    def _pause(self) -> float:
        dues = [self._router.next_due_ns(), self._clocks.next_due_ns()]
        until = min((due for due in dues if due is not None), default=None)
        if until is None:
            return _LONGEST_PAUSE_S
        return max(_SHORTEST_PAUSE_S, (until - perf_counter_ns()) / 1e9)

    def _tick(self, item: _Item | None) -> None:
        """What the clocks make of a message, or of a pause without one."""
        if self._clock is None:
            return
        match item:
            case Said(port, data, at_ns):
                self._tell(self._clocks.hear(port, data, at_ns))
            case None:
                # Only when the queue is empty: what waits in it was said in time.
                self._tell(self._clocks.due(perf_counter_ns()))

    def _tell(self, news: ClockNews | None) -> None:
        if news is not None and self._clock is not None:
            self._clock(news)

    def _take(self, item: _Item | None) -> None:
        match item:
            case Said(port, data, at_ns) if self._learning:
                self._learning.learner.there = self._there
                self._learning.learner.listen(port, data, at_ns)
            case Said(port, data, at_ns):
                for command, origin in self._router.receive(port, data, at_ns):
                    self._emit(command, origin)
            case _Told(report, mover):
                self._send(self._router.hear(report, mover, perf_counter_ns()))
            case PortsChanged(_, gone, fresh):
                self._change(item.open, gone, fresh)
            case PortsSeen(inputs):
                self._there = inputs
            case PortTrouble(address, code, text):
                self._failed(Failed(address, code, text))
            case Mapping():
                self._mapping = item
                self._router = self._router.remapped(item)
                self._ports.wish(self._wish())
                self._send(self._router.everything())
            case _Learning():
                self._learning = item
                self._ports.wish(self._wish())
            case _Signal() if item is _UNLEARN:
                self._learning = None
                self._ports.wish(self._wish())
            case _Signal():
                self._router.rearm()
                self._send(self._router.everything())

    def _end_learning(self, learning: _Learning) -> None:
        """When the hand has come to rest, after too long a time, or by a fault, which would be
        one again at the next look."""
        try:
            learnt: Learnt | MulaError | None = learning.learner.due(perf_counter_ns())
        except MulaError as error:
            learnt = error
        except Exception as error:
            self._worker.stumble("what is learnt", error)
            learnt = MulaError(f"nothing was learnt: {error!r}; touch another control")
        if learnt is not None:
            self._learning = None
            self._ports.wish(self._wish())
            learning.done(learnt)

    def _emit(self, command: Command, origin: Origin) -> None:
        try:
            self._to(command, origin)
        except MulaError as error:
            self._fail(origin.address, error)
            refused = Failed(origin.address, error.code, str(error))
            self._send(self._router.hear(refused, origin, perf_counter_ns()))

    def _send(self, messages: list[Outgoing]) -> None:
        for message in messages:
            self._ports.send(message.output, message.data)

    def _change(self, ports: tuple[str, ...], gone: frozenset[str], fresh: bool) -> None:
        self._open = ports
        for name in gone:
            self._router.forget(name)
            with self._worker.item("the clock"):
                self._tell(self._clocks.forget(name))
        if fresh:
            self._send(self._router.everything())

    def _wish(self) -> PortWish:
        """Every port while a control is being learnt or a clock may come, else the mapped ones."""
        every = self._learning is not None or self._clock is not None
        controllers = [binding.controller for binding in self._mapping.bindings]
        return PortWish(
            self._pattern,
            None if every else _once(one.input for one in controllers),
            _once(one.output for one in controllers if one.output is not None),
        )

    def _fail(self, address: str, error: MulaError) -> None:
        self._failed(Failed(address, error.code, str(error)))

    def _stumbled(self, service: Service, what: str, error: Exception) -> None:
        """What is done with a fault, unless somebody looks after the services."""
        if isinstance(error, MulaError):
            self._fail("midi", error)
        else:
            self._failed(Failed("midi", "error", f"MIDI: {what} failed: {error!r}"))

    def _died(self, service: Service, what: str, error: Exception) -> None:
        """The same for the end of a service."""
        self._failed(Failed("midi", "error", f"MIDI: {service.name} ended: {error!r}; start anew"))


def _once(patterns: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(patterns))


def report_key(report: Report, mover: Origin | None) -> Hashable:
    """What a newer report must share with one that waits, to take its place.

    Whoever moved has no part in it, or an older value could wait behind a newer one; a refusal
    alone concerns one hand.
    """
    parts = (getattr(report, name, None) for name in ("name", "id", "prompt", "address"))
    return type(report), *parts, mover if isinstance(report, Failed) else None


def _named(item: _Item | None) -> str:
    """What the worker is at, for people."""
    match item:
        case Said(port):
            return f"a message of {port}"
        case _Told(report):
            return f"a light for {type(report).__name__}"
        case PortTrouble() | PortsChanged() | PortsSeen():
            return "news of the ports"
    return "its work"
