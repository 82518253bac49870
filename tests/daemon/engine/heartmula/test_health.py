"""What the doctor says of HeartMuLa."""

import json
import shutil
from pathlib import Path

import pytest

from mula_daemon.engine.findings import Finding, Grade
from mula_daemon.engine.heartmula.health import findings
from mula_daemon.engine.messages import EngineSpec

REFERENCE = Path(__file__).parents[3] / "data" / "heartmula_reference"


def test_what_fits_is_told_of_the_model_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "none")
    shutil.copytree(REFERENCE, tmp_path / "release")
    model = tmp_path / "release" / "HeartMuLa-oss-3B"
    model = model.rename(tmp_path / "release" / "HeartMuLa-oss-7B")

    def said(checkpoint: str) -> dict[str, Finding]:
        return {each.what: each for each in findings(EngineSpec(checkpoint=checkpoint))}

    small = said("")["24 GB card"].text
    values = json.loads((model / "config.json").read_text())
    values |= {"backbone_flavor": "llama-7B", "decoder_flavor": "llama-400M",
               "text_vocab_size": 128_256, "audio_vocab_size": 8197}  # fmt: skip
    (model / "config.json").write_text(json.dumps(values))
    found = said(str(tmp_path / "release"))
    assert "weights 7.9 GB" in small and "weights 16.8 GB" in found["24 GB card"].text
    assert found["checkpoint"].grade is Grade.OK
    assert found["checkpoint"].text.endswith("release, HeartMuLa-oss-7B")
    (model / "config.json").write_text(json.dumps(values | {"backbone_flavor": "llama-9B"}))
    found = said(str(tmp_path / "release"))
    assert found["checkpoint"].grade is Grade.FAIL and "'llama-9B'" in found["checkpoint"].text
    assert found["24 GB card"].text == small
    (gone,) = (each for name, each in said("heartmula-rl").items() if name == "checkpoint")
    assert gone.grade is Grade.FAIL and "mula pull heartmula-rl fetches it" in gone.text
