"""Generators are seeded for each trial, also torch's where an objective imports it in the middle of one."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np

from hpsearch.executors.random_state import prepare

LATE = """
import sys
from hpsearch.executors.random_state import prepare

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
from hpsearch.executors.random_state import prepare

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


def test_torch_is_left_alone_where_the_objective_is_a_command():
    done = subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
