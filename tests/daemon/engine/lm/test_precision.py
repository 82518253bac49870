import pytest
import torch

from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.engine.lm.precision import NAMES, Precision, precision_of

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


def test_auto_is_two_bytes_a_weight() -> None:
    assert precision_of("auto", CUDA) is precision_of("", CPU) is Precision.BFLOAT16


def test_names_are_themselves_and_others_are_refused() -> None:
    for name in NAMES[1:]:
        assert precision_of(name, CPU) == name
    with pytest.raises(UnknownName, match="int8"):
        precision_of("int7", CPU)


def test_what_a_device_cannot_do_says_what_it_can() -> None:
    with pytest.raises(BadInput, match="bfloat16"):
        precision_of("int8", MPS)


def test_heads_stay_at_two_bytes_on_a_card_and_the_local_decoder_at_one() -> None:
    assert Precision.INT4.inside is Precision.INT8
    assert Precision.BFLOAT16.inside is Precision.BFLOAT16
    assert Precision.INT4.heads(CUDA) is Precision.BFLOAT16
    assert Precision.INT4.heads(CPU) is Precision.INT8.heads(CPU) is Precision.INT8
    for device in (CPU, CUDA):
        assert Precision.BFLOAT16.heads(device) is Precision.BFLOAT16
        assert Precision.FLOAT32.heads(device) is Precision.FLOAT32


def test_cpus_calculate_in_float32() -> None:
    assert {precision.arithmetic(CPU) for precision in Precision} == {torch.float32}
    assert Precision.INT8.arithmetic(CUDA) == torch.bfloat16
    assert Precision.FLOAT32.arithmetic(CUDA) == torch.float32
