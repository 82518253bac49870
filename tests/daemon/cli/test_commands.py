"""The other subcommands, called as their entry point is; the engine runs in its process."""

from __future__ import annotations

import json
import socket
import zlib
from pathlib import Path

import pytest
import soundfile

from mula_daemon.cli import COMMANDS, main
from mula_daemon.clips.library import Library
from support.shelved_clips import put_clip

TONE = ("--engine", "tone")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULA_PRESETS", str(tmp_path / "presets.json"))
    monkeypatch.setenv("MULA_LEARNT", str(tmp_path / "learnt.yaml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def generate(folder: Path, *options: str) -> int:
    return main(["generate", *TONE, "--folder", str(folder), *options])


def test_generate_prints_one_json_line_per_clip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--bars=1", "--bpm=99.5", "--takes=2", "--seed=3", "--cfg=2.5", "--key=f#min")
    assert generate(tmp_path, "--tags", "techno, dark", *options) == 0
    clips = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [clip["seed"] for clip in clips] == [3, 4]
    for clip in clips:
        assert soundfile.info(clip["path"]).frames == round(4 * 60 / 99.5 * 48_000)
        recipe = Library(tmp_path).find(clip["id"]).recipe
        assert recipe.tags == ("techno", "dark")
        assert recipe.key == "F#min"
        assert recipe.knobs.initial["cfg"] == 2.5


def test_an_option_set_beside_the_macro_wins_over_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(tmp_path, "--bars", "1", "--cfg", "2.0", "--genre-strength", "1.0")
    clip = json.loads(capsys.readouterr().out)
    initial = Library(tmp_path).find(clip["id"]).recipe.knobs.initial
    assert (initial["cfg"], initial["temperature"]) == (2.0, 0.75)


@pytest.mark.slow
def test_the_same_seed_makes_the_same_file_and_render_makes_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        generate(tmp_path, "--bars", "1", "--seed", "5")
    one, other = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    first, _ = soundfile.read(one["path"])
    second, _ = soundfile.read(other["path"])
    assert (first == second).all()
    assert main(["render", *TONE, "--folder", str(tmp_path), one["id"]]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["identical"] is True
    third, _ = soundfile.read(again["path"])
    assert (first == third).all()


@pytest.mark.parametrize("option", ["--tags", "--tags-b", "--lyrics"])
def test_a_text_that_is_no_utf_8_is_refused_before_a_clip_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert generate(tmp_path / "clips", option, "caf\udce9") != 0
    assert f"{option} has a byte that is no UTF-8" in capsys.readouterr().err
    assert not (tmp_path / "clips").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--key", "H"), "unknown key 'H'"),
        (("--cfg", "nan"), "finite"),
        (("--tags", "x" * 99), "longer than"),
        (("--engine", "heartmula"), "--engine mini"),
    ],
)
def test_generate_fails_with_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, str], words: str
) -> None:
    assert generate(tmp_path, *options) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_clips_are_kept_rejected_restored_and_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = Library(tmp_path)
    library.prepare()
    for clip in ("aaaaaa", "bbbbbb"):
        put_clip(library, clip)

    def clips(*arguments: str) -> list[str]:
        assert main(["clips", *arguments, "--folder", str(tmp_path)]) == 0
        return [line.split(" BPM")[0] for line in capsys.readouterr().out.splitlines()]

    assert [line[:16].rstrip() for line in clips("keep", "aaaaaa", "bbbbbb")] == [
        "aaaaaa  kept", "bbbbbb  kept",
    ]  # fmt: skip
    assert clips("favourite", "aaaaaa")[0].startswith("aaaaaa  kept     *")
    clips("reject", "bbbbbb")
    assert [line[:6] for line in clips("--status", "kept")] == ["aaaaaa"]
    clips("restore", "aaaaaa")
    clips("unfavourite", "aaaaaa")
    assert [line[:17].rstrip() for line in clips()] == ["aaaaaa  new", "bbbbbb  rejected"]
    assert "no kept clips" in clips("--status", "kept")[0]
    assert main(["clips", "keep", "--folder", str(tmp_path)]) == 2
    assert "which clips?" in capsys.readouterr().err
    assert main(["clips", "keep", "aaaaab", "--folder", str(tmp_path)]) == 2
    assert "did you mean aaaaaa" in capsys.readouterr().err


def test_clips_lists_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clips", "--folder", str(tmp_path)]) == 0
    assert "no clips" in capsys.readouterr().out
    generate(tmp_path, "--tags", "techno", "--bars", "1")
    clip = json.loads(capsys.readouterr().out)
    main(["clips", "--folder", str(tmp_path)])
    line = capsys.readouterr().out
    assert clip["id"] in line
    assert "techno" in line


def test_an_unknown_clip_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", *TONE, "--folder", str(tmp_path), "zzzzzz"]) == 2
    assert "unknown clip 'zzzzzz'" in capsys.readouterr().err


def test_doctor_gives_every_line_a_grade_and_every_fault_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        status = main(
            ["doctor", "--folder", str(tmp_path), "--osc", f"127.0.0.1:{port}", "--checkpoint",
             str(tmp_path)]
        )  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert status == 1
    assert {line.split()[1] for line in lines} >= {
        "python", "folder", "osc", "midi", "mapping", "audio", "gpu", "mini", "checkpoint",
    }  # fmt: skip
    for line in lines:
        assert line.split()[0] in ("ok", "warn", "fail")
        assert line.startswith("ok") or " -> " in line
    assert any(line.startswith("fail") and " osc " in line and "--osc" in line for line in lines)


def test_send_says_when_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["send", "--osc", "127.0.0.1:1", "--wait", "0.3", "/mula/ping"])
    out, err = capsys.readouterr()
    assert status != 0
    assert "mula run" in out + err


def test_mapping_check_counts_or_names_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mapping", "check", "generic-8-knobs"]) == 0
    assert "17 bindings" in capsys.readouterr().out
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 1\nbindigns: []\n")
    assert main(["mapping", "check", str(bad)]) == 2
    assert "bad.yaml:2" in capsys.readouterr().err


def test_tags_lists_words_and_synonyms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tags"]) == 0
    assert "dnb" in capsys.readouterr().out


def test_a_touchosc_layout_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mula.tosc"
    assert main(["osc", "tosc", str(file)]) == 0
    assert b"/mula/norm/cfg" in zlib.decompress(file.read_bytes())
    assert main(["osc", "tosc", str(tmp_path / "no" / "mula.tosc")]) == 2
    assert "choose another place" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"mula {command}" in capsys.readouterr().out
