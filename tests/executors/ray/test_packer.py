"""Trials that share a GPU: the choice of workers by itself, and real Ray actors on logical GPUs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import ray

import packing_objectives
from hpsearch import api
from hpsearch.executors.base import Workplace
from hpsearch.executors.ray.actor import Home
from hpsearch.executors.ray.executor import RayExecutor
from hpsearch.executors.ray.packer import Packer
from hpsearch.executors.ray.slots import Slot
from hpsearch.executors.resources import ResourceRequest, Resources
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import Event, Notice, TrialEnded, TrialEvent, WorkerLost
from hpsearch.trial.trial import PredictSpec, Stage, StopReason, TrialSpec
from support.executors import measurements
from support.factories import ended, gpu_use, sample_config, sample_raw, spec
from support.paths import OBJECTIVES
from support.waiting import wait_until

TWO_EACH = Resources(slots=4, text="2 GPUs", gpus_per_slot=0.5, trials_per_gpu=2, cpus_per_slot=1)


def packed(number: int, folder: Path = Path("/trials"), *, alone: bool = False) -> TrialSpec:
    return spec(folder / f"{number:05d}", number, epochs=1, config={"folder": str(folder)}, alone=alone)


def slot(gpu: str | None, **changes: object) -> Slot:
    home = Home(node="node", host="host", pid=1, gpus=() if gpu is None else (gpu,))
    return Slot(actor=None, home=home, trials_per_gpu=2, **changes)


def run_on(packer: Packer, slots: list[Slot], task: TrialSpec) -> Slot | None:
    found = packer.place(slots, task)
    if found is not None:
        found.task = task
    return found


def end(packer: Packer, one: Slot) -> None:
    one.task = None
    packer.task_ended(one)


def test_trials_spread_over_the_gpus_before_they_share_one():
    packer, slots = Packer(TWO_EACH), [slot("0"), slot("0"), slot("1"), slot("1")]
    used = [run_on(packer, slots, packed(number)).group[1] for number in range(4)]
    assert sorted(used[:2]) == ["0", "1"]
    assert sorted(used) == ["0", "0", "1", "1"]
    assert packer.free(slots) == 0


def test_a_trial_alone_waits_until_nothing_runs_on_its_gpu_and_then_nothing_else_does():
    packer, slots = Packer(TWO_EACH), [slot("0"), slot("0"), slot("1"), slot("1")]
    for number in range(3):
        run_on(packer, slots, packed(number))
    alone = packed(9, alone=True)
    assert run_on(packer, slots, alone) is None
    assert packer.due(slots) == []
    assert packer.free(slots) == 0  # the idle worker is the held GPU's
    (neighbour,) = [one for one in slots if one.group[1] == "1" and one.task]
    end(packer, neighbour)
    ((mine, task),) = packer.due(slots)
    assert (mine.group[1], task) == ("1", alone)
    mine.task = task
    assert packer.due(slots) == []
    assert packer.free(slots) == 0
    end(packer, mine)
    assert packer.free(slots) == 2


def test_several_that_want_to_be_alone_take_turns():
    packer, slots = Packer(TWO_EACH), [slot("0"), slot("0"), slot("1"), slot("1")]
    for number in range(3):
        assert run_on(packer, slots, packed(number, alone=True)) is None
    running = packer.due(slots)
    assert sorted(one.group[1] for one, _ in running) == ["0", "1"]
    for one, task in running:
        one.task = task
    assert packer.due(slots) == []
    assert packer.free(slots) == 0
    end(packer, running[0][0])
    assert [task.number for _, task in packer.due(slots)] == [2]


def test_a_gpu_whose_workers_went_elsewhere_is_not_waited_for():
    packer, slots = Packer(TWO_EACH), [slot("0"), slot("0", task=packed(5))]
    run_on(packer, slots, packed(9, alone=True))
    assert packer.due(slots) == []
    elsewhere = [slot("3"), slot("3")]
    ((found, _),) = packer.due(elsewhere)
    assert found is elsewhere[0]


def test_a_trial_that_waits_can_be_given_back():
    packer, slots = Packer(TWO_EACH), [slot("0", task=packed(5)), slot("0")]
    run_on(packer, slots, packed(9, alone=True))
    packer.due(slots)
    packer.withdraw((Stage.SEARCH, 9), StopReason.TIMEOUT, "too long")
    (lost,) = packer.told()
    assert isinstance(lost, WorkerLost)
    assert (lost.number, lost.attempt, lost.reason, lost.detail) == (9, 1, StopReason.TIMEOUT, "too long")
    assert packer.told() == []
    assert packer.free(slots) == 1


def test_cpu_workers_and_predictions_know_no_alone():
    packer = Packer(Resources(slots=2, text="2 CPU workers"))
    slots = [slot(None, task=packed(1)), slot(None)]
    assert run_on(packer, slots, packed(2, alone=True)) is slots[1]
    gpus = [slot("0"), slot("0")]
    task = PredictSpec(stage=Stage.SEARCH, number=1, attempt=1, folder="f", checkpoint="c", split="val")
    assert Packer(TWO_EACH).place(gpus, task) is gpus[0]


def test_a_worker_that_keeps_memory_is_told_and_replaced():
    packer = Packer(TWO_EACH)
    leaky = [slot("0") for _ in range(5)]
    for number, one in enumerate(leaky):
        assert not packer.saw(one, [ended(number, gpu=gpu_use(3, kept=1.2))])
    assert all(one.leaks for one in leaky)
    assert [notice.message for notice in packer.told()] == [
        "worker host:1 kept 1.2 GiB of GPU memory after trial 0: replaced",
        "worker host:1 kept 1.2 GiB of GPU memory after trial 1: replaced",
        "worker host:1 kept 1.2 GiB of GPU memory after trial 2: replaced; it is not told again",
    ]
    tidy = slot("0")
    packer.saw(tidy, [ended(6, gpu=gpu_use(3, kept=0.3))])
    assert not tidy.leaks


def test_the_number_is_found_once():
    packer = Packer(Resources(slots=1, text="1 GPU", gpus_per_slot=1, most_per_gpu=8), most=8)
    one = slot("0")
    assert packer.measures
    assert [packer.saw(one, [ended(number, gpu=gpu_use(5.2))]) for number in range(4)] == [False, False, True, False]
    assert (packer.trials_per_gpu, packer.measures) == (4, False)
    (notice,) = packer.told()
    assert notice.message == "4 trials on each GPU: the largest of the first 3 took 5.2 of 24 GiB"


def test_memory_that_can_not_be_read_is_told_once():
    packer = Packer(Resources(slots=1, text="1 GPU", gpus_per_slot=1, most_per_gpu=8), most=8)
    event = TrialEnded(stage=Stage.SEARCH, number=0, attempt=1, reason=StopReason.FINISHED, worker="host:1")
    assert not packer.saw(slot("0"), [event])
    assert not packer.saw(slot("0"), [event])
    assert [notice.message for notice in packer.told()] == [
        "one trial on each GPU: --trials-per-gpu auto can't read the memory that trials take"
    ]


class Running:
    """A Ray executor of the tests' cluster, and what has come from it."""

    def __init__(self, address: str, resources: dict[str, object], meter: object = None) -> None:
        objective = sample_config(objective={"python": "packing_objectives:crowded"}).objective
        workplace = Workplace(
            objective=objective, folder=str(Path.cwd()), module_folder=str(OBJECTIVES), gpu=True, meter=meter
        )
        self.executor = RayExecutor(workplace, Resources(text="GPUs", address=address, **resources), Interrupts())
        self.events: list[TrialEvent | Notice] = []

    def until(self, condition) -> None:
        def holds() -> bool:
            if condition():
                return True
            self.events += self.executor.poll(0.2)
            return False

        wait_until(holds, 150, "what the test waits for")

    def ended(self) -> dict[int, TrialEnded]:
        found = {event.number: event for event in self.events if isinstance(event, TrialEnded)}
        assert all(event.reason is StopReason.FINISHED for event in found.values()), found
        return found

    def run(self, *specs: TrialSpec) -> list[TrialEnded]:
        for task in specs:
            self.until(lambda: self.executor.free)
            self.executor.submit(task)
        self.until(lambda: all(task.number in self.ended() for task in specs))
        return [self.ended()[task.number] for task in specs]

    def first_metrics(self, number: int) -> Mapping[str, float]:
        return measurements([event for event in self.events if getattr(event, "number", None) == number])[0].metrics

    def messages(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Notice)]


@pytest.fixture
def running(ray_address):
    started: list[Running] = []
    # The actors of a cluster that was there before don't find this folder when they read what they are given.
    ray.cloudpickle.register_pickle_by_value(packing_objectives)

    def start(meter: object = None, **resources: object) -> Running:
        started.append(Running(ray_address, resources, meter))
        return started[-1]

    yield start
    ray.cloudpickle.unregister_pickle_by_value(packing_objectives)
    for one in started:
        one.executor.close()


def seen(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in folder.glob("seen-*"))


@pytest.mark.slow
def test_workers_share_gpus_and_a_trial_alone_shares_none(running, tmp_path):
    study = running(slots=4, gpus_per_slot=0.5, trials_per_gpu=2, cpus_per_slot=1)
    study.until(lambda: study.executor.free == 4)
    for number in range(4):
        study.executor.submit(packed(number, tmp_path))
    study.until(lambda: len(seen(tmp_path)) == 4)
    gpus = seen(tmp_path)
    assert gpus == [gpus[0], gpus[0], gpus[2], gpus[2]]
    (tmp_path / "go-0").touch()
    study.until(lambda: study.executor.free == 1)
    study.executor.submit(packed(9, tmp_path, alone=True))
    assert study.executor.free == 0
    (tmp_path / "go").touch()
    study.until(lambda: 9 in study.ended())
    assert study.first_metrics(9) == {"score": 1.0}
    assert (study.ended()[9].packed, study.ended()[0].packed) == (False, True)
    assert study.first_metrics(3) == {"score": 2.0}
    study.until(lambda: study.executor.free == 4)


@pytest.mark.slow
def test_auto_begins_with_one_and_goes_on_with_as_many_as_fit(running, tmp_path):
    study = running(
        packing_objectives.Meter, slots=2, gpus_per_slot=1.0, cpus_per_slot=1, cpus_given=True, most_per_gpu=2
    )
    study.until(lambda: study.executor.free == 2)
    study.executor.submit(packed(9, tmp_path))  # it runs on while the others are measured
    for number in range(3):
        (tmp_path / f"go-{number}").touch()
        (one,) = study.run(packed(number, tmp_path))
        assert (study.first_metrics(number), one.packed) == ({"score": 1.0}, False)
    assert study.messages() == ["2 trials on each GPU: the largest of the first 3 took 7.5 of 24 GiB"]
    study.until(lambda: study.executor.free == 2)
    assert study.executor.slots == 3
    (tmp_path / "go-9").touch()
    study.until(lambda: study.executor.free == 4)
    for number in range(10, 14):
        study.executor.submit(packed(number, tmp_path))
    study.until(lambda: len(list(tmp_path.glob("running-*"))) == 4)
    (tmp_path / "go").touch()
    study.until(lambda: len(study.ended()) == 8)
    assert [study.ended()[number].packed for number in (9, *range(10, 14))] == [False, *[True] * 4]


@pytest.mark.slow
def test_a_worker_that_leaks_is_replaced(running, tmp_path):
    study = running(packing_objectives.LeakyMeter, slots=1, gpus_per_slot=1.0, cpus_per_slot=1)
    (tmp_path / "go").touch()
    first, second = study.run(packed(0, tmp_path), packed(1, tmp_path))
    assert first.worker != second.worker
    assert f"worker {first.worker} kept 2 GiB of GPU memory after trial 0: replaced" in study.messages()


@pytest.mark.slow
def test_a_trial_that_is_out_of_memory_beside_others_is_tried_alone_first(ray_address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(OBJECTIVES / "packing_objectives.py", tmp_path)
    objective = {"python": "packing_objectives:greedy", "epochs": 1}
    space = {"lr": {"uniform": [0.0, 1.0]}, "folder": str(tmp_path)}
    raw = sample_raw(objective=objective, search={"trials": 4}, finalists=None, ensemble=None) | {"space": space}
    (tmp_path / "space.yaml").write_text(json.dumps(raw))
    request = ResourceRequest(ray_address=ray_address, gpus=1, trials_per_gpu=2)
    events: list[Event] = []
    study = api.run("space.yaml", request=request, studies=tmp_path / "studies", publish=events.append)
    records = study.store.records(Stage.SEARCH)
    study.close()
    assert [record.stop_reason for record in records] == [StopReason.FINISHED] * 4
    again = [event.message for event in events if isinstance(event, Notice) and "tried again alone" in event.message]
    assert len(again) == sum(record.attempt - 1 for record in records) >= 1
