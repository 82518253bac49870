"""What OSCQuery says beside the tree: HOST_INFO, and the JSON texts of a websocket. Pure."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Final, NamedTuple

from mula_bridge.errors import BadInput
from mula_bridge.servers.oscquery.node import Json, clean_path

EXTENSIONS: Final = (
    "ACCESS", "VALUE", "RANGE", "DESCRIPTION", "TAGS", "CRITICAL", "CLIPMODE", "OVERLOADS",
    "EXTENDED_TYPE", "HTML", "LISTEN", "PATH_CHANGED",
)  # fmt: skip


class Verb(StrEnum):
    """What a websocket client may ask for in text."""

    LISTEN = "LISTEN"
    IGNORE = "IGNORE"


class Wish(NamedTuple):
    """One text message of a websocket client."""

    verb: Verb
    path: str


def host_info(name: str, osc: tuple[str, int] | None, http: tuple[str, int]) -> Json:
    """HOST_INFO: where OSC and websockets are.

    An address of "every interface" is left out, which tells a client to use the one that it
    reached us at.
    """
    info: Json = {"NAME": name, "EXTENSIONS": dict.fromkeys(EXTENSIONS, True)}
    for prefix, where in (("OSC", osc), ("WS", http)):
        if where is None:
            continue
        if where[0] not in ("", "0.0.0.0", "::"):
            info[f"{prefix}_IP"] = where[0]
        info[f"{prefix}_PORT"] = where[1]
    if osc is not None:
        info["OSC_TRANSPORT"] = "UDP"
    return info


def path_changed(path: str) -> str:
    """The text message that tells a client to read a node again."""
    return json.dumps({"COMMAND": "PATH_CHANGED", "DATA": path})


def parse_wish(text: str) -> Wish:
    """A text message of a websocket client. Raises BadInput."""
    try:
        asked = json.loads(text)
        return Wish(Verb(asked["COMMAND"]), clean_path(asked["DATA"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadInput(
            'text on this websocket is {"COMMAND": "LISTEN" or "IGNORE", "DATA": an address}'
        ) from None
