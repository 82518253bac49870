"""HeartMuLa as an Engine: the language model frame by frame, the codec as a stream.

A frame is 80 ms. Clips go on to the asked length, so they are as exact as a bar asks for;
the model has no tempo of its own, so where its beats fall is up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import perf_counter_ns
from typing import Final

import numpy as np
import torch

from mula_bridge import __version__
from mula_bridge.errors import BadInput, Unavailable
from mula_bridge.knobs import Effect
from mula_daemon.engine.base import (
    AudioBlock,
    ClipRequest,
    EngineInfo,
    Frame,
    FrameKnobs,
    KnobRange,
    Samples,
)
from mula_daemon.engine.code_policy import CodePolicy
from mula_daemon.engine.frame_loop import FrameLoop
from mula_daemon.engine.heartmula.checkpoint import (
    load_language_model,
    read_config,
    read_special_ids,
)
from mula_daemon.engine.heartmula.codec.codec import GeneratorNoise, HeartCodec
from mula_daemon.engine.heartmula.prompt import PromptEncoder
from mula_daemon.engine.heartmula.streaming import StreamingDecoder, StreamSettings
from mula_daemon.engine.lm import FLAVOURS, Flavour
from mula_daemon.engine.sampling import MAX_TOP_K, KnobTensors, choices
from mula_daemon.engine.static_model import StaticModel

MODEL: Final = "HeartMuLa-oss-3B"
CODEC: Final = "HeartCodec-oss"
FRAME_RATE: Final = 12.5
"""Frames per second."""


class HeartMulaEngine:
    """Honours every frame knob, and morph between two prompts.

    ``checkpoint`` is the folder of the release (tokenizer.json, gen_config.json, and the two
    model folders). The device is the first GPU, else the CPU; weights are bfloat16 on a GPU.
    """

    def __init__(
        self,
        checkpoint: Path,
        *,
        flavours: Mapping[str, Flavour] = FLAVOURS,
        stream: StreamSettings | None = None,
    ) -> None:
        self._root = checkpoint.expanduser()
        self._flavours = flavours
        self._stream = stream or StreamSettings()
        self._model: StaticModel | None = None
        self._codec: HeartCodec | None = None
        self._encoder: PromptEncoder | None = None
        self._policy = CodePolicy()
        self.info = self._describe("cpu", MAX_TOP_K, 48_000)

    def warm_up(self) -> None:
        """Load language model and codec. Raises Unavailable, naming the file that is missing."""
        if not self._root.is_dir():
            raise Unavailable(
                f"{self._root} is no folder; name the one that holds the HeartMuLa release "
                "with --checkpoint"
            )
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        ids = read_special_ids(self._root)
        self._encoder = PromptEncoder.from_file(self._root / "tokenizer.json", ids)
        config = read_config(self._root / MODEL, self._flavours)
        model = load_language_model(self._root / MODEL, config, dtype)
        self._model = StaticModel(model, device, dtype)
        self._codec = HeartCodec.load(self._root / CODEC, device)
        decodable = min(self._codec.config.codebook_size, ids.audio_eos)
        self._policy = CodePolicy(valid=decodable, eos=ids.audio_eos, may_end=False)
        self.info = self._describe(
            device.type, choices(config.audio_vocab), self._codec.sample_rate
        )

    def generate(
        self, clip: ClipRequest, knobs: Callable[[], FrameKnobs]
    ) -> Iterator[Frame | AudioBlock]:
        """One frame every 80 ms of sound; audio comes in pieces, as the codec's windows fill."""
        if self._model is None or self._codec is None or self._encoder is None:
            raise Unavailable("HeartMuLa is not warm yet")
        rate = self.info.sample_rate
        length = clip.samples(rate)
        total = -(-length * 25 // (rate * 2))  # in whole frames of 2/25 s, rounded up
        texts = [", ".join(words) for words in (clip.tags, clip.tags_b) if words] or [""]
        prompts = [self._encoder.encode(text, clip.lyrics) for text in texts]
        try:
            loop = FrameLoop(self._model, prompts, clip.seeds, total, policy=self._policy)
        except ValueError as error:
            raise BadInput(f"{clip.bars} bars at {clip.bpm:g} BPM: {error}") from error
        loop.prefill()
        tensors = KnobTensors.create(device=self._model.device)
        streams = [self._stream_of(seed, length) for seed in clip.seeds]
        for index in range(total):
            started = perf_counter_ns()
            now = knobs()
            tensors.load(cfg=now.cfg, temperature=now.temperature, top_k=now.top_k, morph=now.morph)
            codes = loop.step(tensors)  # [takes, codebooks]
            rows = tuple(tuple(row) for row in codes.tolist())
            yield Frame(clip.job, index, total, rows, now, started)
            for take, stream in enumerate(streams):
                samples = stream.push(codes[take], last=index == total - 1)
                if len(samples):
                    yield AudioBlock(clip.job, take, samples)

    def _stream_of(self, seed: int, length: int) -> ClipStream:
        assert self._codec is not None
        noise = GeneratorNoise(torch.Generator().manual_seed(seed))
        return ClipStream(StreamingDecoder(self._codec, noise, self._stream), length)

    def _describe(self, device: str, top_k: int, sample_rate: int) -> EngineInfo:
        return EngineInfo(
            name="heartmula",
            version=__version__,
            sample_rate=sample_rate,
            channels=2,
            device=device,
            knobs={
                "cfg": KnobRange(0.0, 7.0, Effect.FRAME),
                "temperature": KnobRange(0.0, 2.0, Effect.FRAME),
                "top_k": KnobRange(1, top_k, Effect.FRAME),
                "morph": KnobRange(0.0, 1.0, Effect.FRAME),
            },
            checkpoint=self._root.name,
        )


class ClipStream:
    """The sound of one take, cut to exactly ``length`` samples."""

    def __init__(self, decoder: StreamingDecoder, length: int) -> None:
        self._decoder = decoder
        self._left = length

    def push(self, codes: np.ndarray, *, last: bool) -> Samples:
        """Take one frame's codes [codebooks]; the sound that is now final, float32 [S, 2]."""
        sound = self._decoder.push(codes[:, None])
        if last:
            sound = np.concatenate([sound, self._decoder.finish()])
        sound = sound[: self._left]
        self._left -= len(sound)
        return sound
