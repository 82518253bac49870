"""The language model that our own engines share: its weights, its frames, its sampling.

Shapes are written in one alphabet:

* N takes, R rows (a take has one for each prompt and one without), T frames, S positions of a
  sequence, P those of a prompt;
* C codebooks, V audio ids of each, K = `choices` (V) candidates;
* D width of the backbone, E of the local decoder, F inside a feed-forward; M key-value heads, G
  queries for each, H head size, B = R * M.
"""

from mula_daemon.engine.lm.frame_graph import Record, recorder
from mula_daemon.engine.lm.frame_loop import FrameLoop, PromptTokens
from mula_daemon.engine.lm.history import Codes
from mula_daemon.engine.lm.language_model import FLAVOURS, Flavour, LanguageModel, LMConfig
from mula_daemon.engine.lm.player import Player, go_first
from mula_daemon.engine.lm.precision import AUTO, Precision, precision_of
from mula_daemon.engine.lm.prompted_frames import PromptedFrames, knob_ranges
from mula_daemon.engine.lm.rope import RopeScaling, frequencies, rotate, rotations
from mula_daemon.engine.lm.sampling import MAX_TOP_K, CodePolicy, KnobTensors, choices
from mula_daemon.engine.lm.static_model import StaticModel
from mula_daemon.engine.lm.transformer import Block, Stack
from mula_daemon.engine.lm.upload import sent

__all__ = [
    "AUTO", "FLAVOURS", "MAX_TOP_K", "Block", "CodePolicy", "Codes", "Flavour", "FrameLoop",
    "KnobTensors", "LMConfig", "LanguageModel", "Player", "Precision", "PromptTokens",
    "PromptedFrames", "Record", "RopeScaling", "Stack", "StaticModel", "choices", "frequencies",
    "go_first", "knob_ranges", "precision_of", "recorder", "rotate", "rotations", "sent",
]  # fmt: skip
