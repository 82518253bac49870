"""The codec's windows for CUDA, dry, at the sizes that are published: see `support.dry_card`.

The transformer has one block of its first stage's 24, and one of its second's six.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException

from mula_daemon.engine.heartmula.codec.flow import Flow
from mula_daemon.engine.heartmula.codec.graphs import WindowShape
from mula_daemon.engine.heartmula.codec.heart_codec import GeneratorNoise, HeartCodec
from mula_daemon.engine.heartmula.codec.waveform_decoder import WaveformDecoder, WaveformStream
from support.dry_card import CARD, DryCard, HostRead, dry_card, dry_record
from support.published_codec import PUBLISHED

KNOWN, HOP = 52, 2  # frames


@pytest.fixture(scope="module")
def card() -> Iterator[DryCard]:
    with pytest.MonkeyPatch.context() as patch, dry_card(patch) as card:
        yield card


@pytest.fixture(scope="module")
def dry_codec(card: DryCard) -> HeartCodec:
    config = replace(PUBLISHED, layers=1, layers_2=1)
    with torch.device("meta"):
        flow, waveform = Flow(config), WaveformDecoder(config)
    for part in (flow, waveform):
        dry = {name: torch.empty(x.shape, device=CARD) for name, x in part.state_dict().items()}
        part.load_state_dict(dry, assign=True)
        part.requires_grad_(requires_grad=False)
    return HeartCodec(config, flow, waveform)


@pytest.mark.parametrize(
    ("takes", "recorded"),
    [
        pytest.param(1, False, id="as it is", marks=pytest.mark.slow),
        pytest.param(1, True, id="recorded"),
        pytest.param(4, True, id="takes", marks=pytest.mark.slow),
    ],
)
def test_a_window_and_its_sound_never_make_the_host_wait(
    card: DryCard, dry_codec: HeartCodec, takes: int, recorded: bool
) -> None:
    dry_codec.record_with(dry_record if recorded else None)
    for guided in (True, False):
        dry_codec.graphs.prepare(WindowShape(takes, KNOWN, HOP, guided))
    assert bool(dry_codec.graphs.recordings) == recorded
    stream = dry_codec.graphs.stream(takes)
    context = torch.zeros(takes, 2 * KNOWN, 256, device=CARD)
    stream.push(context)
    noises = [GeneratorNoise(torch.Generator().manual_seed(take)) for take in range(takes)]
    codes = np.zeros((takes, 8, KNOWN + HOP), np.int64)
    dry_codec.window(codes, context, noises, 1, 1.0)  # the first of a length sends its rotations
    for guidance in (1.25, 1.0):
        card.clear()
        latents = dry_codec.window(codes, context, noises, 2, guidance)
        sound = stream.push(latents[:, 2 * KNOWN :])
        assert not card.reads
        assert [upload for upload in card.uploads if not upload.pinned] == []
        assert sound.shape == (takes, 2 * HOP * 1920, 2)
        assert sound.device == CARD and sound.dtype == torch.float32


def test_a_read_in_the_middle_of_a_push_is_found(
    card: DryCard, dry_codec: HeartCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = dry_codec.waveform.decoder[0]
    inner = type(first).forward

    def reading(self: torch.nn.Module, x: Tensor, past: dict[torch.nn.Module, Tensor]) -> Tensor:
        assert x.sum().item() >= 0
        return inner(self, x, past)

    monkeypatch.setattr(type(first), "forward", reading)
    with pytest.raises((HostRead, DataDependentOutputException)):
        WaveformStream(dry_codec.waveform).push(torch.zeros(1, 4, 256, device=CARD))
