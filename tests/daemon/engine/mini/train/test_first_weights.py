import torch

from mula_daemon.engine.lm.language_model import LanguageModel
from mula_daemon.engine.lm.rope import rotate, rotations
from mula_daemon.engine.mini import vocabulary
from mula_daemon.engine.mini.train.first_weights import LOOKS_BACK, clock_waves, lay_time
from mula_daemon.engine.mini.train.recipe import config


def test_clocks_are_as_alike_as_their_places_are_near() -> None:
    waves = clock_waves()[:, 1:]
    alike = waves @ waves.T
    assert alike.argmax(1).tolist() == list(range(vocabulary.CLOCKS))
    one_bar_on, one_step_on = alike[0, 16], alike[0, 1]
    assert one_bar_on > one_step_on


def test_heads_look_the_bars_back_that_they_should() -> None:
    torch.manual_seed(0)
    model = LanguageModel(config())
    lay_time(model)
    frames = 160
    codes = torch.randint(0, 30, (1, frames, 8))
    x = model.embed_frames(codes, torch.tensor(vocabulary.clock_ids(frames)))
    backbone = model.backbone
    head = model.config.backbone.head_dim
    turns = rotations(head, frames, backbone.scaling, x.device)[:, None]
    layer = backbone.layers[0]
    normed = layer.sa_norm(x)
    query, key = (
        rotate(projection(normed).view(1, frames, -1, head), turns)
        for projection in (layer.attn.q_proj, layer.attn.k_proj)
    )
    scores = torch.einsum("bqhd,bkhd->hqk", query, key)
    for number, back in enumerate(LOOKS_BACK[0]):
        seen = scores[number, -1].argmax().item()
        assert seen == frames - 1 - (16 * back - 1)
