"""Search spaces that a Python file writes out: it is read, never run."""

import pytest

from hpsearch.drafting.from_tuners import plan_import
from hpsearch.errors import InputError

NESTED = """
import not_installed
sweep_configuration = {
    "method": "random",
    "metric": {"goal": "maximize", "name": "val_acc"},
    "parameters": {"batch_size": {"values": [16, 32]}, "lr": {"max": 0.1, "min": 0.0001}},
}
not_installed.sweep(sweep_configuration)
"""
IN_STEPS = """
config = {'method': 'random'}
goal = {'name': 'val_acc', 'goal': 'maximize'}
config['metric'] = goal
parameters = {'batch_size': {'values': [16, 32]}}
config['parameters'] = parameters
parameters.update({'lr': {'min': 0.0001, 'max': 0.1}})
"""
IN_A_FUNCTION = """
def main():
    low = 0.0001
    config = dict(
        method='random', metric=dict(name='val_acc', goal='maximize'),
        parameters=dict(batch_size={'values': [16, 32]}, lr={'min': low, 'max': 0.1}),
    )
"""
NNI = """
search_space = {
    'lr': {'_type': 'loguniform', '_value': [0.0001, 0.1]},
    'size': {'_type': 'choice', '_value': [16, 32]},
}
"""


@pytest.mark.parametrize("text", [NESTED, IN_STEPS, IN_A_FUNCTION])
def test_a_sweep_in_python_is_read(tmp_path, text):
    (tmp_path / "sweep.py").write_text(text)
    file = plan_import(str(tmp_path / "sweep.py")).text
    assert "metric: val_acc\ndirection: maximize\n" in file
    assert "  batch_size: {choice: [16, 32]}\n  lr: {uniform: [1e-4, 0.1]}\n" in file


def test_a_search_space_of_nni_in_python_is_read(tmp_path):
    (tmp_path / "main.py").write_text(NNI)
    assert (
        "  lr: {loguniform: [1e-4, 0.1]}\n  size: {choice: [16, 32]}\n" in plan_import(str(tmp_path / "main.py")).text
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("from ray import tune\nspace = {'lr': tune.uniform(0, 1)}\n", "has no search space that is written out"),
        (
            NNI + "other = dict(search_space)\nother = {'b': {'_type': 'choice', '_value': [1, 2]}}\n",
            "search_space, other",
        ),
        ("def broken(:\n", "not valid Python"),
    ],
)
def test_what_is_not_read_says_how_it_could_be(tmp_path, text, said):
    (tmp_path / "main.py").write_text(text)
    with pytest.raises(InputError, match=said):
        plan_import(str(tmp_path / "main.py"))
