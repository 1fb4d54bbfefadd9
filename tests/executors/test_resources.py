"""From what was asked for and what is there to workers; GPUs are those of a stand-in driver."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hpsearch.errors import InputError, ResourceError
from hpsearch.executors.machine.claims import VARIABLE, Claim, choosing
from hpsearch.executors.machine.cores import Cores
from hpsearch.executors.planning import claimed_resources, plan_resources
from hpsearch.executors.resources import ResourceRequest, Resources
from support.fake_nvml import GIB, FakeGpu, FakeNvml

NO_GPUS = FakeNvml()


@pytest.fixture(autouse=True)
def eight_cores(tmp_path, monkeypatch):
    monkeypatch.setattr("hpsearch.executors.machine.cores._mine", lambda: tuple(range(8)))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "claims"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def cnn(cpus: int = 0, gpus: tuple[str, ...] = (), cores: range = range(8)) -> Claim:
    return Claim(study="cnn", pid=123, cpus=cpus, cores=tuple(cores), gpus=gpus)


def plan(trials: int = 100, claims: tuple[Claim, ...] = (), nvml: FakeNvml = NO_GPUS, **asked: object) -> Resources:
    return plan_resources(ResourceRequest(**asked), trials, claims, nvml)


def gpus(count: int, *busy: int) -> FakeNvml:
    return FakeNvml(*(FakeGpu(f"GPU-{n}", processes={9: GIB} if n in busy else {}) for n in range(count)))


@pytest.mark.parametrize(
    ("asked", "trials", "slots", "threads"),
    [
        ({}, 100, 8, 1),
        ({}, 3, 3, 2),
        ({"cpus_per_trial": 4}, 100, 2, 4),
        ({"workers": 2}, 100, 2, 4),
        ({"workers": 20}, 3, 20, 1),
        ({"executor": "inline"}, 3, 1, 8),
    ],
)
def test_cpu_workers_share_the_cores(asked, trials, slots, threads):
    found = plan(trials, **asked)
    assert (found.slots, found.cpus_per_slot, found.notice, found.gpus_per_slot) == (slots, threads, "", 0)


@pytest.mark.parametrize(
    ("asked", "slots", "threads", "notice"),
    [
        ({}, 6, 1, "2 of 8 cores are used by study cnn (process 123): 6 workers"),
        ({"cpus_per_trial": 3}, 2, 3, "2 of 8 cores are used by study cnn (process 123): 2 workers"),
        ({"workers": 3}, 3, 2, "2 of 8 cores are used by study cnn (process 123): 2 threads for each worker"),
        ({"workers": 8, "cpus_per_trial": 1}, 8, 1, ""),
        ({"executor": "inline"}, 1, 6, "2 of 8 cores are used by study cnn (process 123): 6 threads"),
    ],
)
def test_a_second_study_takes_the_cores_that_are_left(asked, slots, threads, notice):
    found = plan(claims=(cnn(cpus=2),), **asked)
    assert (found.slots, found.cpus_per_slot, found.notice) == (slots, threads, notice)


def test_a_study_has_one_core_at_least():
    found = plan(claims=(cnn(cpus=6), cnn(cpus=6)))
    assert (found.slots, found.cpus_per_slot) == (1, 1)
    assert found.notice.startswith(
        "8 of 8 cores are used by study cnn (process 123), study cnn (process 123): 1 worker"
    )


def test_studies_on_cores_of_their_own_take_none_from_each_other():
    assert plan(claims=(cnn(cpus=4, cores=range(8, 16)),)).slots == 8
    assert Cores([cnn(cpus=4, cores=range(6, 10))]).left == 6
    assert Cores([cnn(cpus=1)]).notice("so") == "1 of 8 cores is used by study cnn (process 123): so"


def test_idle_gpus_are_taken_without_asking():
    found = plan(nvml=gpus(4, 1))
    assert (found.slots, found.text, found.visible_gpus) == (3, "3 GPUs", ("0", "2", "3"))
    assert (found.gpus_per_slot, found.cpus_per_slot, found.notice) == (1, 2, "")
    assert found.gpu_keys == ("GPU-0", "GPU-2", "GPU-3")


def test_the_gpus_of_another_study_are_not_taken_without_asking():
    found = plan(nvml=gpus(2), claims=(cnn(cpus=4, gpus=("GPU-0",)),))
    assert (found.visible_gpus, found.cpus_per_slot) == (("1",), 4)
    assert found.notice == "4 of 8 cores are used by study cnn (process 123): 4 threads"


def test_busy_gpus_come_after_idle_ones_and_say_whose_they_are():
    found = plan(nvml=gpus(3, 1), claims=(cnn(gpus=("GPU-0",)),), gpus=3)
    assert found.visible_gpus == ("2", "0", "1")
    assert found.notice == ("GPU 0 is in use by study cnn (process 123) too; GPU 1 is in use by another process too")


def test_cpu_workers_where_all_gpus_are_busy():
    found = plan(nvml=gpus(2, 0), claims=(cnn(gpus=("GPU-1",)),))
    assert found.text == "8 CPU workers"
    assert found.notice == (
        "all 2 GPUs are busy (GPU 0 by another process; GPU 1 by study cnn (process 123)), "
        "so CPU workers are used; --gpus N takes busy ones too"
    )


def test_more_gpus_than_there_are():
    with pytest.raises(ResourceError, match="--gpus 3: this machine has 2 visible GPUs; allowed: up to 2, --workers N"):
        plan(nvml=gpus(2), gpus=3)


@pytest.mark.parametrize("packed", [2, 3, 6, 7])
def test_packed_workers_share_gpu_and_cores(packed):
    found = plan(nvml=gpus(2), gpus=2, trials_per_gpu=packed)
    assert (found.slots, found.trials_per_gpu) == (2 * packed, packed)
    assert found.text == f"2 GPUs, {packed} trials on each"
    assert found.cpus_per_slot == max(1, 8 // (2 * packed))
    # Ray counts in ten-thousandths: rounded up, the last worker would wait for ever.
    assert packed * round(found.gpus_per_slot * 10_000) <= 10_000


@pytest.mark.parametrize(
    ("asked", "count", "threads", "most", "cpus"),
    [({}, 2, 4, 4, 8), ({"cpus_per_trial": 2}, 2, 2, 2, 8), ({}, 1, 8, 8, 8)],
)
def test_auto_begins_with_one_trial_on_each_gpu(asked, count, threads, most, cpus):
    found = plan(nvml=gpus(count), trials_per_gpu="auto", **asked)
    assert (found.slots, found.gpus_per_slot, found.trials_per_gpu) == (count, 1, 1)
    assert (found.cpus_per_slot, found.most_per_gpu, found.cpus) == (threads, most, cpus)
    assert "as many trials on each as fit" in found.text


def test_auto_in_a_cluster():
    found = plan(ray_address="10.0.0.1:1", gpus=4, trials_per_gpu="auto")
    assert (found.slots, found.gpus_per_slot, found.most_per_gpu, found.cpus_per_slot) == (4, 1, 8, None)


def test_packing_without_a_gpu_says_so():
    assert "--trials-per-gpu auto does nothing: there is no GPU" in plan(trials_per_gpu="auto").notice


@pytest.mark.parametrize(
    ("asked", "slots", "visible", "text", "notice"),
    [
        ({"gpus": 4}, 2, "0123", "4 GPUs, 2 for each trial", ""),
        ({}, 2, "0123", "4 GPUs, 2 for each trial", ""),
        ({"gpus": 3}, 1, "01", "2 GPUs, 2 for each trial", "1 of 3 GPUs is not used: a trial has 2"),
        ({"gpus": 2}, 1, "01", "2 GPUs, 2 for each trial", ""),
        ({"executor": "inline"}, 1, "01", "2 GPUs, in this process", ""),
        ({"executor": "inline", "gpus": 2}, 1, "01", "2 GPUs, in this process", ""),
    ],
)
def test_a_trial_may_have_several_gpus(asked, slots, visible, text, notice):
    found = plan(nvml=gpus(4), gpus_per_trial=2, **asked)
    assert (found.slots, found.gpus_per_slot, found.visible_gpus) == (slots, 2, tuple(visible))
    assert (found.text, found.notice, found.cpus_per_slot) == (text, notice, 8 // slots)
    assert found.gpu_keys == tuple(f"GPU-{name}" for name in visible)
    usual = ResourceRequest(**asked).for_study(2)
    assert plan_resources(usual, 100, (), gpus(4)) == found
    assert plan_resources(usual, 100, (), gpus(4)).slots == slots


def test_the_command_has_the_last_word_on_the_gpus_of_a_trial():
    asked = ResourceRequest(gpus=4, gpus_per_trial=1).for_study(4)
    assert plan_resources(asked, 100, (), gpus(4)).slots == 4


def test_several_gpus_for_each_trial_are_idle_ones_first():
    found = plan(nvml=gpus(4, 0), gpus_per_trial=3)
    assert (found.visible_gpus, found.notice) == (("1", "2", "3"), "")
    found = plan(nvml=gpus(4, 0), gpus_per_trial=4, gpus=4)
    assert (found.visible_gpus, found.notice) == (("1", "2", "3", "0"), "GPU 0 is in use by another process too")


def test_several_gpus_of_a_cluster():
    found = plan(ray_address="10.0.0.1:1", gpus=7, gpus_per_trial=3)
    assert (found.slots, found.gpus_per_slot, found.text) == (2, 3, "up to 6 GPUs of the Ray cluster, 3 for each trial")
    assert found.notice == "1 of 7 GPUs is not used: a trial has 3"


@pytest.mark.parametrize(
    ("count", "busy", "asked", "message"),
    [
        (
            2,
            (),
            {},
            "--gpus-per-trial 4: this machine has 2 visible GPUs; allowed: up to 2, --workers N",
        ),
        (2, (), {"executor": "inline"}, "--gpus-per-trial 4: this machine has 2 visible GPUs; allowed: up to 2"),
        (
            0,
            (),
            {},
            "--gpus-per-trial 4: this machine has 0 visible GPUs; allowed: --workers N",
        ),
        (0, (), {"executor": "inline"}, "--gpus-per-trial 4: this machine has 0 visible GPUs"),
        (2, (), {"gpus": 4}, "--gpus 4: this machine has 2 visible GPUs; allowed: up to 2"),
        (4, (3,), {}, "this machine has 4 visible GPUs, of which 3 are idle; allowed: --gpus N, which takes busy ones"),
        (4, (0, 1, 2), {}, "of which 1 is idle"),
    ],
)
def test_too_few_gpus_for_a_trial(count, busy, asked, message):
    with pytest.raises(ResourceError, match=message):
        plan(nvml=gpus(count, *busy), gpus_per_trial=4, **asked)


@pytest.mark.parametrize("asked", [{}, {"workers": 2}, {"executor": "inline"}, {"executor": "inline", "workers": 1}])
def test_a_space_file_for_several_gpus_also_trains_on_cpus(asked):
    found = plan_resources(ResourceRequest(**asked).for_study(2), 100, (), NO_GPUS)
    assert (found.gpus_per_slot, "CPU worker" in found.text) == (0, True)
    said = "gpus_per_trial 2 does nothing: there is no GPU"
    assert found.notice == ("" if "workers" in asked else said)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"trials_per_gpu": 2, "gpus_per_trial": 2},
            "--trials-per-gpu 2 and --gpus-per-trial 2: a trial",
        ),
        ({"trials_per_gpu": "auto", "usual_gpus_per_trial": 2}, "auto and gpus_per_trial 2"),
        ({"workers": 2, "gpus_per_trial": 2}, "--gpus-per-trial 2 and --workers: CPU workers have no GPU"),
        ({"gpus": 1, "gpus_per_trial": 2}, "--gpus 1: a trial has 2 .--gpus-per-trial 2.; allowed: --gpus 2 or more"),
        ({"gpus": 3, "gpus_per_trial": 2, "executor": "inline"}, "--gpus 3: the inline executor .* allowed: 2"),
        ({"gpus": 1, "workers": 1}, "--gpus and --workers"),
        ({"workers": 1, "trials_per_gpu": 2}, "--trials-per-gpu 2 and --workers: CPU workers share no GPU"),
        ({"executor": "inline", "trials_per_gpu": "auto"}, "--trials-per-gpu auto: the inline executor runs one trial"),
        ({"executor": "inline", "workers": 2}, "--workers 2: the inline executor runs one trial"),
    ],
)
def test_what_contradicts_itself(asked, message):
    with pytest.raises(InputError, match=message):
        plan(**asked)


def test_a_study_claims_what_it_takes_until_its_end():
    nvml = gpus(2)
    with claimed_resources(ResourceRequest(gpus=1), 10, "first", nvml) as first:
        with choosing() as choice:
            (claim,) = choice.others
        assert (claim.study, claim.pid, claim.cpus, claim.gpus) == ("first", os.getpid(), 8, ("GPU-0",))
        assert claim.cores == tuple(range(8))
        with claimed_resources(ResourceRequest(), 10, "second", nvml) as second:
            assert (first.visible_gpus, second.visible_gpus) == (("0",), ("1",))
            assert f"study first (process {os.getpid()}): 1 thread" in second.notice
    with claimed_resources(ResourceRequest(), 10, "third", nvml) as third:
        assert (third.visible_gpus, third.notice) == (("0", "1"), "")


def test_a_study_that_does_not_start_claims_nothing():
    def fail() -> None:
        with claimed_resources(ResourceRequest(), 10, "first", NO_GPUS):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with pytest.raises(ResourceError), claimed_resources(ResourceRequest(gpus=1), 10, "first", NO_GPUS):
        pass
    with choosing() as choice:
        assert choice.others == ()


def test_a_cluster_is_not_claimed():
    with claimed_resources(ResourceRequest(ray_address="10.0.0.1:1", workers=4), 10, "far"), choosing() as choice:
        assert choice.others == ()


def test_help_imports_no_ray():
    code = "import sys, hpsearch.executors.resources; assert not {'ray', 'torch', 'pynvml'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
