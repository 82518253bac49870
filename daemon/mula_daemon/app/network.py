"""What the daemon serves to other programs: OSC over UDP and TCP, OSCQuery with its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Never

from mula_bridge.bindings import OscBindings
from mula_bridge.control import Service
from mula_bridge.control.messages import Failed
from mula_bridge.net import LOOPBACK, Advertiser
from mula_bridge.servers import OscServer, OscTcpServer
from mula_bridge.servers.oscquery import OscQueryServer
from mula_daemon.jobs import EngineNews
from mula_daemon.session import Handler, Mailbox, Publisher
from mula_daemon.settings import Config


class Network(Handler[Never, EngineNews]):
    """The servers that run: where they are heard, and what the page may offer."""

    events = (EngineNews,)

    def __init__(self, osc: tuple[str, int], query: OscQueryServer | None) -> None:
        self.osc = osc
        self.page = query.url if query is not None else ""
        """Address of the page, empty without one."""
        self._query = query

    def hear(self, event: EngineNews) -> None:
        """Offer no more of a knob than the engine honours."""
        if self._query is not None and event.info is not None:
            knobs = event.info.knobs.items()
            self._query.limit({name: (span.minimum, span.maximum) for name, span in knobs})


def start_network(
    config: Config,
    mailbox: Mailbox,
    publisher: Publisher,
    bindings: OscBindings,
    presets: tuple[str, ...],
    at_end: Callable[[Callable[[], object]], object],
    tend: Callable[[Service], None] = lambda service: None,
) -> Network:
    """Start what ``config`` asks for; ``at_end`` takes what stops it again. All obey ``bindings``.
    ``tend`` looks after each thread.

    Raises Unavailable when a port cannot be had, and names who has it where it can.
    """
    host, port = config.osc_address
    allow, scheduled = (*LOOPBACK, *config.allowed_hosts), config.scheduled
    server = OscServer(
        host,
        port,
        feedback_targets=config.feedback_targets,
        allow=allow,
        scheduled=scheduled,
        bindings=bindings,
    )

    def serve(one: OscServer | OscTcpServer | OscQueryServer) -> None:
        publisher.listen(one)
        one.start(mailbox.put)
        for service in one.services:
            tend(service)
        at_end(one.stop)

    serve(server)
    if config.osc_tcp_address is not None:
        tcp_address = config.osc_tcp_address
        serve(OscTcpServer(*tcp_address, allow=allow, scheduled=scheduled, bindings=bindings))
    query = None
    if config.http_address is not None:
        query = OscQueryServer(
            *config.http_address,
            osc=server.address,
            presets=presets,
            allow=allow,
            scheduled=scheduled,
            bindings=bindings,
        )
        serve(query)
    if config.advertise:
        advertiser = Advertiser(server.address, query.address if query else None)
        tend(advertiser.announcer)
        at_end(advertiser.stop)
        if notice := advertiser.start():
            mailbox.post(Failed("", "unavailable", notice))
    return Network(server.address, query)
