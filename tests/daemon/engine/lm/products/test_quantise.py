import torch

from mula_daemon.engine.lm.products.quantise import quantise_int4, quantise_int8


def test_int8_is_within_half_a_level() -> None:
    weight = torch.randn(32, 128, generator=torch.Generator().manual_seed(1))
    levels, scales = quantise_int8(weight)
    assert levels.dtype == torch.int8 and levels.abs().amax(1).eq(127).all()
    assert ((levels * scales[:, None] - weight).abs() <= scales[:, None] * 0.501).all()


def test_int4_levels_reach_both_ends_of_every_group() -> None:
    weight = torch.randn(32, 128, generator=torch.Generator().manual_seed(1))
    levels, scales = quantise_int4(weight, 32)
    assert levels.min() == 0 and levels.max() == 15
    grouped = levels.unflatten(1, (-1, 32)) - 8
    scale, middle = scales.transpose(0, 1)[..., None, :].unbind(-1)  # [out, groups, 1] each
    back = (grouped * scale + middle).flatten(1)
    assert ((back - weight).abs() <= scale.expand(-1, -1, 32).flatten(1) * 0.501).all()


def test_a_column_of_zeros_stays_zero() -> None:
    levels, scales = quantise_int8(torch.zeros(2, 8))
    assert not levels.any() and scales.isfinite().all()
