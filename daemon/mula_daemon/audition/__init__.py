"""The audition deck: listening to clips, one after another, and keeping or rejecting them."""

from mula_daemon.audition.clip_voice import ClipVoice
from mula_daemon.audition.events import ClipComplete
from mula_daemon.audition.handler import Audition
from mula_daemon.audition.relatives import Relatives
from mula_daemon.audition.take_sink import TakeSink
from mula_daemon.audition.turntable import Turntable

__all__ = ["Audition", "ClipComplete", "ClipVoice", "Relatives", "TakeSink", "Turntable"]
