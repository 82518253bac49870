"""What another thread did for somebody, once it is done."""

from __future__ import annotations

from msgspec import Struct

from mula_bridge.control.messages import Origin, Report


class Outcome(Struct, frozen=True):
    """An event: news for everybody, and the answer to ``origin``, which asked for it."""

    report: Report
    origin: Origin
