"""The OSC wire: bytes to messages and back. Pure, but for udp."""

from mula_bridge.osc import wire
from mula_bridge.osc.arguments import (
    BANG,
    ArgKind,
    Args,
    Argument,
    Mismatch,
    fires,
    is_question,
    is_release,
    number,
    single,
    text,
    whole,
    with_impulses,
)
from mula_bridge.osc.framing import AUTO, FRAMINGS, FramingError, detect
from mula_bridge.osc.pattern import MAX_LENGTH, Pattern, is_pattern
from mula_bridge.osc.values import IMPULSE, OscError, Value, write_text
from mula_bridge.osc.wire import MAX_DEPTH, Message, encode

__all__ = [
    "AUTO", "BANG", "FRAMINGS", "IMPULSE", "MAX_DEPTH", "MAX_LENGTH", "ArgKind", "Args", "Argument",
    "FramingError", "Message", "Mismatch", "OscError", "Pattern", "Value", "detect", "encode",
    "fires", "is_pattern", "is_question", "is_release", "number", "single", "text", "whole", "wire",
    "with_impulses", "write_text",
]  # fmt: skip
