"""What only a real GPU can show: its memory, its errors, and trainings on it. Skipped where there is none."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hpsearch.executors.machine.devices import open_device, visible_gpus
from hpsearch.executors.machine.memory import GpuMeter
from support.documents import write_yaml
from support.paths import OBJECTIVES
from support.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("gpu"),
    pytest.mark.skipif(not visible_gpus(), reason="needs a GPU"),
]
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray")

MIB = 1 << 20
SAME = ("number", "params", "seed", "value", "best_epoch", "epochs", "stop_reason", "why")
IMAGES = {
    "metric": "val_accuracy",
    "direction": "maximize",
    "objective": {"use": "image_classifier", "data": "digits", "model": "small_cnn", "epochs": 9},
    "space": {"lr": {"loguniform": [1e-3, 1e-1]}, "dropout": {"uniform": [0.0, 0.5]}},
    "search": {"trials": 9},
    "finalists": {"configs": 2, "seeds": 2},
}


def images(folder: Path, name: str, **objective: object) -> Path:
    raw = IMAGES | {"study": name, "objective": IMAGES["objective"] | objective}
    return write_yaml(folder / f"{name}.yaml", raw)


def python(folder: Path, function: str, values: dict[str, object], trials: int, **more: object) -> Path:
    (folder / "gpu_objectives.py").write_bytes((OBJECTIVES / "gpu_objectives.py").read_bytes())
    raw = {
        "study": function.replace("_", "-"),
        "metric": "score",
        "direction": "maximize",
        "objective": {"python": f"gpu_objectives:{function}", "epochs": 3},
        "space": {"lr": {"uniform": [0.0, 1.0]}, **{name: {"choice": [value]} for name, value in values.items()}},
        "search": {"trials": trials},
        "finalists": None,
        **more,
    }
    return write_yaml(folder / f"{function}.yaml", raw)


def outcome(cli, study: str) -> tuple:
    """Return all that must not depend on an interruption."""
    shown = json.loads(cli.run("show", study, "--json").stdout)
    trials = [{key: trial[key] for key in SAME} for trial in shown["trials"]]
    return trials, shown["finalists"], shown["ensemble"]


def test_the_driver_lists_the_gpu_and_tells_whether_it_is_in_use():
    assert not any(gpu.busy for gpu in visible_gpus())
    hold = "import torch, sys; x = torch.ones(1, device='cuda'); print('there', flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "there\n"
        assert [gpu.user for gpu in visible_gpus() if gpu.busy] == ["another process"]
    finally:
        process.communicate("")


def test_the_meter_counts_what_torch_takes_and_what_is_kept():
    import torch

    meter = GpuMeter(open_device(visible_gpus()[0].name))
    torch.ones(1, device="cuda")
    meter.settle()
    meter.begin("")
    held = torch.ones(600 * MIB, dtype=torch.uint8, device="cuda")
    del held
    use = meter.end(torch.cuda.empty_cache)
    assert 600 * MIB <= use.peak_bytes <= 1900 * MIB  # CUDA's own is some hundred MiB
    assert use.kept_bytes <= 64 * MIB
    meter.begin("")
    kept = torch.ones(600 * MIB, dtype=torch.uint8, device="cuda")
    assert meter.end(torch.cuda.empty_cache).kept_bytes >= 600 * MIB
    del kept
    torch.cuda.empty_cache()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_killed_study_on_a_gpu_ends_like_one_that_was_not(cli, precision):
    images(cli.folder, "whole", precision=precision)
    done = cli.run("run", "whole.yaml", "--executor", "inline")
    assert "1 GPU, in this process" in done.stdout + done.stderr
    images(cli.folder, "cut", precision=precision)
    process = cli.start("run", "cut.yaml", "--executor", "inline")
    trials = cli.folder / "studies" / "cut" / "trials"
    wait_until(lambda: any(trials.glob("00003/attempt-1/*.pt")), 120, "a checkpoint of trial 3")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    cli.run("resume", "cut", "--executor", "inline")
    assert outcome(cli, "cut") == outcome(cli, "whole")


def test_a_trial_that_asks_for_too_much_fails_as_out_of_memory(cli):
    python(cli.folder, "ask_for_most", {"share": 1.2}, trials=1)
    failed = cli.run("run", "ask_for_most.yaml", "--executor", "inline", code=None)
    assert failed.returncode == 1
    assert "oom" in failed.stdout + failed.stderr


@needs_ray
def test_auto_packs_as_many_trials_as_the_memory_has_room_for(cli):
    room = open_device(visible_gpus()[0].name).total_bytes
    python(cli.folder, "take", {"mib": int(0.25 * room / MIB)}, trials=8)
    done = cli.run("run", "take.yaml", "--gpus", "1", "--trials-per-gpu", "auto")
    assert "3 trials on each GPU: the largest of the first 3 took" in done.stdout + done.stderr
    assert "8 of 8: 8 finished" in done.stdout


@needs_ray
def test_trials_that_do_not_fit_beside_each_other_are_trained_one_after_the_other(cli):
    python(cli.folder, "ask_for_most", {"share": 0.6}, trials=4)
    done = cli.run("run", "ask_for_most.yaml", "--gpus", "1", "--trials-per-gpu", "2")
    assert "4 of 4: 4 finished" in done.stdout


@needs_ray
def test_a_worker_that_keeps_memory_after_a_trial_is_replaced(cli):
    room = open_device(visible_gpus()[0].name).total_bytes
    python(cli.folder, "leak", {"mib": int(0.2 * room / MIB)}, trials=6)
    done = cli.run("run", "leak.yaml", "--gpus", "1")
    assert "of GPU memory after trial 0: replaced" in done.stdout + done.stderr
    assert "6 of 6: 6 finished" in done.stdout


@needs_ray
def test_a_command_gets_its_gpu_and_its_memory_is_measured(cli):
    script = (
        "import json, time, torch\n"
        f"held = torch.ones(2048 * {MIB}, dtype=torch.uint8, device='cuda')\n"
        "for epoch in (1, 2, 3):\n"
        "    torch.cuda.synchronize()\n"
        "    print(json.dumps({'epoch': epoch, 'score': epoch, 'gpus': torch.cuda.device_count()}), flush=True)\n"
        "    time.sleep(0.5)  # the driver's memory is looked at five times a second\n"
    )
    (cli.folder / "train.py").write_text(script)
    raw = {
        "study": "command",
        "metric": "score",
        "direction": "maximize",
        "objective": {"command": f"{sys.executable} train.py {{lr}}", "epochs": 3, "cwd": "."},
        "space": {"lr": {"uniform": [0.0, 1.0]}},
        "search": {"trials": 5},
        "finalists": None,
    }
    write_yaml(cli.folder / "command.yaml", raw)
    done = cli.run("run", "command.yaml", "--gpus", "1", "--trials-per-gpu", "auto")
    assert "trials on each GPU: the largest of the first 3 took 2." in done.stdout + done.stderr
    assert "5 of 5: 5 finished" in done.stdout


@needs_ray
def test_the_whole_way_on_a_gpu(cli):
    images(cli.folder, "whole")
    done = cli.run("run", "whole.yaml", "--gpus", "1")
    assert "ensemble: " in done.stdout + done.stderr
    assert "test accuracy" in done.stdout + done.stderr
