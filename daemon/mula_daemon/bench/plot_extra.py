"""The extra ``plot``: matplotlib, imported only where something is drawn."""

from __future__ import annotations

from mula_bridge.errors import Unavailable


def require() -> None:
    """Raises Unavailable, with the remedy, where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as missing:
        raise Unavailable("drawing needs matplotlib: pip install 'mulabridge[plot]'") from missing
