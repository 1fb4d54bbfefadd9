"""hpsearch as users run it: the installed command, Ray actors, the store on SQLite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from work import BATCH_SIZES, DROPOUT, EPOCHS, LR, METRIC, Work, main

_OBJECTIVE = f"""\
from work import measured

def train(config, trial):
    for value in measured(config, config["epoch_s"]):
        yield {{"{METRIC}": value}}
"""


def space_file(trials: int, epoch_s: float) -> dict[str, Any]:
    """Return a space file's content."""
    return {
        "study": "noop",
        "metric": METRIC,
        "direction": "maximize",
        "seed": 0,
        "objective": {"python": "objective:train", "epochs": EPOCHS},
        "space": {
            "lr": {"loguniform": [*LR]},
            "dropout": {"uniform": [*DROPOUT]},
            "batch_size": {"choice": [*BATCH_SIZES]},
            "epoch_s": epoch_s,
        },
        "search": {"sampler": "random", "trials": trials},
        "prune": None,
        "finalists": None,
        "ensemble": None,
    }


def run(work: Work) -> float:
    """Return the seconds from the command's first line on a trial to its last.

    Raises:
        SystemExit: The command failed.
    """
    (work.folder / "objective.py").write_text(_OBJECTIVE, encoding="utf-8")
    (work.folder / "space.yaml").write_text(json.dumps(space_file(work.trials, work.epoch_s)), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("hpsearch")), "run", "space.yaml", "--workers", str(work.workers)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(
        command, cwd=work.folder, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    first = last = None
    said = []
    for line in process.stderr or ():
        said.append(line)
        if line.startswith("trial "):
            last = time.perf_counter()
            first = first or last
    if process.wait() or first is None or last is None:
        raise SystemExit("".join(said[-20:]))
    return last - first


if __name__ == "__main__":
    main(run)
