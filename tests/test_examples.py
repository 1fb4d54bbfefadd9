"""The examples, as a user would try them from some other directory."""

import shutil
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
ENDS = {
    "generator": "no ensemble",
    "report": "no ensemble",
    "command": "no ensemble",
    "classifier": "an ensemble of 2",
    "config_file": "no ensemble",
    "optuna_style": "no ensemble",
    "trainable": "no ensemble",
    "lightning": "no ensemble",
    "trainer": "no ensemble",
}


def files(folder):
    """Return all files of a folder but Python's own caches."""
    return {path.relative_to(folder) for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_every_example_is_tried():
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == set(ENDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDS)
def test_an_example_goes_through_its_stages_and_leaves_nothing(name, cli, tmp_path):
    copy = tmp_path / "examples"
    shutil.copytree(EXAMPLES, copy, ignore=shutil.ignore_patterns("__pycache__", "studies"))
    temporary, elsewhere = tmp_path / "temporary", tmp_path / "elsewhere"
    temporary.mkdir()
    elsewhere.mkdir()
    before = files(copy)
    cli.folder = elsewhere
    # The first optimizer of torch makes its compiler's cache, for each user one, in the temporary directory.
    places = {"TMPDIR": str(temporary), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = cli.run("run", str(copy / f"{name}.yaml"), "--smoke", "--executor", "inline", **places)
    assert done.stdout == f"smoke test passed: 2 trials, 2 finalists, {ENDS[name]}; nothing was kept\n"
    assert files(copy) == before
    assert files(temporary) == files(elsewhere) == set()
    assert cli.processes() == []
