"""Files that two trials of a smoke test write."""

import sys

import pytest

from hpsearch import api
from hpsearch.driver.written import WrittenFiles
from hpsearch.executors.resources import ResourceRequest
from hpsearch.trial.events import Notice, TrialScored, TrialStarted
from hpsearch.trial.trial import Stage, StopReason


class Scene:
    """Trials that begin, write and end in a folder."""

    def __init__(self, folder):
        self.folder, self.events = folder, []
        self.files = WrittenFiles(folder, folder / "studies", self.events.append, "use another folder")

    def begin(self, number, stage=Stage.SEARCH):
        self.files.pass_on(TrialStarted(stage=stage, number=number, attempt=1, worker="w", device="cpu"))

    def end(self, number, stage=Stage.SEARCH):
        ended = {
            "reason": StopReason.FINISHED,
            "value": 1.0,
            "best_epoch": 1,
            "epochs": 1,
            "seconds": 1.0,
            "best": True,
        }
        self.files.pass_on(TrialScored(stage=stage, number=number, attempt=1, **ended))

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def said(self):
        self.files.warn()
        return [event.message for event in self.events if isinstance(event, Notice)]


@pytest.fixture
def scene(tmp_path):
    (tmp_path / "train.py").write_text("here before")
    return Scene(tmp_path)


def test_a_file_that_one_trial_writes_after_another_is_named(scene):
    for number in range(2):
        scene.begin(number)
        scene.write("out/model.pt", "x" * (number + 1))
        scene.write(f"out/{number}.log", "mine")
        scene.end(number)
    assert scene.said() == [f"several trials wrote out/model.pt in {scene.folder}; use another folder"]
    assert len(scene.events) == 5  # all events are passed on


def test_trials_at_the_same_time_are_told_apart_by_when_they_run_alone(scene):
    scene.begin(0)
    scene.write("model.pt", "a")
    scene.begin(1)
    scene.write("both.txt", "a")
    scene.end(0)
    scene.write("model.pt", "a later state of 1")
    scene.end(1)
    scene.begin(0, Stage.FINALISTS)
    scene.write("both.txt", "once more")
    scene.end(0, Stage.FINALISTS)
    (message,) = scene.said()
    assert message.startswith("several trials wrote both.txt in ")  # model.pt may be 1's alone: it ran both times


def test_what_can_be_of_one_trial_is_not_named(scene):
    scene.write("studies/study.db", "a")
    scene.begin(0)
    scene.write("wandb/run-0.txt", "a")
    scene.begin(1)
    for text in ("a", "bb"):
        scene.write("shared.txt", text)
        scene.write("studies/study.db", text)
        scene.write("__pycache__/train.pyc", text)
        scene.write(".git/index", text)
    scene.end(1)
    scene.end(0)
    assert scene.said() == []


def test_many_files_are_counted(scene):
    for number in range(2):
        scene.begin(number)
        for name in range(5):
            scene.write(f"{name}.txt", "x" * (number + 1))
        scene.end(number)
    assert scene.said()[0].startswith("several trials wrote 0.txt, 1.txt, 2.txt and 2 more files in ")


def test_a_folder_with_too_many_files_is_left_alone(scene, monkeypatch):
    monkeypatch.setattr("hpsearch.driver.written._MOST_FILES", 3)
    for number in range(2):
        scene.begin(number)
        for name in range(5):
            scene.write(f"{name}.txt", "x" * (number + 1))
        scene.end(number)
    assert scene.said() == []


SCRIPT = """
import json, os
with open("model.pt", "a") as file: print(os.getpid(), file=file)
for epoch in (1, 2): print(json.dumps({"epoch": epoch, "loss": 1 / epoch}))
"""
SPACE = """
study: writes
metric: loss
direction: minimize
objective: {{epochs: 2, cwd: ., command: "{python} train.py {{lr}}"{more}}}
space: {{lr: {{uniform: [0, 1]}}}}
"""


@pytest.mark.parametrize(("more", "count"), [("", 1), (", workdir: trial", 0)])
def test_a_smoke_test_warns_of_a_file_that_its_trials_share(tmp_path, more, count):
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "space.yaml").write_text(SPACE.format(python=sys.executable, more=more))
    events = []
    api.smoke(tmp_path / "space.yaml", request=ResourceRequest(executor="inline"), publish=events.append)
    said = [event.message for event in events if isinstance(event, Notice) and "several trials wrote" in event.message]
    assert len(said) == count
    assert all(f"wrote model.pt in {tmp_path}; objective.workdir: trial" in message for message in said)
    assert (tmp_path / "model.pt").exists() == bool(count)
