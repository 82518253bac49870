"""Control surfaces made from the tables: TouchOSC, Pure Data, Max for Live, ReaPack."""

from mula_bridge.surfaces.touchosc import write_layout

__all__ = ["write_layout"]
