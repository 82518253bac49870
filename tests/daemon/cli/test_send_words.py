"""What a shell makes of the words after ``mula send``."""

from __future__ import annotations

import pytest

from mula_bridge.errors import BadInput
from mula_daemon.cli import main
from mula_daemon.cli.send_words import typed_address, typed_argument


@pytest.mark.parametrize(
    "text",
    [
        "C:/Program Files/Git/mula/generate",
        "C:\\Program Files\\Git\\mula\\generate",
        "C:/msys64/mula/generate",
        "d:/1/fader1",
    ],
)
def test_an_address_that_git_bash_made_a_path_of_is_told_so(text: str) -> None:
    with pytest.raises(BadInput, match="Git Bash") as told:
        typed_address(text)
    assert "//mula/generate" in str(told.value)
    assert "MSYS_NO_PATHCONV=1" in str(told.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("mula/knob/cfg", "/mula/knob/cfg"),
        ("knob/cfg", "/mula/knob/cfg"),
        ("generate", "/mula/generate"),
        ("\\mula\\generate", "/mula/generate"),
        ("mula/generat", "/mula/generate"),
        ("", None),
        ("hello", None),
    ],
)
def test_an_address_begins_with_a_slash(text: str, meant: str | None) -> None:
    with pytest.raises(BadInput) as told:
        typed_address(text)
    assert str(told.value).startswith("an address begins with a slash, as in /mula/knob/cfg")
    assert str(told.value).endswith(f"did you mean {meant}?" if meant else "does not")


def test_two_slashes_are_what_git_bash_leaves_alone() -> None:
    assert typed_address("//mula/generate") == "/mula/generate"
    assert typed_address("/mula/generate") == "/mula/generate"


def test_an_address_with_its_arguments_in_the_same_quotes() -> None:
    with pytest.raises(BadInput, match="same quotes"):
        typed_address("/mula/knob/cfg 3")


def test_arguments_are_looked_at_as_well() -> None:
    assert typed_argument("C:/Users/me/music") == "C:/Users/me/music"
    assert typed_argument("/mula/knob/*") == "/mula/knob/*"
    with pytest.raises(BadInput, match="Git Bash makes of /mula/knob/"):
        typed_argument("C:/Program Files/Git/mula/knob/*")
    with pytest.raises(BadInput, match=r"a byte that is no UTF-8 \(E9\)"):
        typed_argument("caf\udce9")


def test_the_command_says_so_before_anything_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", "mula/knob/cfg", "3"]) != 0
    assert "an address begins with a slash, as in /mula/knob/cfg" in capsys.readouterr().err
