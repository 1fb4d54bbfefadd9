"""`ray.tune.Trainable` classes as objectives: stepped, saved and cleaned up without Ray Tune."""

import json
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
import torch

from hpsearch.errors import CheckpointError, InputError, StudyError
from hpsearch.objectives.frameworks.folders import packed, unpack
from hpsearch.trial.events import TrialMeasured
from hpsearch.trial.trial import Stage
from support.bench import Bench, Stop, results

NUMBERS = count()
HEAD = """
import os
import random
from pathlib import Path

from ray import tune


def audit(line):
    with open(os.environ["SAMPLE_AUDIT"], "a") as file:
        file.write(line + "\\n")


class Trainable(tune.Trainable):
    def setup(self, config):
        self.lr, self.total, self.random = config["lr"], 0.0, random.getstate()

    def step(self):
        random.setstate(self.random)
        self.total += self.lr * random.random()
        self.random = random.getstate()
        audit(f"step {self.iteration + 1} of {Path(self.logdir).parents[1].name}")
        return {"score": self.total, "name": "text", "rate": self.lr, "done": self.iteration + 1 == END}

    def cleanup(self):
        audit("cleanup")
"""
DICT = """
    def save_checkpoint(self, folder):
        return {"total": self.total, "random": self.random}

    def load_checkpoint(self, state):
        self.total, self.random = state["total"], state["random"]
"""
FOLDER = """
    def save_checkpoint(self, folder):
        (Path(folder) / "deep").mkdir()
        (Path(folder) / "deep" / "state.txt").write_text(repr((self.total, self.random)))

    def load_checkpoint(self, folder):
        self.total, self.random = eval((Path(folder) / "deep" / "state.txt").read_text())
"""


def space(bench: Bench, methods: str, end: int = 99) -> Path:
    name = f"trainable_{next(NUMBERS)}"
    (bench.folder / f"{name}.py").write_text(HEAD.replace("END", str(end)) + methods)
    raw = {
        "study": "sample",
        "metric": "score",
        "direction": "maximize",
        "objective": {"tune": f"{name}:Trainable", "epochs": 4},
        "space": {"lr": {"loguniform": [1e-3, 1.0]}},
        "search": {"trials": 2},
        "finalists": None,
    }
    path = bench.folder / "sample.yaml"
    path.write_text(json.dumps(raw))
    return path


@pytest.mark.parametrize("methods", [DICT, FOLDER], ids=["dict", "folder"])
def test_an_interrupted_trial_goes_on_from_its_checkpoint(bench: Bench, methods: str):
    whole = bench.run(space(bench, methods), name="whole")
    assert bench.audited("step")[:4] == [f"step {n} of trials" for n in range(1, 5)]
    bench.audit.write_text("")
    bench.stop_at(TrialMeasured, 6)
    with pytest.raises(Stop):
        bench.run(space(bench, methods), name="broken")
    bench.watch = lambda _: None
    resumed = bench.resume("broken")
    assert results(resumed) == results(whole)
    steps = [line.split()[1] for line in bench.audited("step")]
    assert steps == ["1", "2", "3", "4", "1", "2", "3", "4"]  # none is done twice
    assert len(bench.audited("cleanup")) == 3
    left = {path.name for path in (resumed.folder / "trials").rglob("*") if path.is_dir()}
    assert left == {"00000", "00001", "attempt-1", "attempt-2"}


def test_without_save_checkpoint_it_starts_again_and_its_numbers_are_kept(bench: Bench):
    bench.stop_at(TrialMeasured, 2)
    with pytest.raises(Stop):
        bench.run(space(bench, ""))
    bench.watch = lambda _: None
    study = bench.resume()
    assert [len(record.values) for record in study.store.records(Stage.SEARCH)] == [4, 4]
    manifest = json.loads((study.folder / "trials/00001/attempt-1/manifest.json").read_text())
    assert set(manifest["measurements"][0]["metrics"]) == {"score", "rate"}


def test_done_ends_the_trial(bench: Bench):
    study = bench.run(space(bench, DICT, end=2))
    assert [len(record.values) for record in study.store.records(Stage.SEARCH)] == [2, 2]


def test_what_a_checkpoint_can_not_hold_is_said(bench: Bench):
    with pytest.raises(StudyError):
        bench.run(space(bench, "    def save_checkpoint(self, folder):\n        return {'bad': Path('x')}\n"))
    assert "bad" in bench.load().store.records(Stage.SEARCH)[0].error
    assert bench.audited("cleanup")


def test_something_else_is_refused(bench: Bench):
    path = space(bench, "\n\ndef Trainable(config):\n    pass\n")
    with pytest.raises(InputError, match=r"is a function; allowed: a subclass of ray\.tune\.Trainable"):
        bench.run(path)


def test_our_module_does_not_import_ray():
    code = (
        "import sys, hpsearch.objectives.frameworks.tune;assert 'ray' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_folder_is_packed_and_unpacked(tmp_path: Path):
    made = tmp_path / "made"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "empty").touch()
    (made / "bytes").write_bytes(bytes(range(256)))
    unpack(packed(made), tmp_path / "copy")
    assert (tmp_path / "copy" / "bytes").read_bytes() == bytes(range(256))
    assert (tmp_path / "copy" / "deep" / "empty").read_bytes() == b""


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside"])
def test_no_file_leaves_the_folder(tmp_path: Path, name: str):
    with pytest.raises(CheckpointError, match="outside"):
        unpack({name: torch.zeros(1, dtype=torch.uint8)}, tmp_path / "copy")
    assert not (tmp_path / "outside").exists()
