"""The user's Python as an objective: finding it, its forms, and what its predictions have to be."""

import sys
from contextlib import closing
from itertools import count

import numpy as np
import pytest

from hpsearch.errors import FieldError, InputError, ObjectiveError
from hpsearch.objectives.loading import check_objective, load_objective
from hpsearch.objectives.python import Python, PythonObjective
from hpsearch.objectives.space_files import parse_config
from support.attempts import begun
from support.factories import spec

NUMBERS = count()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a module into the working directory and returns its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text, name=None, folder=tmp_path):
        name = name or f"objective_{next(NUMBERS)}"  # a name of its own: imports are cached by name
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        return name

    return write


def load(text):
    return PythonObjective(Python(epochs=2, python=text))


def values(objective, tmp_path):
    trial, _ = begun(spec(tmp_path, config={"lr": 0.5}, seed=1, epochs=2, metric="m"))
    with closing(objective.train({"lr": 0.5}, trial)) as steps:
        return [trial.measure(metrics, 0.0).metrics["m"] for metrics in steps]


GENERATOR = """
def train(config, trial):
    for epoch in trial.epochs():
        yield {"m": epoch * config["lr"]}
"""
REPORTING = """
def train(config, trial):
    for epoch in trial.epochs():
        trial.report({"m": epoch * config["lr"]})
"""
CLASS = """
class train:
    made = []
    def __init__(self):
        self.made.append(self)
    def setup(self, device):
        self.device = device
    def train(self, config, trial):
        for epoch in trial.epochs():
            yield {"m": epoch * config["lr"], "set_up": float(self.device == "cpu")}
"""
REPORTING_CLASS = """
class train:
    @staticmethod
    def train(config, trial):
        for epoch in trial.epochs():
            trial.report({"m": epoch * config["lr"]})
"""
INSTANCE = """
class Callable:
    def __call__(self, config, trial):
        for epoch in trial.epochs():
            yield {"m": epoch * config["lr"]}
train = Callable()
"""


@pytest.mark.parametrize("text", [GENERATOR, REPORTING, CLASS, REPORTING_CLASS, INSTANCE])
def test_each_form_trains(write, tmp_path, text):
    objective = load(f"{write(text)}:train")
    objective.setup("cpu")
    assert values(objective, tmp_path) == [0.5, 1.0]
    assert not objective.can_predict


def test_a_class_is_made_once_and_only_by_a_worker(write, tmp_path):
    name = write(CLASS)
    objective = load(f"{name}:train")
    made = sys.modules[name].train.made
    assert made == []
    objective.setup("cpu")
    for _ in range(2):
        values(objective, tmp_path)
    assert len(made) == 1


def test_the_working_directory_comes_first_and_the_space_files_folder_after_it(write, tmp_path):
    folder = tmp_path / "spaces"
    folder.mkdir()
    both = write("def train(config, trial): yield {'m': 1}")
    write("def train(config, trial): yield {'m': 2}", both, folder)
    beside = write("def train(config, trial): yield {'m': 3}", folder=folder)
    for name, value in ((both, 1), (beside, 3)):
        objective = load_objective(Python(epochs=2, python=f"{name}:train"), str(folder))
        assert values(objective, tmp_path) == [value]
    assert sys.path[:2] == [str(tmp_path), str(folder)]


def test_a_module_of_a_package_is_imported(write, tmp_path):
    package = f"package_{next(NUMBERS)}"
    (tmp_path / package).mkdir()
    write(GENERATOR, "training", tmp_path / package)
    assert values(load(f"{package}.training:train"), tmp_path) == [0.5, 1.0]
    with pytest.raises(FieldError, match=f"no module '{package}.trainin'.*did you mean '{package}.training'"):
        load(f"{package}.trainin:train")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("train = 3", "is a int, which can't be called; allowed: a generator function"),
        ("def trian(config, trial): yield", "has no 'train'; allowed: trian; did you mean 'trian'?"),
        ("", "has no 'train'; allowed: a generator function"),
        ("def train(config): yield", "(config) does not fit: too many positional arguments; allowed: one that can be"),
        ("def train(a, b, c): yield", "(a, b, c) does not fit: missing a required argument: 'c'"),
        ("def train(config, *, trial): yield", "does not fit"),
        ("async def train(config, trial): pass", ":train is async"),
        ("async def train(config, trial): yield", ":train is async"),
        ("class train: pass", "has no method 'train'"),
        ("class train:\n def trian(self): pass", "has no method 'train'; allowed: a generator function"),
        ("class train:\n train = 3", "has no method 'train'"),
        ("class train:\n def train(self, config): yield", "train.train(self, config) does not fit"),
        (
            "class train:\n @staticmethod\n def train(self, config, trial): yield",
            "train.train(self, config, trial) does",
        ),
        (
            "class train:\n def __init__(self, n): pass\n def train(self, c, t): yield",
            "train(n) does not fit: missing a required argument: 'n'; allowed: a class made without arguments",
        ),
        ("class train:\n def train(s, c, t): yield\n def setup(self): pass", "train.setup(self) does not fit"),
        ("class train:\n def train(s, c, t): yield\n def predict(s, c): pass", "train.predict(s, c) does not fit"),
        ("import nothing_of_that_name", ":1: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("\n1 / 0", ":2: ZeroDivisionError: division by zero"),
        ("import json\n\njson.loads('{')", ".py:3: json.decoder.JSONDecodeError: Expecting property name"),
        ("import sys\nsys.exit(3)", ":2: SystemExit: 3"),
        ("def train(:", '.py", line 1 def train(:'),
    ],
)
def test_what_can_not_train_is_refused_with_what_is_allowed(write, text, problem):
    with pytest.raises(InputError) as caught:
        load(f"{write(text)}:train")
    assert str(caught.value).startswith("objective.python: ")
    assert problem in str(caught.value)


def test_a_module_that_is_not_there_is_named_with_the_nearest(write):
    name = write(GENERATOR, "my_training")
    with pytest.raises(
        FieldError, match=r"there is no module 'my_trainin'; searched .*; did you mean 'my_training'"
    ) as e:
        load("my_trainin:train")
    assert e.value.path == ("objective", "python")
    with pytest.raises(FieldError, match=f"there is no module '{name}.inner'"):
        load(f"{name}.inner:train")


def test_nothing_measured_is_an_error(write, tmp_path):
    with pytest.raises(ObjectiveError, match=r"yield metrics or call trial\.report"):
        values(load(f"{write('def train(config, trial): pass')}:train"), tmp_path)


def test_the_check_imports_but_makes_no_instance(write):
    name = write(CLASS)
    raw = {
        "study": "s",
        "metric": "m",
        "direction": "maximize",
        "objective": {"epochs": 1, "python": f"{name}:train"},
        "space": {"lr": {"uniform": [0, 1]}},
    }
    check_objective(parse_config(raw))
    assert sys.modules[name].train.made == []
    with pytest.raises(FieldError, match="has no 'tarin'"):
        check_objective(parse_config(raw | {"objective": {"epochs": 1, "python": f"{name}:tarin"}}))


PREDICTING = """
class Predicting:
    result = None
    def train(self, config, trial):
        yield {}
    def predict(self, checkpoint, split):
        return self.result(checkpoint, split) if callable(self.result) else self.result
"""


@pytest.fixture
def predict(write):
    """Return a function that says what a user's `predict` returns, and calls ours."""
    name = write(PREDICTING)
    objective = load(f"{name}:Predicting")
    assert objective.can_predict

    def predict(result):
        sys.modules[name].Predicting.result = staticmethod(result) if callable(result) else result
        return objective.predict({"w": 1}, "val")

    return predict


GOOD = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
LABELS = np.array([1, 0, 0])


def test_predictions_are_passed_on(predict):
    asked = []
    probabilities, labels = predict(lambda *arguments: asked.append(arguments) or (GOOD, LABELS))
    assert asked == [({"w": 1}, "val")]
    np.testing.assert_array_equal(probabilities, GOOD)
    np.testing.assert_array_equal(labels, LABELS)


def test_tensors_and_lists_become_arrays(predict):
    import torch

    for dtype, expected in ((torch.float64, "float64"), (torch.bfloat16, "float32"), (torch.float16, "float32")):
        tensor = torch.tensor(GOOD, dtype=dtype, requires_grad=True)
        probabilities, labels = predict([tensor, torch.tensor(LABELS)])
        assert (probabilities.dtype, labels.dtype) == (expected, "int64")
        np.testing.assert_array_equal(probabilities, GOOD)
    probabilities, _ = predict(([[0, 1], [1, 0]], [1, 0]))
    assert probabilities.dtype == "float32"


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (None, "a NoneType; allowed: probabilities"),
        (GOOD, "of shape (3, 2) and type float64; allowed"),
        ((GOOD,), "a tuple of 1; allowed"),
        (([[0.5, 0.5], [1.0]], [0, 1]), "a tuple of 2; allowed"),
        ((LABELS, LABELS), "probabilities of shape (3,) and type int64"),
        ((GOOD[:0], LABELS[:0]), "probabilities of shape (0, 2)"),
        ((GOOD.astype(str), LABELS), "probabilities of shape (3, 2) and type <U"),
        ((GOOD, LABELS[:2]), "labels of shape (2,) and type int64; allowed: integers (3,)"),
        ((GOOD, LABELS.astype(float)), "labels of shape (3,) and type float64"),
        ((GOOD, LABELS == 1), "labels of shape (3,) and type bool"),
        ((np.where(GOOD == 1, np.nan, GOOD), LABELS), "probabilities that are not finite"),
        ((np.log(GOOD + 0.1), LABELS), "for logits, apply a softmax first"),
        ((GOOD - 0.25, LABELS), "no probabilities"),
        ((GOOD, LABELS + 1), "labels from 1 to 2; allowed for 2 classes: 0 to 1"),
        ((GOOD, LABELS - 1), "labels from -1 to 0"),
    ],
)
def test_predictions_that_an_ensemble_could_not_use_are_refused(predict, result, problem):
    with pytest.raises(ObjectiveError) as caught:
        predict(result)
    assert str(caught.value).startswith("predict returned ")
    assert problem in str(caught.value)


def test_a_function_can_not_predict(write):
    with pytest.raises(ObjectiveError, match="can't predict"):
        load(f"{write(GENERATOR)}:train").predict({}, "val")
