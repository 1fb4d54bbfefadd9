"""A command in its trial's own folder, and what its arguments name in the folder that it is moved from."""

import os
import re
import shlex
import sys
from contextlib import closing

import pytest

from hpsearch.errors import FieldError
from hpsearch.objectives.base import iterate
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.command.workdir import environment_in_folder, in_folder
from hpsearch.objectives.loading import load_objective
from hpsearch.objectives.space_files import parse_config
from support.attempts import begun
from support.factories import spec


@pytest.fixture
def base(tmp_path):
    """Return a repository with a script, data, configs, a package, and what an earlier training has left."""
    folder = tmp_path / "repo with blanks"
    files = ("train.py", "tool", "conf/x.yaml", "conf/y.yaml", "data/a.csv", "mnist/b", "pkg/train.py", "out/old.pt")
    for name in (*files, "unet/model.py", "scripts/go.sh", "runs/1/log", "exps/a.py", "old.pt", "args.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.mark.parametrize(
    ("arguments", "moved"),
    [
        ("python train.py", "python BASE/train.py"),
        ("python ./train.py", "python BASE/train.py"),
        ("./scripts/go.sh data", "BASE/scripts/go.sh data"),
        ("torchrun --nproc 2 train.py --data ./data", "torchrun --nproc 2 BASE/train.py --data BASE/data"),
        ("t --data data -d data/a.csv", "t --data BASE/data -d BASE/data/a.csv"),
        ("t --data-dir data --train_file data/a.csv", "t --data-dir BASE/data --train_file BASE/data/a.csv"),
        ("t --config=conf/x.yaml", "t --config=BASE/conf/x.yaml"),
        ("t --configs conf/x.yaml conf/y.yaml", "t --configs BASE/conf/x.yaml BASE/conf/y.yaml"),
        ("t --configs=conf/x.yaml,conf/y.yaml", "t --configs=BASE/conf/x.yaml,BASE/conf/y.yaml"),
        ("t data.path=./data +paths.root_dir=data", "t data.path=BASE/data +paths.root_dir=BASE/data"),
        ("t @args.txt", "t @BASE/args.txt"),
        ("t --root .", "t --root BASE"),
        ("t ../other", "t ../other"),
        ("env CONF=conf/x.yaml t", "env CONF=BASE/conf/x.yaml t"),
        ("t --exp_file exps/a.py --resume old.pt", "t --exp_file BASE/exps/a.py --resume BASE/old.pt"),
        # What is no path, although something of that name is there:
        ("t --model unet --dataset mnist train", "t --model unet --dataset mnist train"),
        ("t data=mnist model=unet", "t data=mnist model=unet"),
        ("python -m pkg.train tool", "python -m pkg.train tool"),
        # What is written:
        ("t --out out --output-dir=out --save old.pt", "t --out out --output-dir=out --save old.pt"),
        ("t --log-dir runs/1 --exp_dir exps log_dir=runs", "t --log-dir runs/1 --exp_dir exps log_dir=runs"),
        ("t --out out --lr=1 data/a.csv", "t --out out --lr=1 BASE/data/a.csv"),
        # What is not there:
        ("t --data nowhere --x new/a.yaml -1e-3 --lr 0.1 /etc", "t --data nowhere --x new/a.yaml -1e-3 --lr 0.1 /etc"),
    ],
)  # fmt: skip
def test_paths_that_are_there_become_absolute(base, arguments, moved):
    assert in_folder(arguments.split(), base) == [word.replace("BASE", str(base)) for word in moved.split()]


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("python train.py --data data | tee out/old.pt", "python BASE/train.py --data BASE/data | tee out/old.pt"),
        ("source conf/x.yaml&&A=1 python -m pkg.train", "source BASE/conf/x.yaml&&A=1 python -m pkg.train"),
        ("C=conf/x.yaml t --c=conf/y.yaml <args.txt > old.pt",
         "C=BASE/conf/x.yaml t --c=BASE/conf/y.yaml <BASE/args.txt > old.pt"),
        ("(./scripts/go.sh data) 2>&1 >>out/old.pt; t --out out",
         "(BASE/scripts/go.sh data) 2>&1 >>out/old.pt; t --out out"),
        ('t "conf/x.yaml" $X/train.py', 't "conf/x.yaml" $X/train.py'),
        ("cd pkg && python train.py", "cd pkg && python train.py"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shell", [["bash", "-ec"], ["env", "A=1", "sh", "-c"]])
def test_paths_in_the_text_of_a_shell_become_absolute(base, shell, text, moved):
    assert in_folder([*shell, text], base) == [*shell, _in(moved, base)]


def _in(moved, base):
    """Return a shell's text with the folder in it, each path in quotes because the folder's name has blanks."""
    return re.sub(r"BASE[\w./]*", lambda match: shlex.quote(match[0].replace("BASE", str(base))), moved)


def test_any_text_is_an_argument(base):
    odd = ["t", "", "=", "--", "-", "@", "a\0b", "x" * 5000, "--x=", ",", "a,,b", "--data=,"]
    assert in_folder(odd, base) == odd


def test_python_finds_its_modules_as_before(base):
    def places(arguments, given=None):
        environment = {} if given is None else {"PYTHONPATH": given}
        moved = environment_in_folder(environment, arguments.split(), base, base / "trial")
        assert moved["PWD"] == str(base / "trial")
        return moved.get("PYTHONPATH", "").split(os.pathsep)

    assert places("python train.py") == [""]
    assert places("python -m pkg.train") == [str(base)]
    assert places("torchrun -m pkg.train", "/x") == [str(base), "/x"]
    assert places("python -m torch.distributed.run train.py") == [""]
    assert places("python -c pass") == [str(base)]
    assert places("python train.py", f".{os.pathsep}src{os.pathsep}/x{os.pathsep}") == [
        *(str(base), str(base / "src"), "/x", str(base)),
    ]


SCRIPT = """
import json, os, sys
from pathlib import Path
from helper import read
assert sys.argv[1] == "--data" and read(sys.argv[2]) == "data", sys.argv
assert os.environ["PWD"] == os.getcwd() == os.environ["HPSEARCH_TRIAL_DIR"]
Path("checkpoint.pt").write_text("made here")
for epoch in range(1, 4): print(json.dumps({"accuracy": epoch, "epoch": epoch}))
"""


@pytest.mark.parametrize("how", ["{python} train.py", "{python} -m train"])
def test_a_command_runs_in_the_folder_of_its_attempt(tmp_path, how):
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "train.py").write_text(SCRIPT)
    (repo / "helper.py").write_text("def read(path): return open(path).read()")
    (repo / "data").write_text("data")
    command = [*how.replace("{python}", sys.executable).split(), "--data", "data"]
    trial, writer = begun(spec(tmp_path / "study", 4, config={}, epochs=3, metric="accuracy"))
    objective = load_objective(Command(epochs=3, command=command, cwd=str(repo), workdir="trial"))
    objective.setup("cpu")
    with closing(iterate(objective.train, {}, trial)) as steps:
        for metrics in steps:
            writer.commit(trial.measure(metrics, 0.0))
    assert len(writer.manifest.measurements) == 3
    assert (trial.dir / "checkpoint.pt").read_text() == "made here"
    assert {path.name for path in repo.iterdir()} - {"__pycache__"} == {"train.py", "helper.py", "data"}


def test_another_folder_is_refused():
    raw = {"study": "s", "metric": "m", "direction": "minimize", "space": {"lr": {"uniform": [0, 1]}}}
    with pytest.raises(FieldError, match=r"objective\.workdir.*allowed: trial"):
        parse_config(raw | {"objective": {"epochs": 1, "command": "t {args}", "workdir": "here"}})
