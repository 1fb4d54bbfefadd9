"""Generators are seeded for each trial, also torch's where an objective imports it in the middle of one."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest

from hpsearch.executors.worker.random_state import captured, prepare, restore

LATE = """
import sys
from hpsearch.executors.worker.random_state import prepare

prepare(7, 3)
prepare(8, 3)  # the next trial; the first one did not need torch
assert "torch" not in sys.modules
import torch
late = torch.rand(3).tolist()
assert torch.get_num_threads() == 3
prepare(8, 2)
assert torch.rand(3).tolist() == late
assert torch.get_num_threads() == 2
torch.manual_seed(8)
assert torch.rand(3).tolist() == late
prepare(9, 2)
assert torch.rand(3).tolist() != late
import torch.nn.functional  # its parts are imported as ever
"""

COMMAND = """
import sys
from hpsearch.executors.worker.random_state import prepare

before = list(sys.meta_path)
prepare(7, None)
assert sys.meta_path == before
"""


def test_torch_is_seeded_when_it_is_imported():
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_python_and_numpy_are_seeded():
    drawn = []
    for seed in (7, 7, 8):
        prepare(seed, None)
        drawn.append((random.random(), np.random.random()))  # noqa: NPY002 - the one that objectives may use
    assert drawn[0] == drawn[1] != drawn[2]


def drawn():
    """Draw from each generator, from those for normal numbers too, which keep a second one."""
    import torch

    numpy = [np.random.random(), np.random.standard_normal()]  # noqa: NPY002 - the one that objectives may use
    return [random.random(), random.gauss(), *numpy, *torch.randn(3).tolist()]


def test_generators_go_on_where_they_were():
    prepare(7, 1)
    drawn()
    state = json.loads(json.dumps(captured()))
    following = [drawn() for _ in range(300)]
    prepare(8, 1)
    restore(state)
    assert [drawn() for _ in range(300)] == following
    assert following[0] != following[1]


@pytest.mark.parametrize("name", ["python", "numpy", "torch"])
@pytest.mark.parametrize("damage", ["cut", "typed", "not text"])
def test_a_state_that_is_none_is_refused(name, damage):
    prepare(7, 1)
    state = captured()
    words = state[name] if name == "torch" else state[name][0]
    words = {"cut": words[:400], "typed": f"!{words[1:]}", "not text": 3}[damage]
    state[name] = words if name == "torch" else [words, *state[name][1:]]
    with pytest.raises(ValueError):  # noqa: PT011 - each library has its own words
        restore(state)


def test_another_generator_of_numpy_is_left_alone():
    before = np.random.get_bit_generator()
    try:
        np.random.set_bit_generator(np.random.PCG64(3))
        state = captured()
        assert "numpy" not in state
        restore(state)
    finally:
        np.random.set_bit_generator(before)


def test_torch_is_left_alone_where_the_objective_is_a_command():
    done = subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
