"""`hpsearch init`: a first space file from a script or a config."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.drafting.from_script import plan_space
from hpsearch.errors import InputError
from hpsearch.objectives.command.checks import check_command
from hpsearch.objectives.space_files import load_space_file
from support.cli import invoke

SCRIPT = """
import argparse, json, random
LR = 1e-2
def main():
    parser = argparse.ArgumentParser()
    group = parser.add_argument_group("optimizer")
    group.add_argument("--learning-rate", "-l", type=float, default=LR)
    group.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--data", default="data/x y")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--resume")
    args = parser.parse_args()
    assert args.data == "data/x y" and args.batch_size in (16, 32, 64, 128)
    random.seed(args.seed)
    for epoch in range(1, args.epochs + 1):
        print(json.dumps({"epoch": epoch, "val_loss": args.learning_rate / epoch + random.random()}), flush=True)
main()
"""
HYDRA = """
import json, hydra
@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    for epoch in range(1, cfg.trainer.max_epochs + 1):
        print(json.dumps({"val_loss": cfg.optimizer.lr / epoch + cfg.seed % 7}), flush=True)
main()
"""


@pytest.fixture(autouse=True)
def _programs(here, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)


def put(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def loaded(source: Path, **options):
    """Plan, write and load a space file; its command has to suit its space."""
    plan = plan_space(source, folder=Path(), **options)
    config = load_space_file(put("made.yaml", plan.text))
    check_command(config.objective, config.space)
    assert all(len(line) < 250 for line in plan.text.splitlines())
    return plan, config


def hydra_repo() -> Path:
    put("conf/config.yaml", "defaults:\n  - optimizer: sgd\n  - _self_\nseed: 0\ntrainer: {max_epochs: 4, name: x}\n")
    put("conf/optimizer/sgd.yaml", "lr: 0.1\nmomentum: 0.9\nnesterov: true\n")
    return put("train.py", HYDRA)


def test_an_argparse_script_runs_unchanged():
    put("code/train.py", SCRIPT)
    said = invoke("init", "code/train.py")
    assert "3 parameters to search" in said.stderr
    assert "next: hpsearch run train.hpsearch.yaml --smoke" in said.stderr
    config = load_space_file(Path("train.hpsearch.yaml"))
    assert (config.metric, config.direction.value, config.objective.epochs) == ("val_loss", "minimize", 3)
    assert list(config.space.parameters) == ["learning_rate", "weight_decay", "batch_size"]
    assert dict(config.space.constants) == {"hidden": 64, "optimizer": "sgd", "data": "data/x y"}
    text = Path("train.hpsearch.yaml").read_text()
    # Hyphens are argparse's: the names in the space are Python's, as a config has them.
    command = " ".join(config.objective.command.replace("\\\n", "").split())
    assert command == (
        "python code/train.py --learning-rate {learning_rate} --weight-decay {weight_decay} --batch-size {batch_size} "
        "--hidden {hidden} --optimizer {optimizer} --data {data} --epochs {epochs} --seed {seed} --out {trial_dir}"
    )
    for comment in (
        "# --amp: a flag",
        "# --layers: takes several",
        "# resume: --resume {resume_from}",
        "{choice: [sgd, adam]}",
    ):
        assert comment in text
    assert "smoke test passed" in invoke("run", "train.hpsearch.yaml", "--smoke", "--executor", "inline").output


def test_a_hydra_script_runs_unchanged():
    plan, config = loaded(hydra_repo())
    assert plan.searched == ("optimizer.lr", "optimizer.momentum")
    assert config.objective.epochs == 4
    expected = "python train.py trainer.max_epochs={epochs} seed={seed} {overrides} hydra.run.dir={trial_dir}"
    assert sorted(config.objective.command.split()) == sorted(expected.split())
    assert "smoke test passed" in invoke("run", "made.yaml", "--smoke", "--executor", "inline").output


def test_a_hydra_config_finds_its_script():
    hydra_repo()
    plan, _ = loaded(Path("conf/config.yaml"))
    assert "python train.py " in plan.text


def test_a_lightning_config():
    config = "seed_everything: 1\ntrainer: {max_epochs: 7}\n"
    config += "model:\n  class_path: m.Net\n  init_args: {lr: 0.001, width: 32}\n"
    source = put("conf/fit.yaml", config + "data: {class_path: m.Data, init_args: {batch_size: 8}}\n")
    script = put("main.py", "self.log('val_loss', 1)\nself.log('train_loss', 1)\n")
    plan, made = loaded(source, script=script)
    assert plan.searched == ("model.init_args.lr", "data.init_args.batch_size")
    assert made.objective.epochs == 7
    assert "python main.py fit --config {config_file} --seed_everything {seed}" in made.objective.command
    assert made.objective.metrics.csv == "{trial_dir}/lightning_logs/version_0/metrics.csv"
    assert made.objective.metrics.first_epoch == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "[optim]\nlr = 0.1\n[run]\nseed = 1\nepochs = 9\n"),
        ("a.json", '{"optim": {"lr": 0.1}, "run": {"seed": 1, "epochs": 9}}'),
        ("with_a_byte_order_mark.json", '\ufeff{"optim": {"lr": 0.1}, "run": {"seed": 1, "epochs": 9}}'),
        ("a.yaml", "optim:\n  lr: 0.1\nrun:\n  seed: 1\n  epochs: 9\n"),
    ],
)
def test_any_config_is_a_template(name, text):
    plan, config = loaded(put(name, text))
    assert plan.searched == ("optim.lr",)
    assert config.objective.config_file.map == {"optim.lr": "optim.lr", "seed": "run.seed", "epochs": "run.epochs"}
    assert "FILL_IN.py" in plan.text
    assert any("which script" in check for check in plan.checks)


def test_nothing_is_overwritten_or_half_written():
    put("train.py", SCRIPT)
    put("train.hpsearch.yaml", "mine")
    assert "is there already" in invoke("init", "train.py", code=2).stderr
    assert Path("train.hpsearch.yaml").read_text() == "mine"
    assert "there is no folder" in invoke("init", "train.py", "--to", "no/x.yaml", code=2).stderr
    assert "study: train" in invoke("init", "train.py", "--to", "-").stdout
    assert {path.name for path in Path().iterdir()} == {"train.py", "train.hpsearch.yaml"}


def test_a_file_in_another_folder_names_the_places_from_there():
    Path("spaces").mkdir()
    source = put("conf/a.yaml", "lr: 0.1\n")
    plan = plan_space(source, folder=Path("spaces"))
    config = load_space_file(put("spaces/a.yaml", plan.text))
    assert config.objective.cwd == str(Path.cwd())
    assert config.objective.config_file.template == str(source.resolve())


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.py", "def f(:", "a.py:1: not valid Python"),
        ("a.py", "x = 1", "has no options that can be read"),
        ("a.py", "import click", "uses click, whose options are not read"),
        ("a.py", "from lightning.pytorch.cli import LightningCLI\nLightningCLI()", "--print_config"),
        ("a.py", "p.add_argument('--name', default='x')", "could be searched"),
        ("a.py", "@hydra.main(config_path='c', config_name='x')\ndef f(): ...", "does not exist"),
        ("a.yaml", "[1, 2", "not a valid config"),
        ("a.yaml", "- 1", "holds no settings"),
        ("a.txt", "", "allowed: a .py script"),
        ("a.py", "\0", "not valid Python"),
    ],
)
def test_what_can_not_be_read_gets_one_message(name, text, said):
    with pytest.raises(InputError, match=r"allowed|not valid|not a valid") as error:
        plan_space(put(name, text), folder=Path())
    assert said in str(error.value)


def test_a_missing_script_gets_one_message():
    assert "can't be read" in invoke("init", "no.py", code=2).stderr
    put("a.yaml", "lr: 0.1")
    assert "not found" in invoke("init", "a.yaml", "--script", "no.py", code=2).stderr


def test_odd_options_are_spelled_out():
    text = """
p.add_argument("data")
p.add_argument("-lr", type=float, default=0.1)
p.add_argument("--metrics", default="a {b}")
p.add_argument("--beta", type=float, default=-1.0)
p.add_argument("--kind", choices=["a", "b"], required=True)
p.set_defaults(beta=2.0)
"""
    plan, config = loaded(put("a.py", text))
    assert "python a.py FILL_IN -lr {lr} --metrics 'a {{b}}' --beta {beta} --kind {kind}\n" in plan.text
    assert dict(config.space.constants) == {"beta": 2.0, "kind": "a"}
    assert any("data is required" in check for check in plan.checks)


def test_what_is_missing_is_said():
    text = "p.add_argument('--lr', type=float, default=0.1)\np.add_argument('--epochs', type=int, default=n())\n"
    plan, config = loaded(put("a.py", text))
    assert "epochs: --epochs has no default that can be read" in plan.checks
    assert "the seed: no setting for it was found" in plan.checks
    assert "epochs: 20  # CHECK" in plan.text
    assert "  cwd: .\n" in plan.text
    assert config.objective.command == "python a.py --epochs {epochs} {args}\n"


def test_a_negative_value_is_no_option_of_its_own():
    text = "p.add_argument('--weight-decay', type=float, default=0.1)\np.add_argument('--beta', default=-1.0)\n"
    assert "--weight-decay {weight_decay} --beta={beta}\n" in loaded(put("a.py", text))[0].text


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=2)
)
_NAMES = st.one_of(
    st.sampled_from(["lr", "batch_size", "epochs", "seed", "out", "momentum", "dropout", "args", "y"]),
    st.text(max_size=6),
)


@settings(max_examples=60, deadline=None)
@given(options=st.lists(st.tuples(_NAMES, _VALUES, st.sampled_from(["", "int", "float", "str", "f"])), max_size=6))
def test_any_options_give_a_file_that_loads_or_one_message(options):
    lines = [
        f"p.add_argument({'--' + name!r}, default={value!r}{', type=' + kind if kind else ''})"
        for name, value, kind in options
    ]
    source = Path("fuzz.py")
    source.write_bytes("\n".join(lines).encode(errors="replace"))
    try:
        loaded(source)
    except InputError as error:
        assert "fuzz.py" in str(error)  # noqa: PT017 - either outcome is right


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=60), suffix=st.sampled_from([".py", ".yaml", ".json", ".toml"]))
def test_any_text_gives_a_file_that_loads_or_one_message(text, suffix):
    source = Path(f"fuzz{suffix}")
    source.write_bytes(text.encode(errors="replace"))
    try:
        loaded(source)
    except InputError as error:
        assert "fuzz" in str(error)  # noqa: PT017 - either outcome is right
