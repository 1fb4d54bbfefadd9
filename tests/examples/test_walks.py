"""The way of docs/start.md through re-made repositories: from `init` to an exported line, on a branch that runs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from ast import literal_eval
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cli import Cli
from support.documents import read_yaml
from support.paths import TESTS

WALKS = TESTS / "examples" / "walks"
INLINE = ("--executor", "inline", "--cpus-per-trial", "1")  # tests run beside each other
SMALL = ("--set", "search.trials=3", "--set", "finalists={configs: 1, seeds: 2}")

pytestmark = pytest.mark.slow


class Walk:
    """A git repository with a training script that nobody edits."""

    def __init__(self, cli: Cli, name: str) -> None:
        self.cli, self.folder = cli, cli.folder
        self.path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # `python` is the one with the libraries
        shutil.copytree(WALKS / name, self.folder, dirs_exist_ok=True)
        ignored = ["__pycache__/", "outputs/", "audit.txt", "done*/", "out*/"]
        (self.folder / ".gitignore").write_text("".join(f"{line}\n" for line in ignored))
        self.git("init", "-q", "-b", "main")
        self.commit("A training script")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=User", "-c", "user.email=user@example.com")
        return subprocess.run(
            ["git", *who, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout

    def commit(self, message: str) -> None:
        self.git("add", ".")
        self.git("commit", "-qm", message)

    def __call__(self, *arguments: str) -> str:
        done = self.cli.run_warm(*arguments, PATH=self.path)
        return done.stdout + done.stderr

    def space(self, script: str, *edits: tuple[str, str]) -> str:
        """Draft a space file, edit it at most twice, and commit it; return its name."""
        self("init", script)
        (path,) = self.folder.glob("*.hpsearch.yaml")
        text = path.read_text()
        assert len(edits) <= 2
        for old, new in edits:
            assert text.count(old) == 1, (old, text)
            text = text.replace(old, new)
        path.write_text(text)
        self.commit("A space to search")
        return path.name

    def exported(self, branch: str, *arguments: str) -> str:
        """Export onto a branch, and go there; return what was said."""
        said = self("export", "train", *arguments, "--branch", branch)
        assert self.git("status", "--porcelain", "--untracked-files=no") == ""
        self.git("checkout", "-q", branch)
        return said

    def python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def line(self, name: str) -> list[str]:
        """Return the arguments of an exported file, as a shell reads them."""
        return shlex.split((self.folder / name).read_text(), comments=True)

    def winner(self) -> dict[str, object]:
        shown = json.loads(self("show", "train", "--json"))
        return shown["best"]["params"]


@pytest.fixture
def walk(cli: Cli) -> Callable[[str], Walk]:
    return lambda name: Walk(cli, name)


def test_hydra_and_lightning(walk):
    here = walk("lightning_hydra")
    space = here.space("src/train.py")
    sizes = ["search.trials=2", "finalists=null", "objective.epochs=2"]
    here("run", space, *INLINE, *(word for size in sizes for word in ("--set", size)))
    winner = here.winner()
    assert set(winner) > {"model.optimizer.lr", "model.net.dropout"}

    here.exported("args", "--to", "best.args", "--format", "args")
    here.python("src/train.py", *here.line("best.args"), "trainer.max_epochs=1", "hydra.run.dir=done")
    seen = read_yaml(here.folder / "done/.hydra/config.yaml")
    for name, value in winner.items():
        group, *keys = name.split(".")
        found = seen[group]
        for key in keys:
            found = found[key]
        assert found == value

    here.git("checkout", "-q", "main")
    missing = here.cli.run_warm("export", "train", "--to", "configs/train.yaml", "--key", ".", code=2).stderr
    assert (
        "--to configs/model/dense.yaml --key . --only model.optimizer.lr --map model.optimizer.lr=optimizer.lr"
        in missing
    )
    maps = [f"{name}={name.removeprefix('model.')}" if "model" in name else f"{name}=" for name in winner]
    said = here.exported("tuned", "--to", "configs/model/dense.yaml", *(w for m in maps for w in ("--map", m)))
    assert "left out: data.batch_size" in said
    found = read_yaml(here.folder / "configs/model/dense.yaml")
    assert found["optimizer"]["lr"] == winner["model.optimizer.lr"]
    assert found["net"] == {"hidden": 16, "dropout": winner["model.net.dropout"]}


def test_a_config_file_and_options_over_constants(walk):
    here = walk("configurator")
    space = here.space("train.py")
    assert "smoke test passed" in here("run", space, "--smoke", *INLINE)
    here("run", space, *INLINE, *SMALL)
    winner = here.winner()

    here.exported("args", "--to", "best.args", "--format", "args")
    line = here.line("best.args")
    assert all(word.startswith("--") and "=" in word for word in line)
    here.python("train.py", *line, "--out_dir=done-args")
    *_, config = literal_eval((here.folder / "done-args/ckpt.txt").read_text())
    assert {name: config[name] for name in winner} == winner

    here.git("checkout", "-q", "main")
    said = here.exported("tuned", "--to", "config/finetune.py", "--key", ".")
    assert "added: dropout, weight_decay, beta1" in said
    here.python("train.py", "config/finetune.py", "--out_dir=done-file")
    *_, config = literal_eval((here.folder / "done-file/ckpt.txt").read_text())
    assert {name: config[name] for name in winner} == winner
    assert config["max_iters"] == 20
    assert "# the learning rate stays constant" in (here.folder / "config/finetune.py").read_text()


def test_a_script_with_150_options(walk):
    here = walk("many_options")
    space = here.space("train.py", ("python train.py ", "python train.py data "), ("epochs: 300 ", "epochs: 6 "))
    drafted = read_yaml(here.folder / space)
    assert set(drafted["space"]) == {"batch_size", "momentum", "weight_decay", "lr", "smoothing", "drop"}
    assert "smoke test passed" in here("run", space, "--smoke", *INLINE)
    here("run", space, *INLINE, *SMALL)
    winner = here.winner()

    here.exported("args", "--to", "best.args", "--format", "args")
    here.python(
        "train.py", "data", *here.line("best.args"), "--epochs", "2", "--output", "done", "--experiment", "args"
    )
    seen = read_yaml(here.folder / "done/args/args.yaml")
    assert {name: seen[name] for name in winner} == winner

    here.git("checkout", "-q", "main")
    missing = here.cli.run_warm("export", "train", "--to", "tiny.yaml", "--map", "lr=lr", code=2).stderr
    assert "tiny.yaml: has no place for lr" in missing
    said = here.exported("tuned", "--to", "tiny.yaml", "--key", ".")
    assert "added: lr" in said
    here.python("train.py", "data", "-c", "tiny.yaml", "--epochs", "2", "--output", "done", "--experiment", "file")
    seen = read_yaml(here.folder / "done/file/args.yaml")
    assert {name: seen[name] for name in winner} == winner
    assert seen["model"] == "tiny"
