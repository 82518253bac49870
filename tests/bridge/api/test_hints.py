"""Which address was meant, where there is none of that name."""

from __future__ import annotations

import pytest

from mula_bridge.api import addresses
from mula_bridge.api.addresses import UnknownAddress, decode


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("/mula/play", "/mula/audition/play"),
        ("/mula/save", "/mula/preset/save"),
        ("/knob/cfg", "/mula/knob/cfg"),
        ("/mula/knob/tempo", "/mula/knob/bpm"),
        ("/mula/tempo", "/mula/bpm"),
        ("/mula/volume", "/mula/knob/gain_db"),
        ("/mula/preset/next", None),
        ("/mula/bang", None),
        ("/mula/reset", None),
    ],
)
def test_a_hint_blames_no_other_address(address: str, meant: str | None) -> None:
    assert addresses.nearest_address(address) == meant


@pytest.mark.parametrize(
    ("address", "close"),
    [
        ("/mula/knob/cgf", "/mula/knob/cfg"),
        ("/mula/knbo/temperature", "/mula/knob/temperature"),
        ("/mula/generat", "/mula/generate"),
        ("/mula/subscrib", "/mula/subscribe"),
        ("/mula/at/bar/generat", "/mula/generate"),
    ],
)
def test_an_unknown_address_is_told_the_nearest(address: str, close: str) -> None:
    with pytest.raises(UnknownAddress) as told:
        decode(address)
    assert told.value.code == "unknown_address"
    assert str(told.value) == f"no such address; did you mean {close}?"


AGAIN = "/mula/at/bar/at/bar/stop"


@pytest.mark.parametrize(
    "address", ["/live/song", "/", "/mula/tag/", "/mula/tag/a/b", "/" * 5000, AGAIN]
)
def test_an_address_like_none_of_ours_gets_no_hint(address: str) -> None:
    with pytest.raises(UnknownAddress):
        decode(address)
