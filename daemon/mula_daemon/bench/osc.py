"""``mula bench osc``: what a flood of knob messages costs, here and in python-osc's servers.

A child process sends, unpaced and then at 20,000 messages a second. Every server
has the same receive buffer, knows the same addresses, and does the same with a
message: clamp and store. ``acknowledging`` is ours once more, sending every effective
value back, as the daemon does. CPU is that of this whole process, per message received;
of those, ours handles only the last of each knob that waited (``handled``), as it must.
``handling`` leaves sockets and threads out: packet in, knob set, by our Dispatch and by
python-osc's Dispatcher, in turn in one thread. ``ping_while_flooded`` are the round trips
of a third process while the child sends as fast as it can, and ``ping_at_rate`` while it sends
20,000 packets a second of each kind, which 50 seconds of make a million.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import random
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing.synchronize import Barrier
from time import perf_counter, process_time, sleep, thread_time
from typing import Any

from mula_bridge.api import Dispatch, Request, concrete
from mula_bridge.control import KNOBS
from mula_bridge.control.messages import Command, KnobChanged, Origin, SetKnob
from mula_bridge.errors import MulaError
from mula_bridge.net import RECEIVE_BUFFER
from mula_bridge.osc import Message, encode
from mula_bridge.servers import OscServer
from mula_daemon.bench.figures import print_json, spread
from mula_daemon.bench.osc_client import pinged

BURST = 40_000
RATE = 20_000
ADDRESS = "/mula/knob/cfg"
LAST = 6.5
"""The last value sent; no other message has it."""
QUIET_S = 0.5
_PAUSE_S = 0.0005


class StandInSession:
    """In place of the session: clamps and stores what is set, and counts."""

    def __init__(self, server: OscServer | None = None) -> None:
        self.knobs = {name: knob.default for name, knob in KNOBS.items()}
        self.handled = 0
        self.came: Callable[[], int] = lambda: self.handled
        """How many messages came in; ours knows of those that the next one replaced."""
        self._server = server

    def emit(self, command: Command, origin: Origin) -> None:
        """Take a command, as the session does; acknowledge it if there is a server for that."""
        if not isinstance(command, SetKnob):
            return
        self.set(command.name, command.value)
        if self._server is not None:
            knob, value = KNOBS[command.name], self.knobs[command.name]
            self._server.report(KnobChanged(knob.name, value, knob.to_norm(value)), to=origin)

    def set(self, name: str, value: object) -> None:
        """One knob."""
        self.knobs[name] = KNOBS[name].coerce(value)
        self.handled += 1


Running = tuple[StandInSession, int]
"""What a running server fills, and its port."""
Contender = Callable[[], AbstractContextManager[Running]]


@contextmanager
def mulabridge(*, acknowledging: bool = False) -> Iterator[Running]:
    """Our server."""
    server = OscServer(port=0)
    session = StandInSession(server if acknowledging else None)
    session.came = lambda: server.counters.datagrams
    server.start(session.emit)
    try:
        yield session, server.port
    finally:
        server.stop()


@contextmanager
def blocking() -> Iterator[Running]:
    """python-osc's BlockingOSCUDPServer, on a thread."""
    from pythonosc.osc_server import BlockingOSCUDPServer

    session = StandInSession()
    with BlockingOSCUDPServer(("127.0.0.1", 0), _dispatcher(session)) as server:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield session, server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def asynchronous() -> Iterator[Running]:
    """python-osc's AsyncIOOSCUDPServer, its loop on a thread."""
    from pythonosc.osc_server import AsyncIOOSCUDPServer

    session, loop = StandInSession(), asyncio.new_event_loop()
    server = AsyncIOOSCUDPServer(("127.0.0.1", 0), _dispatcher(session), loop)  # type: ignore[arg-type]
    transport, _ = loop.run_until_complete(server.create_serve_endpoint())
    opened = transport.get_extra_info("socket")
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield session, opened.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        transport.close()
        loop.run_until_complete(asyncio.sleep(0))  # the transport closes in the next turn
        loop.close()


CONTENDERS: dict[str, Contender] = {
    "mulabridge": mulabridge,
    "acknowledging": lambda: mulabridge(acknowledging=True),
    "python_osc_blocking": blocking,
    "python_osc_asyncio": asynchronous,
}


def main(argv: Sequence[str]) -> int:
    """Measure and print one JSON line."""
    made = argparse.ArgumentParser(prog="mula bench osc", description=__doc__)
    made.add_argument("--seconds", type=float, default=10.0, help="of the paced run (default 10)")
    made.add_argument("--burst", type=int, default=BURST, help=f"messages (default {BURST})")
    parsed = made.parse_args(argv)
    burst = {name: measure(run, parsed.burst, 0) for name, run in CONTENDERS.items()}
    count = round(RATE * parsed.seconds)
    paced = {name: measure(run, count, RATE) for name, run in CONTENDERS.items()}
    print_json(
        bench="osc",
        handling=handling(),
        burst=burst,
        paced={"messages_per_second": RATE, **paced},
        ping_while_flooded={
            "knobs": flooded(parsed.seconds, "knobs"),
            "garbage": flooded(parsed.seconds, "garbage"),
        },
        ping_at_rate={kind: flooded(parsed.seconds, kind, RATE) for kind in FLOODS},
        times_our_cpu={"burst": ratios(burst), "paced": ratios(paced)},
    )
    return 0


def measure(contender: Contender, count: int, rate: int) -> dict[str, Any]:
    """Send ``count`` messages, ``rate`` a second (0: unpaced), and see what arrives."""
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(2)
    with contender() as (session, port):
        sender = spawn.Process(target=send, args=(port, count, rate, start))
        sender.start()
        start.wait()
        cpu = process_time()
        sender.join()
        _until_quiet(session)
        cpu = process_time() - cpu
    received = session.came()
    return {
        "sent": count,
        "received": received,
        "handled": session.handled,
        "lost": count - received,
        "last_value_right": session.knobs["cfg"] == LAST,
        "cpu_us_per_message": round(cpu / max(1, received) * 1e6, 2),
    }


def flooded(seconds: float, kind: str, rate: int = 0) -> dict[str, Any]:
    """Round trips of pings while another process floods, ``rate`` packets a second (0: unpaced)
    of a ``kind`` in ``FLOODS``, and acknowledgements go out."""
    spawn = multiprocessing.get_context("spawn")
    with mulabridge(acknowledging=True) as (session, port):
        sender = spawn.Process(target=flood, args=(port, seconds + 2, kind, rate))
        sender.start()
        # As the daemon does: what is there already is not gone through again and again.
        gc.collect()
        gc.freeze()
        try:
            sleep(1.0)
            notes = pinged(("127.0.0.1", port), seconds)
        finally:
            gc.unfreeze()
        sender.join()
        _until_quiet(session)
    times = notes["round_trips_ms"]
    return {
        "packets_per_second": round(session.came() / (seconds + 2)),
        "lost": notes["lost"],
        "round_trip_ms": spread(times, 50, 99, 99.9, 100) if times else {},
        "over_10_ms": sum(time > 10 for time in times),
        "of": len(times),
    }


def flood(port: int, seconds: float, kind: str, rate: int) -> None:
    """The child process: as many as one sender manages, or ``rate`` a second."""
    packets = FLOODS[kind]()
    begun, sent = perf_counter(), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", port))
        while (passed := perf_counter() - begun) < seconds:
            due = sent + len(packets) if rate == 0 else int(passed * rate)
            while sent < due:
                with suppress(OSError):  # the kernel has no room for more
                    peer.send(packets[sent % len(packets)])
                sent += 1
            if rate:
                sleep(_PAUSE_S)


def _knobs() -> list[bytes]:
    return [encode(ADDRESS, (1.0 + index / 1000,)) for index in range(4000)]


def _garbage() -> list[bytes]:
    rng = random.Random(0)
    return [rng.randbytes(rng.randrange(200)) for _ in range(4000)]


def _bundles() -> list[bytes]:
    elements = [len(one).to_bytes(4, "big") + one for one in _knobs()]
    return [
        b"#bundle\0" + bytes(7) + b"\1" + b"".join(elements[index : index + 30])
        for index in range(0, 3900, 10)
    ]


FLOODS: dict[str, Callable[[], list[bytes]]] = {
    "knobs": _knobs,
    "garbage": _garbage,
    "unknown": lambda: [encode(f"{ADDRESS}{index}", (1.0,)) for index in range(4000)],
    "jobs": lambda: [encode("/mula/generate", (f"job{index}",)) for index in range(4000)],
    "bundles": _bundles,
    "pings": lambda: [encode("/mula/ping", (index,)) for index in range(4000)],
}
"""The packets of each kind of flood."""


def handling(packets: int = 20_000, turns: int = 5) -> dict[str, Any]:
    """CPU microseconds for one packet: the best of ``turns`` turns of each."""
    peer = ("127.0.0.1", 1)
    ours, theirs = StandInSession(), StandInSession()
    dispatch = Dispatch(Mute(), ours.emit, "bench")
    dispatcher = _dispatcher(theirs)
    data = [encode(ADDRESS, (1 + index % 500 / 100,)) for index in range(packets)]

    def cost(handle: Callable[[bytes], object]) -> float:
        begun = thread_time()
        for packet in data:
            handle(packet)
        return (thread_time() - begun) / packets * 1e6

    pairs = [
        (
            cost(lambda packet: dispatch.obey_packet(packet, peer)),
            cost(lambda packet: dispatcher.call_handlers_for_packet(packet, peer)),
        )
        for _ in range(turns)
    ]
    assert ours.handled == theirs.handled == packets * turns
    mine, other = (min(column) for column in zip(*pairs, strict=True))
    return {
        "mulabridge_us": round(mine, 2),
        "python_osc_us": round(other, 2),
        "times_our_cpu": round(other / mine, 2),
    }


class Mute:
    """A Front that has nobody to talk to."""

    def serve(self, request: Request, message: Message, origin: Origin) -> None:
        """Nobody asks."""

    def moved(self, origin: Origin, confirmation: Sequence[object]) -> None:
        """Nobody listens."""

    def complain(self, origin: Origin, error: MulaError) -> None:
        """Every packet is right."""
        raise error


def ratios(figures: dict[str, dict[str, Any]]) -> dict[str, float]:
    """How many times the CPU of our server each of the others takes."""
    ours = figures["mulabridge"]["cpu_us_per_message"]
    return {
        name: round(figure["cpu_us_per_message"] / ours, 2)
        for name, figure in figures.items()
        if name != "mulabridge"
    }


def send(port: int, count: int, rate: int, start: Barrier) -> None:
    """The child process: values that all differ from ``LAST``, then ``LAST``."""
    packets = [encode(ADDRESS, (1.0 + index / 1000,)) for index in range(4000)]
    last = encode(ADDRESS, (LAST,))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", port))
        start.wait()
        begun = perf_counter()
        for index in range(count - 1):
            if rate and index % 20 == 0:
                # On time on average, in groups of twenty: sleeping is no finer than that.
                sleep(max(0.0, begun + index / rate - perf_counter()))
            peer.send(packets[index % 4000])
        peer.send(last)


def _until_quiet(session: StandInSession) -> None:
    seen = -1
    while session.came() != seen:
        seen = session.came()
        sleep(QUIET_S)


def _dispatcher(session: StandInSession) -> Any:
    from pythonosc.dispatcher import Dispatcher

    def handle(address: str, *args: Any) -> None:
        session.set(address.rpartition("/")[2], args[0])

    dispatcher = Dispatcher()
    for address, row, _ in concrete():
        if row.takes is not None:
            dispatcher.map(address, handle)
    return dispatcher
