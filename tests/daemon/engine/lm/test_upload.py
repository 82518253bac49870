"""What is sent to the device is a copy, and nobody waits for it."""

import numpy as np
import torch

from mula_daemon.engine.lm.upload import sent, uploaded
from support.stream_order import PretendedCard

CARD = torch.device("cuda")


def test_it_is_there_for_what_is_queued_next_and_the_host_goes_on() -> None:
    values = np.arange(6).reshape(2, 3)
    with PretendedCard() as card:
        here = uploaded(values, CARD)
        narrow = uploaded([[True, False]], CARD, torch.bool)
        values[:] = 0
        both = here + narrow.long().sum()
        assert not card.clocks.waits
        card.wait_for_all("the end")
        assert not card.clocks.faults
        assert here.is_cuda
        assert both.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_what_is_on_the_card_stays_where_it_is() -> None:
    with PretendedCard() as card:
        here = torch.ones(3, device=CARD)
        assert sent(here, CARD) is here
        assert not card.clocks.waits


def test_without_a_card_it_is_a_copy_as_well() -> None:
    values = np.arange(3)
    here = uploaded(values, torch.device("cpu"))
    values[:] = 7
    assert here.tolist() == [0, 1, 2]
