"""Datagrams as they come in: read in bursts, kept in order, held for their time."""

from mula_bridge.osc.udp.backlog import Backlog
from mula_bridge.osc.udp.reading import Datagram
from mula_bridge.osc.udp.receiver import Receiver
from mula_bridge.osc.udp.schedule import Schedule

__all__ = ["Backlog", "Datagram", "Receiver", "Schedule"]
