"""Who may talk to us."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from mula_bridge.errors import BadInput

Peer = tuple[str, int]
"""Host (a numeric address) and port."""

LOOPBACK: Final = ("127.0.0.1", "::1")
"""This machine, which is always let in."""


class Guests:
    """Which hosts may connect: this machine, and the addresses or networks in ``allow``."""

    def __init__(self, allow: Sequence[str]) -> None:
        """Raises BadInput for an entry that is no address or network."""
        try:
            entries = dict.fromkeys((*LOOPBACK, *allow))
            self._networks = [ipaddress.ip_network(entry, strict=False) for entry in entries]
        except ValueError as error:
            raise BadInput(f"only addresses or networks can be let in; {error}") from None

    def admit(self, host: str) -> bool:
        """Whether a numeric address is let in."""
        try:
            return any(ipaddress.ip_address(host) in network for network in self._networks)
        except ValueError:
            return False

    def __str__(self) -> str:
        return ", ".join(map(str, self._networks))
