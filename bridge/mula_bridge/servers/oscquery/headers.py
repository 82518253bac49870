"""What the headers of an HTTP request say: for which host it is meant, and what it wants. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from mula_bridge.net import is_loopback


def host_name(header: str) -> str:
    """The host in a Host header, without its port; empty where there is none."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def is_own_name(name: str, bound: str) -> bool:
    """Whether a request for the host ``name`` can be meant for a server bound to ``bound``.

    A foreign page that rebinds its own name to our address is told by that name; an address
    cannot be rebound, so beyond loopback any address is fine.
    """
    if name in ("localhost", bound.lower()):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback or not is_loopback(bound)
    except ValueError:
        return False


def prefers_html(accept: str) -> bool:
    """Whether an Accept header would rather have HTML than JSON; a tie is JSON."""
    weights: dict[str, float] = {}
    for entry in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            weights[kind] = float(quality)
        except ValueError:
            weights[kind] = 0.0
    rest = weights.get("*/*", 0.0)
    json_weight = weights.get("application/json", weights.get("application/*", rest))
    return weights.get("text/html", weights.get("text/*", rest)) > json_weight
