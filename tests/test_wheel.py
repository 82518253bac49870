"""The wheel, installed where no checkout is: with everything, and with what the base asks for.

Each gets an environment of its own, whose other packages are those of the environment that runs
this, seen through a ``.pth`` file, so that nothing is fetched. A ``.pth`` file that is found
through another is not read: an editable install cannot answer in the wheel's place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import urllib.request
import venv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mula_daemon.engine.extra import PARTS
from support.daemon_process import DaemonProcess

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "bridge", "daemon", "mappings")


@dataclass(frozen=True)
class Installed:
    """An environment that the wheel is installed in, and a folder to work in."""

    bin: Path
    packages: Path
    home: Path

    def environment(self) -> dict[str, str]:
        """Nothing of the checkout's, nor of the user's own."""
        own = {"HOME": str(self.home), "MULA_HTTP": "127.0.0.1:0"}
        return own | {name: os.environ[name] for name in ("PATH",) if name in os.environ}

    def mula(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What ``mula`` says there."""
        return self._run(self.bin / "mula", *arguments)

    def python(self, code: str) -> str:
        """What a line of Python prints there."""
        done = self._run(self.bin / "python", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.home, env=self.environment(), capture_output=True, text=True
        )


def pip(*arguments: str | Path) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=leave_out)
        else:
            shutil.copy(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", out, source)
    (made,) = out.glob("*.whl")
    return made


def install(wheel: Path, place: Path, others: Iterable[Path]) -> Installed:
    """An environment below ``place`` that has the wheel, and sees the packages in ``others``."""
    venv.create(place / "venv", symlinks=os.name != "nt")
    binaries = place / "venv" / ("Scripts" if os.name == "nt" else "bin")
    how = ("--no-compile", "--no-deps", "--no-index")
    pip("--python", binaries / "python", "install", *how, wheel)
    (packages,) = (place / "venv").rglob("site-packages")
    (packages / "others.pth").write_text("\n".join(map(str, others)) + "\n")
    (place / "home").mkdir()
    return Installed(binaries, packages, place / "home")


@pytest.fixture(scope="module")
def whole(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """With every package that there is."""
    others = [Path(path) for path in sys.path if path.endswith("-packages")]
    return install(wheel, tmp_path_factory.mktemp("whole"), others)


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """With what the base requirements ask for, and what those ask for in turn."""
    place = tmp_path_factory.mktemp("base")
    (packages := place / "packages").mkdir()
    for found in closure(PROJECT["dependencies"]):
        for name in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            if not (packages / name).exists():
                (packages / name).symlink_to(Path(str(found.locate_file(name))).resolve())
    return install(wheel, place, [packages])


def closure(requirements: Iterable[str]) -> Iterator[Distribution]:
    """What is installed for these requirements, each once."""
    seen = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        found = distribution(requirement.name)
        for asked in ("", *requirement.extras):
            if (requirement.name, asked) not in seen:
                seen.add((requirement.name, asked))
                waiting += [(Requirement(text), asked) for text in found.requires or ()]
                if not asked:
                    yield found


@pytest.fixture
def daemon(whole: Installed) -> Iterator[DaemonProcess]:
    command = [whole.bin / "mula", "run", "--engine", "mini", "--audio", "off", "--midi", "off",
               "--osc", "127.0.0.1:0", "--folder", whole.home / "clips"]  # fmt: skip
    with subprocess.Popen(
        command, cwd=whole.home, env=whole.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        running = DaemonProcess(process)
        try:
            yield running
        finally:
            running.end()


@pytest.mark.parametrize("package", ["mula_bridge", "mula_daemon"])
def test_the_wheel_answers_and_no_checkout(whole: Installed, base: Installed, package: str) -> None:
    for installed in (whole, base):
        found = installed.python(f"import {package}; print({package}.__file__)")
        assert Path(found) == installed.packages / package / "__init__.py"


def test_the_daemon_plays_mini_and_serves_its_page(daemon: DaemonProcess) -> None:
    page = daemon.wait_for(r"ready engine=mini .*page=(http://\S+)", 100)[1]
    with urllib.request.urlopen(f"{page.rstrip('/')}/page", timeout=5) as answer:
        html = answer.read().decode()
    parts = ROOT / "bridge" / "mula_bridge" / "servers" / "oscquery"
    for name in ("page.css", "page.js"):
        assert (parts / name).read_text(encoding="utf-8").strip() in html


def test_training_finds_its_material(whole: Installed) -> None:
    code = "from mula_daemon.engine.mini.train.genre import genres; print(len(genres()))"
    assert int(whole.python(code)) > 10


def test_the_base_brings_nothing_of_the_engine(base: Installed) -> None:
    code = f"from importlib.util import find_spec; print(*filter(find_spec, {PARTS!r}))"
    assert base.python(code) == ""


def test_the_engines_parts_are_those_of_the_extra() -> None:
    extra = [Requirement(text).name for text in PROJECT["optional-dependencies"]["engine"]]
    other = {"sounddevice", "transformers", "python-osc", "llvmlite"}
    assert {name.replace("-", "_") for name in set(extra) - other} == set(PARTS)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("--help", "mula COMMAND --help tells more"),
        ("run --help", "--audio-buffer MS"),
        ("mapping check korg-nanokontrol2", "korg-nanokontrol2: ok"),
        ("osc tosc mula.tosc", "wrote mula.tosc"),
        ("max devices", "wrote devices/Mula.amxd"),
        ("tags", "techno"),
        ("clips", "no clips in "),
        ("pull --help", "heartmula"),
        ("bench --help", "latency"),
    ],
)
def test_the_control_side_works(base: Installed, command: str, words: str) -> None:
    done = base.mula(*command.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert words in done.stdout


def test_the_control_side_sends_and_looks_for_midi(base: Installed) -> None:
    sent = base.mula("send", "--osc", "127.0.0.1:1", "--wait", "0.1", "/mula/ping")
    assert "mula run" in sent.stdout + sent.stderr
    assert "Traceback" not in sent.stderr
    ports = base.mula("midi", "ports")
    assert ports.returncode == 0 or "MIDI unavailable" in ports.stderr


@pytest.mark.parametrize("command", ["run", "generate", "pull heartmula", "bench osc"])
def test_without_the_engine_one_sentence_says_what_to_install(
    base: Installed, command: str
) -> None:
    done = base.mula(*command.split())
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mula {command.split()[0]}: the engine is not installed (no torch, ")
    assert line.endswith(": pip install 'mulabridge[engine]'")
    assert done.stdout == ""


def test_doctor_says_what_to_install(base: Installed) -> None:
    done = base.mula("doctor", "--osc", "127.0.0.1:0")
    assert (done.returncode, done.stderr) == (1, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("fail")]
    assert line.startswith("fail  engine      the engine is not installed (no torch, ")
    assert line.endswith(" -> pip install 'mulabridge[engine]'")
