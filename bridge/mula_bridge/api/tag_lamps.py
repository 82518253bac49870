"""Lamps of tags: a report lists the tags that are on, and a lamp must hear that it went off."""

from __future__ import annotations

from mula_bridge.api import addresses
from mula_bridge.control.messages import Origin, Prompt, Report, TagsChanged
from mula_bridge.osc import Args


class TagLamps:
    """Which tags of prompt A were on last. The reports of one daemon come one at a time."""

    def __init__(self) -> None:
        self._on: set[str] = set()
        self._off: set[str] = set()

    def encode(self, report: Report, to: Origin | None) -> list[tuple[str, Args]]:
        """The messages of a report, with a 0 for each tag that the newest change put out.

        An answer (``to``) changes nothing here; it has a 0 too for the tag that was asked
        about, should that be off.
        """
        content = addresses.encode(report)
        if isinstance(report, TagsChanged) and report.prompt is Prompt.A:
            on = {address for address, _ in content if address.startswith(addresses.TAG)}
            if to is None:
                self._on, self._off = on, self._on - on
            asked = {to.address} if to and to.address.startswith(addresses.TAG) else set()
            content.extend((address, (0,)) for address in sorted((self._off | asked) - on))
        return content
