"""W&B sweeps as they are written, and what is wrong with some."""

import json
import math
from pathlib import Path

import pytest

from hpsearch.drafting.from_tuners import plan_import
from hpsearch.errors import InputError
from hpsearch.objectives.command.config import render_config_file
from hpsearch.objectives.command.line import command_line
from hpsearch.objectives.command.splitting import split
from hpsearch.objectives.own_values import OwnValues
from support.imported import drawn, imported, put

pytestmark = pytest.mark.usefixtures("here")

LOG_10 = math.log(10)
SCRIPT = """
# a first sweep, after W&B's own example
program: train.py
method: bayes
name: sweep of Tuesday
project: mnist
entity: my-team
metric:
  goal: minimize
  name: validation_loss
parameters:
  learning_rate:
    min: 0.0001
    max: 0.1
  batch_size:
    values: [16, 32, 64]
  epochs:
    values: [5, 10, 15]
  optimizer:
    values: ["adam", "sgd"]
"""
HYDRA = """
program: src/train.py
method: grid
metric: {name: val/acc, goal: maximize, target: 0.99}
early_terminate: {type: hyperband, max_iter: 27, s: 2}
command: ["${env}", "${interpreter}", "${program}", "experiment=base {x}", "${args_no_hyphens}"]
parameters:
  model.layers: {min: 2, max: 4}
  model.dropout: {distribution: q_uniform, min: 0.1, max: 0.5, q: 0.2}
  trainer.fast: {values: [true, false]}
  seed: {values: [1, 2, 3]}
  trainer.max_epochs: {value: 30}
"""
PYTHON = """
{"method": "random", "run_cap": 12, "description": "made by wandb.sweep()",
 "parameters": {
    "lr": {"distribution": "log_uniform", "min": -9.210340371976182, "max": -2.302585092994046},
    "wd": {"distribution": "inv_log_uniform_values", "min": 1e-6, "max": 1e-2},
    "width": {"distribution": "q_log_uniform_values", "q": 32, "min": 32, "max": 500},
    "dropout": {"distribution": "normal", "mu": 0.3, "sigma": 0.05},
    "head": {"values": [[64], [128, 64], null]},
    "scheduler": {"parameters": {"name": {"value": "cosine"}, "warmup": {"min": 0, "max": 5}}},
    "augment": {"values": ["none", "flip"], "probabilities": [0.8, 0.2]},
    "num_epochs": {"value": 9}}}
"""


def parameters(**raw):
    return {"method": "random", "parameters": raw}


def planned(**parameters):
    return plan_import(put(json.dumps({"method": "random", "parameters": {"x": {"min": 0, "max": 1}} | parameters})))


def test_a_sweep_of_a_script():
    plan, config = imported(put(SCRIPT))
    assert (config.study, config.metric, config.direction.value) == ("sweep-of-Tuesday", "validation_loss", "minimize")
    assert (config.search.sampler, config.search.total, config.objective.epochs) == ("tpe", 48, 15)
    assert split(config.objective.command, ()) == [
        *("python", "train.py", "--epochs={epochs}", "--learning_rate={learning_rate}", "--batch_size={batch_size}"),
        "--optimizer={optimizer}",
    ]
    assert plan.searched == ("learning_rate", "batch_size", "optimizer")
    assert {note.partition(":")[0] for note in plan.notes} == {"project", "entity"}
    assert any("run_cap" in check for check in plan.checks)
    for one in drawn(config):
        assert 1e-4 <= one["learning_rate"] <= 0.1
        assert one["batch_size"] in (16, 32, 64)


def test_a_grid_with_overrides_visits_each_config_once():
    plan, config = imported(put(HYDRA))
    configs = drawn(config, config.search.total)
    values = [(one["model.layers"], one["model.dropout"], one["trainer.fast"]) for one in configs]
    assert set(values) == {(layers, rate, fast) for layers in (2, 3, 4) for rate in (0.2, 0.4) for fast in (0, 1)}
    assert len(values) == len(set(values)) == 12
    line = command_line(config.objective, configs[0], OwnValues(seed=7, epochs=4, trial_dir="t", number=0))
    assert line[:4] == ["python", "src/train.py", "experiment=base {x}", "seed=7"]
    assert f"model.layers={configs[0]['model.layers']}" in line
    text = plan.text + "\n".join(plan.notes)
    assert all(word in text for word in ("early_terminate", "metric.target", "seed: {choice: [1, 2, 3]}", "0.1 is no"))


def test_a_sweep_made_in_python():
    plan, config = imported(put(PYTHON, "sweep.json"))
    assert (config.search.sampler, config.search.total) == ("random", 12)
    assert (config.objective.python, config.objective.epochs) == ("FILL_IN:train", 9)
    assert plan.constants == ("scheduler.name", "num_epochs")
    for one in drawn(config):
        assert 1e-4 <= one["lr"] <= 0.1
        assert 1e-6 <= one["wd"] <= 1e-2
        assert one["width"] in range(32, 481, 32)
        assert 0.2 <= one["dropout"] <= 0.4
        assert one["head"] in ([64], [128, 64], None)
        assert one["scheduler.warmup"] in range(6)
    said = "\n".join(plan.notes)
    assert all(
        word in said for word in ("normal(0.3, 0.05)", "probabilities", "500 is no multiple of 32", "description")
    )
    assert any(check.startswith("metric, val_loss") for check in plan.checks)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["${env}", "python3", "${program}", "-b", "a b", "${args}"], ["python3", "t.py", "-b", "a b", "--lr={lr}"]),
        (["${interpreter}", "-m", "pkg.t", "${args_no_boolean_flags}"], ["python", "-m", "pkg.t", "--lr={lr}"]),
        (["bash", "-c", "echo {}\nrun"], ["bash", "-c", "echo {{}}\nrun", "--lr={lr}"]),
        ("accelerate launch ${program} ${args}", ["accelerate", "launch", "t.py", "--lr={lr}"]),
        (["accelerate launch ${program} ${args_no_equals}"], ["accelerate", "launch", "t.py", "{args}"]),
        (["./run", "--key=${envvar:KEY}", "${args_json_file}"], ["./run", "--key={env:KEY}", "{config_file}"]),
        (["./run", 3, "${args_no_hyphens}"], ["./run", "3", "{overrides}"]),
    ],
)
def test_a_command(command, expected):
    raw = parameters(lr={"min": 0.0, "max": 1.0}) | {"program": "t.py", "command": command}
    _, config = imported(put(json.dumps(raw)))
    found = config.objective.command
    assert split(found, ()) == expected


VALUES = {
    "lr": {"min": 1e-5, "max": 0.1},
    "amp": {"values": [True, False]},
    "use_ema": {"value": True},
    "shift": {"values": [-2, -1.5, 3]},
    "optimizer": {"values": ["adam", "sgd w/ momentum"]},
    "net.depth": {"values": [2, 4]},
    "seed": {"values": [1, 2]},
    "resume": {"values": [False, True]},
    "sched": {"parameters": {"kind": {"values": ["cos", "step"]}, "gamma": {"min": 0.1, "max": 0.9}}},
}


def as_in_wandb(macro, values):
    """Return what W&B's agent writes for a macro, as its documentation has it; nested names with dots."""
    if macro == "args_no_equals":
        return [word for name, value in values.items() for word in (f"--{name}", str(value))]
    if macro == "args_no_hyphens":
        return [f"{name}={value}" for name, value in values.items()]
    if macro == "args_no_boolean_flags":
        shown = {name: value for name, value in values.items() if value is not False}
        return [f"--{name}" if value is True else f"--{name}={value}" for name, value in shown.items()]
    return [f"--{name}={value}" for name, value in values.items()]


@pytest.mark.parametrize("macro", ["args", "args_no_equals", "args_no_boolean_flags", "args_no_hyphens"])
def test_a_script_gets_its_values_as_from_wandb(macro):
    raw = {"program": "t.py", "command": ["${interpreter}", "${program}", f"${{{macro}}}"], **parameters(**VALUES)}
    _, config = imported(put(json.dumps(raw)))
    for one in drawn(config, 12):
        line = command_line(config.objective, one, OwnValues(seed=7, epochs=4, trial_dir="t", number=0))
        given = {"seed": 7, **{name: value for name, value in one.items() if name != "resume_value"}}
        given["resume"] = one["resume_value"]
        assert line[:2] == ["python", "t.py"]
        assert sorted(line[2:]) == sorted(as_in_wandb(macro, given))


@pytest.mark.parametrize(
    ("macro", "expected"),
    [
        ("args_no_equals", ["{args}", "{flag:amp|--amp True|--amp False}"]),
        ("args_no_hyphens", ["{overrides}", "{flag:amp|amp=True|amp=False}"]),
        ("args_no_boolean_flags", ["--lr={lr}", "{flag:amp}"]),
    ],
)
def test_a_command_with_booleans_is_short(macro, expected):
    values = {name: VALUES[name] for name in ("lr", "amp")}
    raw = {"program": "t.py", "command": f"python ${{program}} ${{{macro}}}", **parameters(**values)}
    plan, config = imported(put(json.dumps(raw)))
    assert split(config.objective.command, ())[2:] == expected
    assert f"    python t.py {' '.join(expected)}\n" in plan.text
    for one in drawn(config, 4):
        line = command_line(config.objective, one, OwnValues(seed=7, epochs=4, trial_dir="t", number=0))
        assert sorted(line[2:]) == sorted(as_in_wandb(macro, one))


def nested(config):
    kept = {name: value for name, value in config.items() if not name.startswith("sched.") and name != "resume_value"}
    sched = {key: config[f"sched.{key}"] for key in ("kind", "gamma")}
    return kept | {"seed": 7, "resume": config["resume_value"], "sched": sched}


def test_a_script_gets_its_json_as_from_wandb():
    raw = {"program": "t.py", "command": ["python", "${program}", "${args_json}"], **parameters(**VALUES)}
    plan, config = imported(put(json.dumps(raw)))
    for one in drawn(config, 12):
        line = command_line(config.objective, one, OwnValues(seed=7, epochs=4, trial_dir="t", number=0))
        assert json.loads(line[2]) == nested(one)
    assert not any("JSON has" in check for check in plan.checks)
    raw["parameters"]["head"] = {"values": [1, "two"]}
    assert any("head: the command's JSON has its text without quotes" in check for check in planned_of(raw).checks)


def test_a_script_gets_its_json_file_as_from_wandb():
    values = {name: value for name, value in VALUES.items() if name != "net.depth"}
    raw = {"program": "t.py", "command": ["python", "${program}", "-c", "${args_json_file}"], **parameters(**values)}
    _, config = imported(put(json.dumps(raw)))
    for one in drawn(config, 12):
        own = OwnValues(seed=7, epochs=4, trial_dir="t", number=0)
        assert command_line(config.objective, one, own)[2:] == ["-c", "t/config_file.json"]
        assert json.loads(render_config_file(config.objective.config_file, one, own)) == nested(one)
    raw["parameters"] = VALUES
    assert any("net.depth: in the JSON file the dots" in check for check in planned_of(raw).checks)


def planned_of(raw):
    return plan_import(put(json.dumps(raw)))


def test_values_of_other_types_beside_booleans_are_no_flag():
    raw = {"program": "t.py", "command": "${program} ${args_no_boolean_flags}"} | parameters(
        x={"values": [True, "auto"]}
    )
    plan, config = imported(put(json.dumps(raw)))
    assert split(config.objective.command, ()) == ["t.py", "--x={x}"]
    assert any("x: the command gets true or false as a value" in check for check in plan.checks)


@pytest.mark.parametrize(
    ("more", "expected", "guesses"),
    [
        ({}, ("tpe", "val_loss", "minimize"), ("sampler, tpe: the sweep has no method", "metric, val_loss")),
        ({"method": None, "metric": {}}, ("tpe", "val_loss", "minimize"), ("sampler", "metric", "direction")),
        ({"method": "Bayes", "metric": {"name": "acc"}}, ("tpe", "acc", "minimize"), ("direction, minimize: as in",)),
        ({"method": "RANDOM", "metric": {"goal": "MAXIMIZE"}}, ("random", "val_loss", "maximize"), ("metric",)),
        ({"method": "grid", "metric": {"name": "f1", "goal": "maximum"}}, ("jittered_grid", "f1", "maximize"), ()),
        (
            {"scheduler": {"job": "team/p/scheduler:latest", "num_workers": 4}, "job": "team/p/train:v2", "run_cap": 5},
            ("tpe", "val_loss", "minimize"),
            ("sampler", "metric", "python, FILL_IN:train"),
        ),
        ({"early_terminate": None, "run_cap": None, "name": 3, "method": "random"}, ("random",), ("metric", "trials")),
        ({"early_terminate": "hyperband", "method": "random"}, ("random",), ("metric",)),
    ],
)
def test_what_is_missing_becomes_a_guess(more, expected, guesses):
    plan, config = imported(put(json.dumps({"parameters": {"x": {"values": [1, 2]}}} | more)))
    assert (config.search.sampler, config.metric, config.direction.value)[: len(expected)] == expected
    for guess in guesses:
        assert any(check.startswith(guess) for check in plan.checks), guess
    assert plan.text.count("set this: ") >= len(guesses)


def test_a_macro_with_the_name_of_a_parameter_is_its_value():
    command = ["uv", "run", "t.py", "-lr", "${lr}", "--name=run-${net-name}", "-e", "${epochs}", "-b", "${resume}"]
    values = {"lr": {"min": 0.0, "max": 1.0}, "net-name": {"value": "a"}, "epochs": {"value": 9}}
    raw = {"command": command, **parameters(**values, resume={"values": [8, 16]})}
    plan, config = imported(put(json.dumps(raw)))
    assert split(config.objective.command, ()) == [
        *("uv", "run", "t.py", "-lr", "{lr}", "--name=run-{net-name}", "-e", "{epochs}", "-b", "{resume_value}"),
    ]
    assert not any("no argument" in check for check in plan.checks)
    raw["parameters"]["wd"] = {"values": [0, 1]}
    plan = planned_of(raw)
    assert plan.text.count("--wd={wd}") == 1
    assert any("it has no argument for wd," in check for check in plan.checks)


def test_a_macro_keeps_its_meaning_beside_a_parameter_of_its_name():
    raw = {"program": "t.py", **parameters(args={"value": None}, epochs={"value": None}, lr={"min": 0.0, "max": 1.0})}
    _, config = imported(put(json.dumps(raw)))
    line = split(config.objective.command, ())
    assert line == ["python", "t.py", "--epochs={epochs}", "--args={args_value}", "--lr={lr}"]


def test_a_sweep_below_a_key_of_its_own():
    plan, config = imported(put("sweep: {method: bayes, parameters: {on: {values: [no, 'no', off, Yes]}}}"))
    assert config.search.sampler == "tpe"
    assert config.space.parameters["on"].values == (False, "no", True)  # as in YAML 1.1
    assert any("listed twice" in note for note in plan.notes)


def test_whole_bounds_next_to_each_other_are_doubted():
    assert any("k: both of its bounds are integers" in note for note in planned(k={"min": 0, "max": 1}).notes)
    assert planned(k={"min": 0, "max": 1.0}, m={"min": 0, "max": 2}, x={"values": [1, 2]}).notes == ()


@pytest.mark.parametrize("kind", [None, "wandb"])
def test_a_sweep_in_python(monkeypatch, kind):
    monkeypatch.syspath_prepend(Path.cwd())
    name = f"sweep_module_{kind}"
    Path(f"{name}.py").write_text(
        f"import math\nprint('loud')\nsweep_config = {parameters(lr={'min': 0.0, 'max': 1.0})}\n"
    )
    plan, config = imported(f"{name}:sweep_config", kind)
    assert list(config.space.parameters) == ["lr"]
    assert config.search.sampler == "random"
    assert "From the W&B sweep" in plan.text


def test_the_workers_of_a_scheduler_are_named():
    raw = {"parameters": {"x": {"values": [1, 2]}}, "scheduler": {"job": "j", "num_workers": 4}}
    assert any("num_workers: 4" in note and "--workers" in note for note in planned_of(raw).notes)


def test_a_name_that_commands_have_for_themselves_is_kept_on_the_command_line():
    text = "{program: t.py, method: random, parameters: {resume: {values: [a, b]}, lr: {min: 0.0, max: 1.0}}}"
    plan, config = imported(put(text))
    line = command_line(
        config.objective, {"resume_value": "b", "lr": 0.5}, OwnValues(seed=0, epochs=1, trial_dir="t", number=0)
    )
    assert line == ["python", "t.py", "--resume=b", "--lr=0.5"]
    assert any("resume is now resume_value," in note for note in plan.notes)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"values": [3]}, "3"),
        ({"values": [1, 1, 2]}, "{choice: [1, 2]}"),
        ({"values": [1, 1.0, True]}, "{choice: {'1': 1, '1.0': 1.0, 'true': true}}"),
        ({"values": [{"name": "a", "k": 1}, {"k": 2}]}, "{choice: {a: {name: a, k: 1}, option_2: {k: 2}}}"),
        ({"value": [1, 2]}, "{choice: {'1-2': [1, 2]}}"),
        ({"values": ["a\nb", "\U0001f600", "yes"]}, "{choice: [\"a\\U0000000ab\", '\U0001f600', 'yes']}"),
        ({"min": 2, "max": 2}, "2"),
        ({"distribution": "q_uniform", "min": 0.1, "max": 0.4}, "{uniform: [0.1, 0.4]}"),
        ({"distribution": "q_uniform", "min": 1, "max": 2, "q": 1.5}, "1.5"),
        ({"distribution": "q_uniform", "min": 0.4, "max": 0.8, "q": 1.0}, "{uniform: [0.4, 0.8]}"),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 1e-20}, "{uniform: [0, 1]}"),
        (
            {"distribution": "q_log_uniform_values", "min": 1e-16, "max": 0.5, "q": 0.1},
            "{qloguniform: [0.1, 0.5, 0.1]}",
        ),
        ({"distribution": "q_log_uniform", "min": 50, "max": 60, "q": 10}, "{loguniform: ["),
        (
            {"distribution": "q_uniform", "min": 0.0, "max": 1e22, "q": 10**16},
            "{quniform: [0, 1e22, 10000000000000000]}",
        ),
        ({"min": 0, "max": 1, "q": 0.25}, "{quniform: [0.0, 1.0, 0.25]}"),
        ({"min": "1e-4", "max": "1e-1"}, "{uniform: [1e-4, 0.1]}"),
        ({"min": "2", "max": 8}, "{randint: [2, 8]}"),
        ({"distribution": "INT_UNIFORM", "min": 1.5, "max": 8.0}, "{randint: [2, 8]}"),
        ({"distribution": "int_uniform", "min": 1.2, "max": 1.8}, "{uniform: [1.2, 1.8]}"),
        ({"distribution": "uniform", "values": [0.1, 0.2]}, "{choice: [0.1, 0.2]}"),
        ({"distribution": "uniform", "min": 0.1, "max": 0.2, "values": None}, "{uniform: [0.1, 0.2]}"),
        ({"distribution": "q_uniform", "min": 50, "max": 60, "q": 100}, "{randint: [50, 60]}"),
        ({"distribution": "q_log_uniform_values", "min": 9.5, "max": 3000.5, "q": 1}, "{lograndint: [10, 3000]}"),
        ({"distribution": "log_uniform", "min": -2, "max": -1}, "{loguniform: [0.135336, 0.367879]}"),
        ({"distribution": "log_uniform", "min": -2, "max": -2}, "0.135335"),
        ({"distribution": "q_log_uniform", "min": LOG_10, "max": 2 * LOG_10, "q": 10}, "{qlograndint: [10, 100, 10]}"),
    ],
)
def test_values_that_need_care(raw, expected):
    plan = planned(k=raw)
    assert f"\n  k: {expected}" in plan.text
    imported("sweep.yaml")


def test_exponents_that_look_like_values_are_doubted():
    plan = planned(lr={"distribution": "log_uniform", "min": 0.0001, "max": 0.1})
    assert any("1.00011 to 1.10517" in note and "log_uniform_values" in note for note in plan.notes)
    assert not planned(x={"distribution": "log_uniform", "min": -9, "max": -2}).notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: random\nparameters: {lr: 3}", "parameters.lr: found 3"),
        ("method: random\nparameters: {lr: {min: a, max: 1}}", "parameters.lr"),
        ("method: random\nparameters: {lr: {distribution: uniform, min: a, max: 1}}", "parameters.lr.min: found 'a'"),
        ("method: random\nparameters: {lr: {distribution: uniform, max: 1}}", "parameters.lr.min: is missing"),
        ("method: random\nparameters: {lr: {distribution: unifrom, max: 1}}", "did you mean 'uniform'"),
        ("method: random\nparameters: {lr: {min: 2, max: 1}}", "parameters.lr: low 2 is above high 1"),
        ("method: random\nparameters: {lr: {min: 0, max: .inf}}", "finite numbers"),
        ("method: random\nparameters: {lr: {distribution: log_uniform_values, min: 0, max: 1}}", "a low above 0"),
        ("method: random\nparameters: {lr: {distribution: log_uniform, min: 0, max: 1000}}", "parameters.lr.max: e to"),
        ("method: random\nparameters: {lr: {distribution: q_uniform, min: 0, max: 1, q: 0}}", "a step above 0"),
        ("method: random\nparameters: {lr: {values: []}}", "parameters.lr.values: found []"),
        ("method: random\nparameters: {lr: {value: 1, valeus: [1]}}", "did you mean 'value"),
        (
            "method: random\nparameters: {a.b: {value: 1}, a: {parameters: {b: {value: 2}}}}",
            "two parameters called 'a.b'",
        ),
        ("method: random\nparameters: {lr: {value: 1}}", "nothing in it can be searched"),
        ("method: random\nparameters: {'{a}': {value: 1}}", "has braces"),
        ("method: random\nparameters: {1: {value: 1}}", "is not text"),
        ("method: randm\nparameters: {lr: {values: [1, 2]}}", "did you mean 'random'"),
        ("method: random", "parameters: is missing"),
        ("method: random\nmetric: {goal: up, name: a}\nparameters: {lr: {values: [1, 2]}}", "metric.goal: found 'up'"),
        ("method: random\nmetric: loss\nparameters: {lr: {values: [1, 2]}}", "metric: found 'loss'"),
        ("method: random\nrun_cap: 0\nparameters: {lr: {values: [1, 2]}}", "run_cap: found 0"),
        ("method: random\nprogram: 3\nparameters: {lr: {values: [1, 2]}}", "program: found 3"),
        ("method: random\ncommand: {a: b}\nparameters: {lr: {values: [1, 2]}}", "command: found"),
        ("method: random\ncommand: 'a \"b'\nparameters: {lr: {values: [1, 2]}}", "balanced quotes"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, message):
    with pytest.raises(InputError) as caught:
        plan_import(put(text))
    assert str(caught.value).startswith("sweep.yaml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
