"""Rules about who may import whom, and what starting costs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "rtmidi", "transformers", "sounddevice")
MULA = Path(sys.executable).with_name("mula")


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize(
    "path", sorted((ROOT / "bridge").rglob("*.py")), ids=lambda path: path.stem
)
def test_the_bridge_never_imports_the_daemon_or_torch(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imports(path)}
    assert not roots & {"mula_daemon", "torch", "transformers"}


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
