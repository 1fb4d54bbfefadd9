"""What the inline executor's objective finds in the environment, and that it is as before afterwards."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from hpsearch.executors.base import Workplace
from hpsearch.executors.inline import InlineExecutor
from hpsearch.executors.machine.processes import children
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import TrialMeasured
from support.executors import task
from support.factories import sample_config
from support.paths import OBJECTIVES

NAMES = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "OMP_NUM_THREADS")


@pytest.mark.parametrize(
    ("gpu", "name", "before", "inside"),
    [
        (False, "", {}, ("", None, "3")),
        (False, "", {"CUDA_VISIBLE_DEVICES": "1", "OMP_NUM_THREADS": "8"}, ("", None, "3")),
        (True, "1", {"CUDA_VISIBLE_DEVICES": "0,1"}, ("1", "PCI_BUS_ID", "3")),
        (True, "1", {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, ("1", "FASTEST_FIRST", "3")),
        (True, "", {"CUDA_VISIBLE_DEVICES": "2,0"}, ("2,0", "PCI_BUS_ID", "3")),
        (True, "1,3", {}, ("1,3", "PCI_BUS_ID", "1")),
    ],
)
def test_gpu_and_threads_are_those_that_were_chosen(monkeypatch, gpu, name, before, inside):
    for variable in NAMES:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in before.items():
        monkeypatch.setenv(variable, value)
    objective = sample_config().objective
    workplace = Workplace(
        objective=objective,
        folder=str(Path.cwd()),
        module_folder=str(OBJECTIVES),
        threads=3,
        gpu=gpu,
        gpus_per_trial=2 if "," in name else 1,
    )
    executor = InlineExecutor(workplace, Interrupts(), name)
    assert tuple(map(os.environ.get, NAMES)) == inside
    executor.close()
    assert {variable: os.environ[variable] for variable in NAMES if variable in os.environ} == before


FORKING = """
import os, signal, subprocess

def train(config, trial):
    ready, tell = os.pipe()
    if os.fork() == 0:
        os.write(tell, b"!")
        signal.pause()
        os._exit(0)
    os.read(ready, 1)
    subprocess.Popen(["sleep", "600"])
    for _ in trial.epochs():
        yield {"score": 1.0}
"""


def test_what_a_trial_has_started_ends_with_it_if_it_is_broken_off(tmp_path):
    (tmp_path / "forking_objective.py").write_text(FORKING)
    objective = sample_config(objective={"python": "forking_objective:train", "epochs": 3}, ensemble=None).objective
    workplace = Workplace(objective=objective, folder=str(tmp_path), module_folder=str(tmp_path))
    others = subprocess.Popen(["sleep", "600"])
    before = children()
    executor = InlineExecutor(workplace, Interrupts())
    executor.submit(task(tmp_path))
    while not isinstance(executor.poll(1)[0], TrialMeasured):
        pass
    started = children() - before
    assert len(started) == 2
    callers = subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"]})  # as a callback may start a server
    executor.close()
    left, spared = psutil.wait_procs(started, timeout=60)[1], others.poll() is None and callers.poll() is None
    for process in (*left, others, callers):
        process.kill()
    others.wait()
    callers.wait()
    assert not left
    assert spared
