"""The Max for Live devices, generated from the knob and address tables.

``files`` gives every file of ``max_for_live/`` that is generated; ``mula max`` writes them.
"""

from mula_bridge.surfaces.max_device.files import IN_USER_LIBRARY, files

__all__ = ["IN_USER_LIBRARY", "files"]
