"""Finds on a CPU what streams of a card would do to each other: see `card` and `clocks`."""

from support.stream_order.card import PretendedCard
from support.stream_order.clocks import Clocks, Memory

__all__ = ["Clocks", "Memory", "PretendedCard"]
