"""Reading the codec's half of a checkpoint: what decoding needs, with weight norm folded.

Engine process only.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from mula_daemon.engine.heartmula.checkpoint import fill, tensors
from mula_daemon.engine.heartmula.codec.config import CodecConfig
from mula_daemon.engine.heartmula.codec.flow import Flow
from mula_daemon.engine.heartmula.codec.waveform_decoder import WaveformDecoder

NORMED = ".parametrizations.weight.original"  # ends in 0 for the lengths, in 1 for the directions
UNUSED = (  # encoding and training
    "flow_matching.vq_embed.project_in.",
    "flow_matching.zero_cond_embedding1",
    "scalar_model.encoder.",
)
BOOKKEEPING = (".cluster_size", ".embed_avg", ".initted")


def load_codec_weights(
    directory: Path, config: CodecConfig, dtype: torch.dtype
) -> tuple[Flow, WaveformDecoder]:
    """Both parts on the CPU, without gradients; only the flow transformer is cast to ``dtype``.

    Raises `CheckpointError` when a file or key is missing, damaged, unexpected or of another
    shape.
    """
    with torch.device("meta"):  # shapes only: nothing is allocated twice
        flow, waveform = Flow(config), WaveformDecoder(config)
    weights = (
        (path, name, tensor.to(dtype if ".estimator." in name else torch.float32))
        for path, name, tensor in _folded(tensors(directory, _is_used))
    )
    fill(nn.ModuleDict({"flow_matching": flow, "scalar_model": waveform}), weights, directory)
    return flow, waveform


def _is_used(name: str) -> bool:
    return not name.startswith(UNUSED) and not name.endswith(BOOKKEEPING)


def _folded(weights: Iterable[tuple[Path, str, Tensor]]) -> Iterator[tuple[Path, str, Tensor]]:
    """The same with each length and direction multiplied out; the halves may lie anywhere."""
    halves: dict[str, Tensor] = {}
    for path, name, tensor in weights:
        layer, normed, half = name.rpartition(NORMED)
        if not normed:
            yield path, name, tensor
        elif layer not in halves:
            halves[layer] = tensor
        else:
            pair = (halves.pop(layer), tensor)
            length, direction = pair if half == "1" else pair[::-1]  # [O, 1, 1], [O, ...]
            norm = direction.flatten(1).norm(dim=1).view_as(length)
            yield path, f"{layer}.weight", direction * (length / norm)
