"""The OSCQuery server: the address space over HTTP, its values over websockets, and the page.

One port serves all three. Reports come in from the session's thread without blocking it; the
rest happens on a thread with an event loop of its own, which is the only one that touches the
namespace and the clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mula_bridge.bindings import OscBindings
from mula_bridge.control import Emit, Service
from mula_bridge.control.messages import Origin, QueryDump, QueryStatus, Report
from mula_bridge.errors import MulaError
from mula_bridge.net import LOOPBACK, Guests, Peer
from mula_bridge.servers.oscquery.clients import SOURCE, Clients
from mula_bridge.servers.oscquery.namespace import Limits, Namespace
from mula_bridge.servers.oscquery.site import Site

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 7772


@dataclass(frozen=True, slots=True)
class QueryCounters:
    """What happened since ``start``."""

    refused: int = 0
    """Requests of hosts, names or origins that are not let in, or without room for them."""
    dropped: int = 0
    """Messages that a client was too slow for."""


class OscQueryServer:
    """A Source of commands and a Listener to reports, for browsers and OSCQuery clients.

    ``osc`` is where OSC is taken over UDP (None: nowhere), ``presets`` the names that can be
    loaded. ``allow`` are the addresses or networks that may connect beside this machine.
    Port 0 takes any free port. ``bindings`` and ``scheduled`` are those of a Conversation.
    """

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        *,
        osc: Peer | None = None,
        presets: Sequence[str] = (),
        allow: Sequence[str] = LOOPBACK,
        scheduled: bool = False,
        bindings: OscBindings | None = None,
    ) -> None:
        """Raises BadInput for an entry of ``allow`` that is no address or network."""
        namespace = Namespace(presets)
        self._clients = Clients(namespace, bindings, scheduled=scheduled)
        self._site = Site((host, port), namespace, self._clients, Guests(allow), osc)
        self._thread = self._clients.live_on(self._site.open, self._close)

    # --- the thread that owns the daemon ------------------------------------------------------

    def start(self, emit: Emit) -> None:
        """Open the port and begin; asks the session for everything that is set.

        Raises Unavailable when the port is taken or aiohttp is not installed.
        """
        self._clients.begin(emit)
        self._thread.start()
        for question in (QueryDump(), QueryStatus()):
            with suppress(MulaError):
                emit(question, Origin(SOURCE))

    def stop(self) -> None:
        """Close the port and every websocket; what is reported later goes nowhere."""
        self._thread.stop()
        self._site.move_out()

    @property
    def address(self) -> Peer:
        """Host and port; while it runs, the port that it really has."""
        return self._site.address

    @property
    def port(self) -> int:
        """The port of ``address``."""
        return self.address[1]

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = self.address[0]
        host = "127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def services(self) -> tuple[Service, ...]:
        """Its threads, while it runs."""
        return () if self._thread.service is None else (self._thread.service,)

    @property
    def counters(self) -> QueryCounters:
        """A snapshot."""
        return QueryCounters(self._site.refused, self._clients.dropped)

    # --- any thread ---------------------------------------------------------------------------

    def report(
        self, report: Report, *, to: Origin | None = None, but: Origin | None = None
    ) -> None:
        """Keep a report's values and send them to whom they concern. Never blocks or raises."""
        self._thread.report(report, to=to, but=but)

    def limit(self, limits: Limits) -> None:
        """The engine takes these ranges only: knob name -> lowest and highest value. Raises Busy
        where the server's thread has been away for long."""
        self._thread.call(self._clients.limit, dict(limits))

    async def _close(self) -> None:
        self._clients.end()
        await self._site.close()
