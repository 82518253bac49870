"""Which address was most likely meant, for an error message. Pure; any thread."""

from __future__ import annotations

from collections.abc import Collection

from mula_bridge.control import ELSEWHERE
from mula_bridge.errors import nearest
from mula_bridge.osc import MAX_LENGTH


def likeliest(address: str, known: Collection[str]) -> str | None:
    """The one of the ``known`` addresses that was most likely meant; None when none is close.

    Parts are compared one by one, as addresses have most of their letters in common: one that
    leaves parts out, or else misspells them.
    """
    if len(address) > MAX_LENGTH:
        return None
    *folders, last = address.strip("/").split("/")
    parts = [*folders, ELSEWHERE.get(last, last)]
    left_out = [one for one in known if _within(parts, one.strip("/").split("/"))]
    if 0 < len(left_out) <= 2:  # more would be a guess; two are a knob and its travel
        return min(left_out, key=lambda one: (len(one), one))
    alike = [one for one in known if _alike(parts, one.strip("/").split("/"))]
    return nearest("/" + "/".join(parts), alike)


def _within(parts: list[str], others: list[str]) -> bool:
    """Whether ``parts`` are some of the others, in their order, the last one included."""
    rest = iter(others)
    return parts[-1] == others[-1] and all(part in rest for part in parts)


def _alike(parts: list[str], others: list[str]) -> bool:
    return len(parts) == len(others) and all(
        part == other or nearest(part, (other,)) is not None
        for part, other in zip(parts, others, strict=True)
    )
