"""Rules about who may import whom, and what starting costs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "rtmidi", "transformers", "sounddevice")
MULA = Path(sys.executable).with_name("mula")


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name, packages among them."""
    found = {}
    for root in ("bridge", "daemon"):
        for path in sorted((ROOT / root).rglob("*.py")):
            parts = path.relative_to(ROOT / root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}
OPEN = {"mula_bridge", "mula_daemon", "mula_daemon.cli", "mula_daemon.bench"}
"""Packages without a face: the two roots, and the programs."""


def taken_from_inside(importer: str) -> list[str]:
    """The imports of ``importer`` that go past the face of another package."""
    taken = []
    for node in ast.walk(ast.parse(MODULES[importer].read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.module not in MODULES:
            continue
        package = node.module if node.module in PACKAGES else node.module.rpartition(".")[0]
        if package in OPEN or f"{importer}.".startswith(f"{package}."):
            continue
        if node.module != package:
            taken.append(f"{importer}: from {node.module}")
            continue
        face = import_module(package).__all__
        taken += [f"{importer}: {one.name}" for one in node.names if one.name not in face]
    return taken


def test_nothing_but_the_face_of_a_package_is_imported_from_outside() -> None:
    assert [line for module in MODULES for line in taken_from_inside(module)] == []


@pytest.mark.parametrize("package", sorted(PACKAGES - OPEN))
def test_a_face_says_what_the_package_is_and_offers_what_is_used(package: str) -> None:
    face = import_module(package)
    assert face.__doc__
    assert len(face.__doc__.strip().splitlines()[0]) > 20
    offered = getattr(face, "__all__", [])
    assert [name for name in offered if not hasattr(face, name)] == []


def test_no_class_name_is_used_twice() -> None:
    places: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_file_repeats_the_name_of_its_folder() -> None:
    repeating = []
    for module, path in MODULES.items():
        folder, _, name = module.rpartition(".")
        last = folder.rpartition(".")[2]
        if path.name != "__init__.py" and (name == last or name.startswith(f"{last}_")):
            repeating.append(module)
    assert repeating == []


def test_no_package_init_lies_in_the_source_roots() -> None:
    assert not (ROOT / "bridge" / "__init__.py").exists()
    assert not (ROOT / "daemon" / "__init__.py").exists()


@pytest.mark.parametrize(
    "module", ["mula_bridge", "mula_daemon", "mula_daemon.app.running", "mula_daemon.cli.run"]
)
def test_importing_the_control_side_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*(n for n in {HEAVY!r} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_playing_loads_neither_benches_nor_training() -> None:
    code = "import sys, mula_daemon.app, mula_daemon.cli.run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unwanted = ("mula_daemon.bench", "mula_daemon.engine.mini.train")
    assert [name for name in done.stdout.split() if name.startswith(unwanted)] == []


def test_help_loads_nothing_heavy_and_answers_at_once() -> None:
    code = (
        "import sys\nfrom mula_daemon.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print(*(n for n in {HEAVY!r} if n in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
    times = []
    for _ in range(5):  # in processor time, which a busy machine does not stretch
        start = children_seconds()
        subprocess.run([MULA, "--help"], capture_output=True, check=True)
        times.append(children_seconds() - start)
    assert min(times) < 0.3


def children_seconds() -> float:
    """Processor time of the child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system
