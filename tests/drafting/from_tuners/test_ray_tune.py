"""Ray Tune's search spaces: its own objects, in modules as users write them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ray import tune

from hpsearch.drafting.from_tuners import plan_import
from hpsearch.drafting.from_tuners.ray_tune import _add
from hpsearch.drafting.from_tuners.translation import Translation
from hpsearch.errors import InputError
from hpsearch.space.distributions import Choice
from hpsearch.space.parsing import parse_space
from support.imported import drawn, imported
from support.strategies import lies_in

MODULE = """
import numpy as np
from ray import tune

print("importing prints")

class ReLU: ...
class Tanh: ...

param_space = {
    "lr": tune.loguniform(1e-4, 1e-1),
    "batch_size": tune.grid_search([32, 64]),
    "layers": tune.randint(1, 4),
    "model": {"width": tune.qrandint(16, 64, 16), "activation": tune.choice([ReLU, Tanh]), "bias": True},
    "optimizer": tune.choice([
        {"kind": "sgd", "momentum": tune.uniform(0.8, 0.99)},
        {"kind": "adam", "beta": tune.quniform(0.9, 0.98, 0.02)},
    ]),
    "blocks": [tune.choice([1, 2]), 3],
    "noise": tune.randn(0.5, 0.1),
    "decay": tune.sample_from(lambda config: config["lr"] / 10),
    "rate": np.float32(0.5), "sizes": np.array([1, 2]), "shape": (3, 4), "data": object(), "max_epochs": 7,
}

def grid():
    return {"a": tune.grid_search([1, 2, 3]), "b": tune.grid_search(["x", "y"]), "c": 1}

def broken():
    raise KeyError("nothing")

def needs(argument): ...
empty, number, own = {}, 3, {}
own["self"] = own
wrong = {"x": {"lr": tune.uniform(2, 1)}}
bare = {"x": tune.grid_search([])}
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_tuning", raising=False)
    Path("my_tuning.py").write_text(MODULE)
    yield "my_tuning"
    sys.modules.pop("my_tuning", None)


def test_a_param_space(capsys):
    plan, config = imported("my_tuning:param_space")
    assert capsys.readouterr() == ("", "importing prints\n")
    assert (config.study, config.objective.python, config.objective.epochs) == ("my_tuning", "my_tuning:FILL_IN", 7)
    configs = drawn(config, 48)
    for one in configs:
        assert 1e-4 <= one["lr"] <= 0.1
        assert one["layers"] in (1, 2, 3)
        assert one["model.width"] in (16, 32, 48, 64)
        assert one["model.bias"] is True
        assert ("optimizer.momentum" in one) == (one["optimizer.kind"] == "sgd")
        assert ("optimizer.beta" in one) == (one["optimizer.kind"] == "adam")
        assert (one["rate"], one["sizes"], one["shape"], one["blocks.1"]) == (0.5, [1, 2], [3, 4], 3)
    assert sum(one["batch_size"] == 32 for one in configs) == 24
    assert {one["model.activation"] for one in configs} == {"ReLU", "Tanh"}
    assert {"decay", "data"}.isdisjoint(configs[0])
    lost = [line for line in plan.text.splitlines() if line.startswith(("  # decay: ", "  # data: "))]
    assert "sample_from" in lost[0]
    assert "type object" in lost[1]
    assert set(plan.constants) == {"model.bias", "blocks.1", "rate", "sizes", "shape", "max_epochs"}
    assert any(note.startswith("noise: normal(0.5, 0.1)") for note in plan.notes)


def test_a_function_that_makes_a_grid():
    _, config = imported("my_tuning:grid")
    assert (config.search.sampler, config.search.total) == ("jittered_grid", 6)
    assert len({(one["a"], one["b"]) for one in drawn(config, 6)}) == 6


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (
            "uniform",
            (
                -1,
                2,
            ),
        ),
        (
            "quniform",
            (
                0.1,
                0.7,
                0.1,
            ),
        ),
        (
            "loguniform",
            (
                1e-4,
                1e-1,
            ),
        ),
        (
            "qloguniform",
            (
                1e-4,
                1e-1,
                5e-5,
            ),
        ),
        (
            "randint",
            (
                -3,
                4,
            ),
        ),
        (
            "qrandint",
            (
                8,
                64,
                8,
            ),
        ),
        (
            "qrandint",
            (
                1,
                65,
                8,
            ),
        ),
        (
            "qrandint",
            (
                1,
                6,
                1,
            ),
        ),
        (
            "lograndint",
            (
                1,
                30,
            ),
        ),
        (
            "qlograndint",
            (
                16,
                256,
                16,
            ),
        ),
        (
            "qlograndint",
            (
                1,
                8,
                1,
            ),
        ),
        ("choice", ([None, 1, "a"],)),
        (
            "randint",
            (
                2,
                3,
            ),
        ),
    ],
)
def test_what_ray_tune_draws_is_what_we_draw(kind, arguments):
    domain = getattr(tune, kind)(*arguments)
    translation = Translation(origin="test", study="test")
    _add(translation, domain, ("x",), "x", {})
    space = parse_space({**translation.carried, "other": {"uniform": [0, 1]}})
    theirs = domain.sample(size=400, random_state=np.random.default_rng(0))
    if "x" in space.constants:
        assert set(theirs) == {space.constants["x"]}
        return
    axis = space.parameters["x"]
    values = [value.item() if hasattr(value, "item") else value for value in theirs]
    values = [round(value, 12) if isinstance(value, float) else value for value in values]  # 0.7000000000000001
    assert all(lies_in(axis, value) for value in values)
    ours = [axis.resolve(axis.draw(at / 1000)) for at in range(1001)]
    assert all(domain.is_valid(value) for value in ours)
    if isinstance(axis, Choice) or axis.count < 50:
        assert set(values) == set(ours)
        assert isinstance(axis, Choice) or {type(value) for value in values} == {type(value) for value in ours}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("my_tuning:param_spce", "did you mean 'param_space'"),
        ("my_tunin:space", "there is no module 'my_tunin'"),
        ("my_tuning:broken", "my_tuning:broken() failed: KeyError: 'nothing'"),
        ("my_tuning:needs", "does not fit"),
        ("my_tuning:number", "my_tuning:number is 3; allowed: a dict"),
        ("my_tuning:empty", "my_tuning:empty is {}"),
        ("my_tuning:own", "is nested too deeply"),
        ("my_tuning:wrong", "my_tuning:wrong.x.lr: low 2.0 is above high 1.0"),
        ("my_tuning:bare", "my_tuning:bare.x.grid_search: found []"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(target, message):
    with pytest.raises(InputError) as caught:
        plan_import(target)
    assert message in str(caught.value)


def test_a_module_without_ray_does_without():
    Path("plain_space.py").write_text("space = {'a': {'grid_search': [1, 2]}, 'b': 3}\n")
    code = (
        "import sys; from hpsearch.drafting.from_tuners import plan_import\n"
        "assert plan_import('plain_space:space').searched == ('a',)\n"
        "assert not {'ray', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
