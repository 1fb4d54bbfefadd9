"""The import contracts of pyproject.toml hold, and each of them can fail."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import ROOT, TESTS


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--config", "pyproject.toml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def planted(folder: Path, changes: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Lint a copy of the package with a line added to some modules."""
    shutil.copytree(ROOT / "hpsearch", folder / "hpsearch", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, line in changes.items():
        with (folder / "hpsearch" / name).open("a") as file:
            file.write(f"\n{line}\n")
    return lint(folder)


def test_the_contracts_are_kept():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert "4 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("trial/trial.py", "from hpsearch.api import run", "Imports go downward"),
        (
            "executors/base.py",
            "def late():\n    from hpsearch.store.store import Store\n    return Store",
            "Imports go downward",
        ),
        ("driver/stages/finalists.py", "from hpsearch.driver.stages.search import search", "No stage imports another"),
        (
            "trial/checkpoint.py",
            "def late():\n    from hpsearch.trial.folder import LOG\n    return LOG",
            "No circle, also among lazy imports",
        ),
        ("store/store.py", "import ray", "ray has one home"),
    ],
)
def test_a_planted_violation_is_found(tmp_path, module, line, contract):
    done = planted(tmp_path, {module: line})
    assert done.returncode == 1, done.stdout
    broken = [text for text in done.stdout.splitlines() if " BROKEN" in text]
    assert [text for text in broken if contract in text]


def test_a_module_outside_the_layers_is_found(tmp_path):
    (tmp_path / "hpsearch").mkdir()
    shutil.rmtree(tmp_path / "hpsearch")
    shutil.copytree(ROOT / "hpsearch", tmp_path / "hpsearch", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "hpsearch" / "stray.py").write_text('"""A module that no layer has."""\n')
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout
    assert "stray" in done.stdout


def imported(path: Path) -> set[str]:
    """Return the first parts of the modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def test_no_test_imports_another_or_a_conftest():
    paths = [path for path in TESTS.rglob("*.py") if "old_studies" not in path.parts]
    tests = [path.stem for path in paths if path.stem.startswith("test_")]
    assert len(tests) > 100
    assert len(set(tests)) == len(tests)  # pytest imports them by name
    assert not {path.name: names for path in paths if (names := imported(path) & {"conftest", *tests})}
