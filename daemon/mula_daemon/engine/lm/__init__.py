"""The language model that all our engines share: its weights, its frames, its sampling."""

from mula_daemon.engine.lm.frame_graph import recorder
from mula_daemon.engine.lm.frame_loop import FrameLoop, PromptTokens
from mula_daemon.engine.lm.history import Codes
from mula_daemon.engine.lm.language_model import FLAVOURS, Flavour, LanguageModel, LMConfig
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.precision import AUTO, Precision, precision_of
from mula_daemon.engine.lm.prompted_frames import PromptedFrames
from mula_daemon.engine.lm.rope import RopeScaling, frequencies, rotate, rotations
from mula_daemon.engine.lm.sampling import MAX_TOP_K, CodePolicy, KnobTensors, choices
from mula_daemon.engine.lm.static_model import StaticModel
from mula_daemon.engine.lm.transformer import Block, Stack

__all__ = [
    "AUTO",
    "FLAVOURS",
    "MAX_TOP_K",
    "Block",
    "CodePolicy",
    "Codes",
    "Flavour",
    "FrameLoop",
    "KnobTensors",
    "LMConfig",
    "LanguageModel",
    "Player",
    "Precision",
    "PromptTokens",
    "PromptedFrames",
    "RopeScaling",
    "Stack",
    "StaticModel",
    "choices",
    "frequencies",
    "precision_of",
    "recorder",
    "rotate",
    "rotations",
]
