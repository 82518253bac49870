"""What only mini has: kits and stems. What every engine promises is in test_engine_laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mula_bridge.errors import BadInput
from mula_daemon.engine.mini.model.engine import MiniEngine
from mula_daemon.engine.seam import AudioBlock, ClipRequest, FrameKnobs


def test_a_kit_with_a_stranger_in_it_is_refused_and_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "lead guitar.wav").write_bytes(b"")
    with pytest.raises(BadInput, match=r"kit: .*lead guitar.wav.*names are kick, snare"):
        MiniEngine(tmp_path).warm_up()


def test_stems_go_with_each_block_and_with_the_head_of_the_loop() -> None:
    engine = MiniEngine(stems=True)
    engine.warm_up()
    asked = ClipRequest("j", ("house",), (3, 4), bars=1)
    blocks = [item for item in engine.generate(asked, FrameKnobs) if isinstance(item, AudioBlock)]
    for block in blocks:
        if block.stems is not None:
            assert block.stems.shape == (len(engine.info.instruments), *block.samples.shape)
    stream = [block for block in blocks if block.at is None]
    assert all(block.stems is not None for block in stream)
    heads = [block for block in blocks if block.at == 0]
    assert {block.take for block in heads} == {0, 1}
    assert all(np.abs(block.stems).max() > 0.01 for block in heads if block.stems is not None)
