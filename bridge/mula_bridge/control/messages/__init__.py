"""What is said between sources, session and listeners: frozen plain data."""

from mula_bridge.control.messages import commands, origin, reports, states
from mula_bridge.control.messages.commands import *
from mula_bridge.control.messages.origin import *
from mula_bridge.control.messages.reports import *
from mula_bridge.control.messages.states import *

__all__ = commands.__all__ + origin.__all__ + reports.__all__ + states.__all__
