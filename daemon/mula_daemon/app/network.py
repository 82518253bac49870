"""What the daemon serves to other programs: OSC over UDP and TCP, OSCQuery with its page."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from mula_bridge.bindings import OscBindings
from mula_bridge.control.messages import Failed
from mula_bridge.net import LOOPBACK, Advertiser
from mula_bridge.servers import OscServer, OscTcpServer
from mula_bridge.servers.oscquery import OscQueryServer
from mula_daemon.engine import EngineInfo
from mula_daemon.session import Session
from mula_daemon.settings import OFF, Config


def start_network(
    config: Config,
    session: Session,
    bindings: OscBindings,
    presets: tuple[str, ...],
    stack: ExitStack,
) -> tuple[tuple[str, int], str]:
    """Start what ``config`` asks for; ``stack`` stops it again.

    Returns where OSC is heard, and the page's address ("" when it is off). Raises
    Unavailable when a port cannot be had, and names who has it where it can.
    """
    host, port = config.osc_address
    allow = (*LOOPBACK, *config.allowed_hosts)
    server = OscServer(
        host,
        port,
        feedback_targets=config.feedback_targets,
        allow=allow,
        scheduled=config.scheduled,
        bindings=bindings,
    )
    session.listen(server)
    server.start(session.emit)
    stack.callback(server.stop)
    if config.osc_tcp_address is not None:
        tcp = OscTcpServer(*config.osc_tcp_address, allow=allow)
        session.listen(tcp)
        tcp.start(session.emit)
        stack.callback(tcp.stop)
    query = None
    if config.http_address is not None:
        query = OscQueryServer(
            *config.http_address, osc=server.address, presets=presets, allow=allow
        )
        session.listen(query)
        session.on_engine = partial(_limit, query)
        query.start(session.emit)
        stack.callback(query.stop)
    if config.advertise != OFF:
        advertiser = Advertiser(server.address, query.address if query else None)
        stack.callback(advertiser.stop)
        if notice := advertiser.start():
            session.post(Failed("", "unavailable", notice))
    return server.address, query.url if query else ""


def _limit(query: OscQueryServer, engine: EngineInfo) -> None:
    query.limit({name: (span.minimum, span.maximum) for name, span in engine.knobs.items()})
