"""NNI search spaces as they are written, and what is wrong with some."""

from collections import Counter
from pathlib import Path

import pytest

from hpsearch.drafting.from_tuners import plan_import
from hpsearch.errors import InputError
from support.imported import drawn, imported, put

pytestmark = pytest.mark.usefixtures("here")

MNIST = {
    "dropout_rate": {"_type": "uniform", "_value": [0.5, 0.9]},
    "conv_size": {"_type": "choice", "_value": [2, 3, 5, 7]},
    "hidden_size": {"_type": "randint", "_value": [124, 512]},
    "batch_size": {"_type": "quniform", "_value": [30, 250, 50]},
    "learning_rate": {"_type": "loguniform", "_value": [0.0001, 0.1]},
    "burn_in": {"_type": "normal", "_value": [700, 100]},
    "epochs": {"_type": "choice", "_value": [10, 20]},
    "python": {"_type": "choice", "_value": ["a", "b"]},
    "seed": {"_type": "randint", "_value": [9]},
}


def layer(*pools):
    options = [{"_name": "Empty"}, {"_name": "Conv", "kernel_size": {"_type": "choice", "_value": [1, 2, 3]}}]
    options += [{"_name": name, "pool": {"_type": "choice", "_value": sizes}} for name, sizes in pools]
    return {"_type": "choice", "_value": options}


def test_a_flat_space():
    plan, config = imported(put(MNIST, "search_space.json"))
    assert (config.study, config.objective.epochs, config.search.total) == ("search_space", 20, 48)
    assert (config.search.sampler, config.objective.python) == ("jittered_grid", "FILL_IN:train")
    configs = drawn(config)
    for one in configs:
        assert 124 <= one["hidden_size"] <= 511
        assert one["batch_size"] in (50, 100, 150, 200, 250)
        assert 500 <= one["burn_in"] <= 900
        assert one["seed"] in range(9)
    assert "epochs" not in configs[0]
    assert {one["python_value"] for one in configs} == {"a", "b"}
    said = "\n".join(plan.notes)
    assert all(word in said for word in ("normal(700, 100)", "30 is no multiple of 50: 50", "epochs", "python_value"))
    assert "512 was excluded" in plan.text
    assert {"metric, val_loss", "epochs, 20", "trials, 48", "python, FILL_IN"} == {
        check.partition(":")[0] for check in plan.checks if "," in check.partition(":")[0] and "direc" not in check
    }


def test_options_with_parameters_of_their_own_become_conditions():
    raw = {"layer0": layer(("Max", [2, 3]), ("Avg", [2, 3])), "layer1": layer(("Max", [2, 3]), ("Avg", [4]))}
    plan, config = imported(put(raw, "search_space.json"))
    kinds = Counter()
    for one in drawn(config, 40):
        for name in ("layer0", "layer1"):
            kind = one[f"{name}._name"]
            kinds[kind] += 1
            assert (f"{name}.kernel_size" in one) == (kind == "Conv")
        assert ("layer0.pool" in one) == (one["layer0._name"] in ("Max", "Avg"))
        assert one.get("layer1.pool.Avg") == (4 if one["layer1._name"] == "Avg" else None)
    assert set(kinds) == {"Empty", "Conv", "Max", "Avg"}
    assert "layer0.pool: {choice: [2, 3], when: {layer0._name: [Max, Avg]}}" in plan.text
    assert any(note.startswith("layer1.pool.Avg: was called layer1.pool,") for note in plan.notes)


def test_conditions_of_conditions():
    inner = {"_type": "choice", "_value": [{"_name": "a", "x": {"_type": "uniform", "_value": [0, 1]}}, {"_name": "b"}]}
    raw = {"m": {"_type": "choice", "_value": [{"_name": "deep", "inner": inner}, {"_name": "flat"}, "plain"]}}
    plan, config = imported(put(raw, "search_space.json"))
    configs = drawn(config, 40)
    assert {one["m._name"] for one in configs} == {"deep", "flat", "plain"}
    for one in configs:
        assert ("m.inner._name" in one) == (one["m._name"] == "deep")
        assert ("m.inner.x" in one) == (one.get("m.inner._name") == "a")
    assert any(note.startswith("m: some of its options have no _name") for note in plan.notes)


def test_architectures_are_left_out():
    raw = {"lr": {"_type": "uniform", "_value": [0, 1]}, "op": {"_type": "layer_choice", "_value": ["a"]}}
    plan, config = imported(put(raw, "search_space.json"))
    assert list(config.space.parameters) == ["lr"]
    assert "\n  # op: layer_choice searches architectures" in plan.text


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"lr": {"_type": "unifrom", "_value": [0, 1]}}, "lr._type: found 'unifrom'; allowed: choice, randint"),
        ({"lr": {"_type": "uniform"}}, "lr._value: is missing"),
        ({"lr": {"_type": "uniform", "_value": [0]}}, "lr._value: found [0]; allowed: [low, high]"),
        ({"lr": {"_type": "quniform", "_value": [0, 1]}}, "allowed: [low, high, q]"),
        ({"lr": {"_type": "uniform", "_value": [0, "a"]}}, "lr._value.1: found 'a'"),
        ({"lr": {"_type": "randint", "_value": [3, 3]}}, "high itself is excluded"),
        ({"lr": {"_type": "randint", "_value": [0.5, 3]}}, "an integer"),
        ({"lr": {"_type": "loguniform", "_value": [0, 3]}}, "a low above 0"),
        ({"lr": {"_type": "normal", "_value": [0, -3]}}, "standard deviation is -3"),
        ({"lr": {"_type": "choice", "_value": []}}, "lr._value: found []"),
        ({"a": {"_type": "choice", "_value": [1, 2]}, "lr": 3}, "lr: found 3"),
        ({"a": {"_type": "choice", "_value": [{"_name": "x", "b": 3}]}}, "a._value.0.b: found 3"),
        ({"a": {"_type": "choice", "_value": [1]}}, "nothing in it can be searched"),
        ({"searchSpaceFile": "x.json", "trialCommand": "python x.py"}, "searchSpaceFile: x.json: "),
        ({"study": "s", "space": {}, "objective": {}}, "is a space file already"),
        ({"a": 1}, "has a; allowed: a W&B sweep"),
        ([1], "holds no mapping"),
        ("{'a': [", "not valid YAML or JSON"),
        ('{"a": \x00}', "not valid YAML or JSON"),
        ("", "holds no mapping"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(raw, message):
    with pytest.raises(InputError) as caught:
        plan_import(put(raw, "search_space.json"))
    assert str(caught.value).startswith("search_space.json")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


SPACE = {"lr": {"_type": "loguniform", "_value": [1e-4, 0.1]}}
EXPERIMENT = {
    "experimentName": "digits 2",
    "trialCommand": "python mnist.py",
    "trialConcurrency": 2,
    "maxTrialNumber": 12,
    "tuner": {"name": "TPE", "classArgs": {"optimize_mode": "maximize"}},
}
OLD = {
    "authorName": "me",
    "maxTrialNum": 5,
    "searchSpacePath": "spaces/search_space.json",
    "trial": {"command": "python3 t.py", "codeDir": ".", "gpuNum": 0},
    "tuner": {"builtinTunerName": "Anneal", "classArgs": {"optimize_mode": "minimize"}},
}


def test_an_experiment_with_its_search_space():
    plan, config = imported(put(EXPERIMENT | {"searchSpace": SPACE}, "config.yml"))
    assert (config.study, config.search.sampler, config.search.total) == ("digits-2", "tpe", 12)
    assert config.direction.value == "maximize"
    assert list(config.space.parameters) == ["lr"]
    assert any(note.startswith("trialCommand: ") and "its trials ask nni" in note for note in plan.notes)
    assert any(check.startswith("metric, val_loss") for check in plan.checks)


def test_an_experiment_that_names_the_file_of_its_search_space():
    Path("spaces").mkdir()
    put(SPACE, "spaces/search_space.json")
    plan, config = imported(put(OLD, "config.yml"))
    assert (config.search.total, config.direction.value) == (5, "minimize")
    assert any("tuner Anneal: the study gets the default sampler" in note for note in plan.notes)
