"""`hpsearch import`: what the command does with files, and that whatever it makes is a space file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.drafting.from_tuners.wandb_parameters import DISTRIBUTIONS
from hpsearch.objectives.command.line import command_line
from hpsearch.objectives.own_values import OwnValues
from hpsearch.objectives.space_files import load_space_file
from support import strategies
from support.cli import invoke
from support.imported import drawn, imported, put

SWEEP = """
method: random
program: train.py
metric: {name: loss}
parameters: {lr: {min: 0.0, max: 1.0}, momentum: {distribution: normal, mu: 0.9, sigma: 0.01}, epochs: {value: 3}}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("import"))


def run(*arguments, code=0):
    return invoke("import", *arguments, code=code)


def test_the_file_goes_to_standard_output_and_what_differs_to_standard_error():
    result = run(put(SWEEP))
    Path("made.yaml").write_text(result.stdout)
    config = load_space_file(Path("made.yaml"))
    assert list(config.space.parameters) == ["lr", "momentum"]
    lines = result.stderr.splitlines()
    assert lines[0] == "2 parameters to search: lr, momentum"
    (note,) = [line for line in lines if line.startswith("not carried over as it was: ")]
    assert "momentum: normal(0.9, 0.01) is replaced by a range" in note
    assert f"  # {note.removeprefix('not carried over as it was: ')}" in result.stdout.splitlines()
    assert any(line.startswith("set this: trials, 48") for line in lines)


def test_a_file_is_not_replaced_unless_it_is_said():
    source = put(SWEEP)
    first = run(source, "--to", "new.yaml")
    assert first.stdout == ""
    assert "new.yaml is written; 2 parameters" in first.stderr
    assert "next: hpsearch run new.yaml --smoke" in first.stderr
    Path("new.yaml").write_text("mine")
    refused = run(source, "--to", "new.yaml", code=2)
    assert (
        "error: new.yaml: is there already, and stays as it is; allowed: --to with a new file, --force"
        in refused.stderr
    )
    assert Path("new.yaml").read_text() == "mine"
    run(source, "--to", "new.yaml", "--force")
    assert Path("new.yaml").read_text() == run(source, "--to", "-").stdout
    assert "there is no folder" in run(source, "--to", "no/new.yaml", code=2).stderr
    Path("folder").mkdir()
    assert "is there already" in run(source, "--to", "folder", "--force", code=2).stderr
    assert sorted(path.name for path in Path().iterdir()) == ["folder", "new.yaml", "sweep.yaml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.yaml"], "nothing.yaml: can't be read: No such file or directory; allowed: a W&B sweep"),
        (["nothing:space"], "there is no module 'nothing'"),
        (["sweep.yaml", "--format", "ray"], "sweep.yaml: not read; allowed: module:name of a Ray Tune param_space"),
        (["sweep.yaml", "--format", "nni"], "sweep.yaml: method: found 'random'"),
        (["nothing:space", "--format", "nni"], "nothing:space: can't be read"),
        (["sweep.yaml", "--format", "optuna"], "Invalid value"),
        (["."], "can't be read: Is a directory"),
        (["latin.yaml"], "latin.yaml: not a text file: byte 6 is not UTF-8"),
    ],
)
def test_what_can_not_be_imported_ends_with_one_message(arguments, message):
    put(SWEEP)
    Path("latin.yaml").write_bytes(b"name: \xe9")
    result = run(*arguments, "--to", "new.yaml", code=2)
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not Path("new.yaml").exists()


def test_a_format_decides_where_the_content_does_not():
    raw = {"method": {"_type": "choice", "_value": ["a", "b"]}, "parameters": {"_type": "randint", "_value": [1, 5]}}
    source = put(json.dumps(raw))
    assert "parameters._type" in run(source, code=2).stderr
    assert "to search: method, parameters" in run(source, "--format", "nni").stderr


def test_an_imported_command_runs():
    script = (
        "import argparse, json\nparser = argparse.ArgumentParser()\n"
        "for name in ('lr', 'momentum'):\n    parser.add_argument(f'--{name}', type=float, required=True)\n"
        "parser.add_argument('--epochs', type=int)\nprint(json.dumps(vars(parser.parse_args())))\n"
    )
    put(script, "train.py")
    _, config = imported(put(SWEEP))
    (one,) = drawn(config, 1)
    line = command_line(config.objective, one, OwnValues(seed=0, epochs=3, trial_dir="t", number=0))
    done = subprocess.run([sys.executable, *line[1:]], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == {**one, "epochs": 3}


def test_the_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom hpsearch.cli.app import app\n"
        "assert CliRunner().invoke(app, ['import', '--help']).exit_code == 0\n"
        "assert not {'ray', 'torch', 'optuna'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


numbers = st.one_of(st.integers(-50, 50), st.floats(-1e6, 1e6), st.floats(allow_nan=False, allow_infinity=False))
bounds = st.tuples(st.floats(-50, 50), st.floats(0, 50)).map(lambda pair: (pair[0], pair[0] + pair[1]))
positive = st.tuples(st.floats(1e-20, 1e3), st.floats(0, 1e3)).map(lambda pair: (pair[0], pair[0] + pair[1]))
whole = st.tuples(st.integers(-100, 100), st.integers(0, 100)).map(lambda pair: (pair[0], pair[0] + pair[1]))
steps = st.one_of(st.integers(1, 20), st.sampled_from([0.1, 0.05, 2.5, 1e-3]), st.floats(1e-6, 1e3))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=4,
)
names = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,6}", fullmatch=True),
    st.sampled_from(["epochs", "seed", "resume", "args", "python", "metrics", "max_epochs", "trial_dir", "y", "null"]),
)


@st.composite
def wandb_parameters(draw):
    kind = draw(st.sampled_from([*DISTRIBUTIONS, None, "nested"]))
    if kind == "nested":
        return {"parameters": draw(st.dictionaries(names, wandb_parameters(), min_size=1, max_size=2))}
    if kind in (None, "categorical", "categorical_w_probabilities"):
        listed = draw(st.lists(values, min_size=1, max_size=4))
        given_ = {"values": listed} if kind is None else {"distribution": kind, "values": listed}
        return given_ | (
            {"probabilities": [1 / len(listed)] * len(listed)} if kind == "categorical_w_probabilities" else {}
        )
    if kind == "constant":
        return {"distribution": kind, "value": draw(values)}
    raw = {"distribution": kind}
    if kind.startswith("q_"):
        raw["q"] = draw(steps)
    if kind.endswith("normal"):
        return raw | {"mu": draw(st.floats(-20, 20)), "sigma": draw(st.floats(0, 20))}
    if kind.endswith("beta"):
        return raw | {"a": draw(st.floats(0.01, 50)), "b": draw(st.floats(0.01, 50))}
    low, high = draw(positive if kind.endswith("_values") else whole if kind == "int_uniform" else bounds)
    return raw | {"min": low, "max": high}


words = st.one_of(
    st.sampled_from(
        ["${env}", "${interpreter}", "${program}", "${args}", "${args_no_hyphens}", "${args_json}", "${oh}"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(str.strip),
)
sweeps = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["grid", "random", "bayes", "custom"]),
        "parameters": st.dictionaries(names, wandb_parameters(), max_size=4),
    },
    optional={
        "metric": st.fixed_dictionaries({"name": st.text("ab/ '\"{}\n", min_size=1, max_size=5)}),
        "name": texts,
        "program": st.sampled_from(["train.py", "a b/{c}.py", "it's.py"]),
        "command": st.lists(words, min_size=1, max_size=5).filter(lambda all_: all_[0] not in ("${args}", "${env}")),
        "run_cap": st.integers(1, 100),
        "early_terminate": st.just({"type": "hyperband", "max_iter": 9, "s": 2}),
        "description": texts,
    },
)


@settings(max_examples=20)
@given(sweeps)
def test_every_sweep_becomes_a_space_file(sweep):
    sweep["parameters"] = {"always": {"min": 0.0, "max": 1.0}} | sweep["parameters"]
    plan, config = imported(put(json.dumps(sweep)), "wandb")
    assert "always" in plan.searched
    assert len(drawn(config, 2)) == 2


@st.composite
def nni_spaces(draw, depth=0):
    return {name: draw(nni_parameters(depth)) for name in draw(st.lists(names, min_size=1, max_size=3, unique=True))}


@st.composite
def nni_parameters(draw, depth):
    kind = draw(st.sampled_from(["choice", "nested", "randint", "uniform", "loguniform", "quniform", "qlognormal"]))
    if kind == "nested" and depth < 2:
        branches = st.lists(st.tuples(st.sampled_from("abc"), nni_spaces(depth + 1)), min_size=1, max_size=3)
        options = [{"_name": name, **inner} for name, inner in draw(branches)]
        return {"_type": "choice", "_value": list({option["_name"]: option for option in options}.values())}
    if kind in ("choice", "nested"):
        return {"_type": "choice", "_value": draw(st.lists(strategies.scalars, min_size=1, max_size=4))}
    low, high = draw(positive if "log" in kind else bounds)
    if kind == "randint":
        low, high = int(low), int(high) + 1
    arguments = [low / 1e2, high / 1e3, draw(steps)] if kind == "qlognormal" else [low, high]
    return {"_type": kind, "_value": [*arguments, draw(steps)] if kind == "quniform" else arguments}


@settings(max_examples=20)
@given(nni_spaces())
def test_every_nni_space_becomes_a_space_file(raw):
    raw = {"always": {"_type": "uniform", "_value": [0, 1]}} | raw
    plan, config = imported(put(json.dumps(raw)), "nni")
    assert "always" in plan.searched
    assert len(drawn(config, 2)) == 2
