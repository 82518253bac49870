"""Live play: endless generation to the ear, paced by it, and what can be kept of it."""

from mula_daemon.live.capture import Capturer
from mula_daemon.live.handler import SPARE_NS, LivePlay
from mula_daemon.live.played import PlayedFrame
from mula_daemon.live.recording import LiveRecording
from mula_daemon.live.trace import KnobTrace, Punctual, heard_by

__all__ = [
    "SPARE_NS", "Capturer", "KnobTrace", "LivePlay", "LiveRecording", "PlayedFrame", "Punctual",
    "heard_by",
]  # fmt: skip
