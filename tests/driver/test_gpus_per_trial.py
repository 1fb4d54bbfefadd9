"""Trials with several GPUs: logical ones of a Ray cluster, and the GPU hours that they cost."""

from __future__ import annotations

import json
import sys

import pytest

from hpsearch import api
from hpsearch.config.budget import HOUR_S
from hpsearch.errors import InputError
from hpsearch.executors.resources import ResourceRequest
from hpsearch.trial.events import Event, Notice, StudyOpened
from hpsearch.trial.trial import Stage
from support.bench import Bench
from support.cli import said
from support.documents import write_yaml
from support.factories import sample_raw

# It prints how many GPUs it was told of, and which it sees, beside those of other trials at the same time.
SCRIPT = """
import json, os, pathlib, sys, time
gpus, number, together = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
seen = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
pathlib.Path(f"seen-{number}").write_text(json.dumps([gpus, seen, os.environ["OMP_NUM_THREADS"]]))
while len(list(pathlib.Path().glob("seen-*"))) < together:
    time.sleep(0.01)
print(json.dumps({"score": 1.0}))
"""
SMALL = {"search": {"trials": 2}, "finalists": None, "ensemble": None}


def raw(together: int = 2, **changes: object) -> dict:
    command = [sys.executable, "train.py", "{gpus}", "{number}", str(together), "{args}"]
    return {**sample_raw(**{**SMALL, **changes}), "objective": {"epochs": 1, "command": command}}


@pytest.mark.slow
@pytest.mark.parametrize("by", ["option", "file"])
def test_two_trials_of_two_gpus_at_once(ray_address, bench: Bench, by):
    (bench.folder / "train.py").write_text(SCRIPT)
    space = write_yaml(bench.folder / "sample.yaml", raw(**({} if by == "option" else {"gpus_per_trial": 2})))
    request = ResourceRequest(
        ray_address=ray_address, gpus=4, cpus_per_trial=4, gpus_per_trial=2 if by == "option" else None
    )
    events: list[Event] = []
    study = api.run(space, request=request, studies=bench.studies, publish=events.append)
    seen = [json.loads((bench.folder / f"seen-{number}").read_text()) for number in range(2)]
    assert [gpus for gpus, *_ in seen] == [2, 2]
    assert len({name for _, names, _ in seen for name in names}) == 4
    assert [threads for *_, threads in seen] == ["2", "2"]  # of each process
    (plan,) = [event.plan for event in events if isinstance(event, StudyOpened)]
    assert "on up to 4 GPUs of the Ray cluster, 2 for each trial" in plan
    seconds = sum(record.seconds for record in study.store.records(Stage.SEARCH))
    assert study.spent.gpu_s == pytest.approx(2 * seconds, rel=0.1)
    study.close()
    assert "train.py 2 0" in said("show", "sample", "--trial", 0, "--studies", bench.studies)
    with pytest.raises(InputError, match=r"--gpus 1: a trial has 2 \(gpus_per_trial 2\)"):
        api.resume("sample", request=ResourceRequest(gpus=1), studies=bench.studies)


def test_a_cpu_worker_starts_one_process(bench: Bench, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (bench.folder / "train.py").write_text(SCRIPT)
    bench.run(write_yaml(bench.folder / "sample.yaml", raw(together=0))).close()
    assert json.loads((bench.folder / "seen-0").read_text())[:2] == [1, [""]]


def test_gpu_hours_of_a_budget_count_each_gpu(ray_address, bench: Bench):
    (bench.folder / "train.py").write_text(SCRIPT)
    changes = {"budget": {"gpu_hours": 1.0}, "search": {"trials": 1}}
    space = write_yaml(bench.folder / "sample.yaml", raw(together=1, **changes))
    study = api.run(
        space, request=ResourceRequest(ray_address=ray_address, gpus=4, gpus_per_trial=4), studies=bench.studies
    )
    (record,) = study.store.records(Stage.SEARCH)
    assert study.spent.gpu_s == pytest.approx(4 * record.seconds, rel=0.1)
    assert study.spent.gpu_s < HOUR_S
    study.close()


@pytest.mark.parametrize("usual", [1, 2])
def test_other_gpus_on_a_resume_are_told_of(bench: Bench, usual):
    bench.run(bench.space("climb", **SMALL, gpus_per_trial=usual)).close()
    events: list[Event] = []
    inline = ResourceRequest(executor="inline", gpus_per_trial=1)
    api.resume("sample", trials=3, request=inline, studies=bench.studies, publish=events.append).close()
    told = [event.message for event in events if isinstance(event, Notice)]
    assert told == ([] if usual == 1 else ["trials so far had 2 GPUs each, those from now on have 1"])


def test_the_space_file_may_change_its_number(bench: Bench):
    bench.run(bench.space("climb", **SMALL)).close()
    bench.run(bench.space("climb", **SMALL, gpus_per_trial=2), resume=True).close()
    assert any("gpus_per_trial: (not there) -> 2" in line for line in bench.notices())
    assert bench.load().config.gpus_per_trial == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gpus-per-trial", "2", "--trials-per-gpu", "2"], "--trials-per-gpu 2 and --gpus-per-trial 2"),
        (["--gpus-per-trial", "2", "--workers", "1"], "CPU workers have no GPU"),
        (["--gpus-per-trial", "2"], "--gpus-per-trial 2: this machine has 0 visible GPUs"),
        (["--gpus-per-trial", "2", "--gpus", "1"], "--gpus 1: a trial has 2"),
    ],
)
def test_what_is_refused(bench: Bench, arguments, message):
    space = bench.space("climb", **SMALL)
    assert message in said("run", space, *arguments, code=2)
    assert not bench.studies.exists()
