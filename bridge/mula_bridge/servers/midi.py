"""MIDI ports as a source of commands and a listener for reports.

Threads: a reader only queues what ports receive; one worker decodes, sends commands,
drives lights and looks for ports that come and go.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
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
    CLOSE_S,
    Backend,
    ClockNews,
    Clocks,
    Connections,
    Heard,
    RtMidi,
    port_matches,
)

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
"""How often port names are looked at. No hand pulls a plug and puts it back between two looks, and
a look takes well under a millisecond."""


@dataclass(frozen=True, slots=True)
class _Heard:
    port: str
    data: bytes
    at_ns: int


@dataclass(frozen=True, slots=True)
class _Told:
    report: Report
    mover: Origin | None


class _Word:
    """A word to the worker that carries nothing."""


_STOP, _REFRESH, _UNLEARN = _Word(), _Word(), _Word()


@dataclass(frozen=True, slots=True)
class _Learning:
    learner: Learner
    done: Callable[[Learnt | MulaError], None]


_Item = _Heard | _Told | Mapping | _Learning | _Word


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
    """

    def __init__(
        self,
        mapping: Mapping,
        pattern: str = "*",
        api: str | None = None,
        *,
        failed: Callable[[Failed], None] = log_failure,
        backend: Callable[[], Backend] | None = None,
        poll_seconds: float = POLL_SECONDS,
        clock: Callable[[ClockNews], None] | None = None,
    ) -> None:
        self._pattern = pattern
        self._failed = failed
        self._clock = clock
        self._inbox: SimpleQueue[_Item] = SimpleQueue()
        self._worker = Task("midi", self._work, lambda: self._inbox.put(_STOP))
        self._to: Emit
        # From here on, the worker's own.
        self._mapping = mapping
        self._router = MidiRouter(mapping)
        self._connections = Connections(
            backend or (lambda: RtMidi(api)), self._hearer, self._fail, poll_seconds
        )
        self._clocks = Clocks()
        self._greeted = False
        self._learning: _Learning | None = None

    def start(self, emit: Emit) -> None:
        """Begin; returns at once, ports open soon after. Asks the session for its knobs."""
        self._to = emit
        self._worker.start()
        emit(QueryDump(), Origin("midi"))

    @property
    def services(self) -> tuple[Service, ...]:
        """Its threads."""
        return (self._worker,)

    def stop(self) -> None:
        """Close every port; returns when that is done."""
        self._worker.stop(CLOSE_S)

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Show a report on the lights. Any thread."""
        if not isinstance(report, MidiRouter.HEARD):
            return
        if to is None or to.source == "midi":
            # An answer to one of our controls is about a move of its own, like news but for it.
            self._inbox.put(_Told(report, to or but))

    def reload(self, mapping: Mapping) -> None:
        """Use another mapping from the next message on. Any thread."""
        self._inbox.put(mapping)

    def refresh(self) -> None:
        """Send every light again, and let every control take over anew. Any thread."""
        self._inbox.put(_REFRESH)

    def learn(self, learner: Learner, done: Callable[[Learnt | MulaError], None]) -> None:
        """Give what is touched next to ``learner``, instead of moving knobs. Any thread.

        Every port counts, mapped or not. ``done`` is called on the worker's thread, once, with
        the reason where nothing could be learnt for long; controls that cannot be learnt go to
        ``failed``, and it listens on.
        """
        self._inbox.put(_Learning(learner, done))

    def stop_learning(self) -> None:
        """Move knobs again. Any thread."""
        self._inbox.put(_UNLEARN)

    def ports(self) -> list[str]:
        """The names of the input ports now open. Any thread."""
        return self._connections.inputs

    # --- the worker ---------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            try:
                item = self._inbox.get(timeout=self._pause())
            except Empty:
                item = None
            if item is _STOP:
                break
            try:
                self._tick(item)
                self._take(item)
                if self._learning:
                    self._end_learning(self._learning)
                self._send(self._router.due(perf_counter_ns()))
                if perf_counter_ns() >= self._connections.next_look_ns:
                    self._look()
            except MulaError as error:
                self._fail("midi", error)
            except Exception as error:  # a bug must not leave the knobs dead
                log.exception("MIDI worker")
                self._failed(Failed("midi", "error", f"MIDI: {error!r}"))
        self._connections.close()

    def _pause(self) -> float:
        dues = (self._router.next_due_ns(), self._clocks.next_due_ns())
        until = min([self._connections.next_look_ns, *(due for due in dues if due is not None)])
        return max(0, until - perf_counter_ns()) / 1e9

    def _tick(self, item: _Item | None) -> None:
        """What the clocks make of a message, or of a pause without one."""
        if self._clock is None:
            return
        match item:
            case _Heard(port, data, at_ns):
                self._tell(self._clocks.hear(port, data, at_ns))
            case None:
                # Only when the queue is empty: what waits in it was said in time.
                self._tell(self._clocks.due(perf_counter_ns()))

    def _tell(self, news: ClockNews | None) -> None:
        if news is not None and self._clock is not None:
            self._clock(news)

    def _take(self, item: _Item | None) -> None:
        match item:
            case _Heard(port, data, at_ns) if self._learning:
                self._learning.learner.listen(port, data, at_ns)
            case _Heard(port, data, at_ns):
                for command, origin in self._router.receive(port, data, at_ns):
                    self._emit(command, origin)
            case _Told(report, mover):
                self._send(self._router.hear(report, mover, perf_counter_ns()))
            case Mapping():
                self._mapping = item
                self._router = self._router.remapped(item)
                self._connections.next_look_ns = 0
                self._send(self._router.everything())
            case _Learning():
                self._learning = item
                self._connections.next_look_ns = 0
            case _Word() if item is _UNLEARN:
                self._learning = None
                self._connections.next_look_ns = 0
            case _Word():
                self._router.rearm()
                self._send(self._router.everything())

    def _end_learning(self, learning: _Learning) -> None:
        """When the hand has come to rest, or after too long a time."""
        try:
            learnt: Learnt | MulaError | None = learning.learner.due(perf_counter_ns())
        except MulaError as error:
            learnt = error
        if learnt is not None:
            self._learning = None
            self._connections.next_look_ns = 0
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
            self._connections.send(message.output, message.data)

    def _look(self) -> None:
        gone, new = self._connections.look(self._wants, self._shows_on)
        for name in gone:
            self._router.forget(name)
            self._tell(self._clocks.forget(name))
        # Once more with the next look: a port that was just connected may miss its first messages.
        if new or self._greeted:
            self._send(self._router.everything())
        self._greeted = bool(new)

    def _hearer(self, port: str) -> Heard:
        inbox = self._inbox
        return lambda data, at_ns: inbox.put(_Heard(port, data, at_ns))

    def _wants(self, name: str) -> bool:
        return port_matches(self._pattern, name) and (
            self._learning is not None
            or self._clock is not None
            or any(
                port_matches(binding.controller.input, name) for binding in self._mapping.bindings
            )
        )

    def _shows_on(self, name: str) -> bool:
        outputs = {binding.controller.output for binding in self._mapping.bindings}
        return any(output is not None and port_matches(output, name) for output in outputs)

    def _fail(self, address: str, error: MulaError) -> None:
        self._failed(Failed(address, error.code, str(error)))


def list_ports(api: str | None = None) -> tuple[list[str], list[str]]:
    """The names of the machine's input and output ports. Raises Unavailable."""
    backend = RtMidi(api)
    try:
        return backend.inputs(), backend.outputs()
    finally:
        backend.close()
