"""Time from the command to the first epoch, beside the start of Ray alone.

    uv run python benchmarks/startup.py

Seconds from the start of the process, as the median of the repeats with the lowest and the highest:

- Ray: `ray.init` with one CPU and the answer of a first actor, in a fresh process
- no-op: `hpsearch run --workers 1` with an objective that does nothing, until its first epoch is committed
- digits: the same with the built-in training of a small CNN on digits, until its first epoch begins. Driver and worker
  load torch

The last column is the time until the command ends, with one trial of one epoch. The rows take turns. The first round
does not count, for files are not in memory yet.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

_HPSEARCH = Path(sys.executable).with_name("hpsearch")
_STUDY = "startup"
_RAY = """
import os
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import time
import ray
options = {"address": "local", "num_cpus": 1, "include_dashboard": False, "object_store_memory": 100 * 1024 * 1024}
ray.init(log_to_driver=False, logging_level="ERROR", **options)
class Worker:
    def ready(self):
        return True
ray.get(ray.remote(num_cpus=1)(Worker).remote().ready.remote())
print(time.time())
"""
_OBJECTIVE = """
def train(config, trial):
    for epoch in trial.epochs():
        yield {"val_accuracy": config["lr"] * epoch}
"""
_NOOP: dict[str, Any] = {"python": "objective:train", "epochs": 1}
_DIGITS: dict[str, Any] = {"use": "image_classifier", "data": "digits", "model": "small_cnn", "epochs": 1}
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)")
_SHOWN = 15  # packages


def space_file(objective: Mapping[str, Any]) -> dict[str, Any]:
    """Return a space file's content: one trial of one epoch."""
    return {
        "study": _STUDY,
        "metric": "val_accuracy",
        "direction": "maximize",
        "objective": dict(objective),
        "space": {"lr": {"loguniform": [1e-4, 1e-1]}},
        "search": {"sampler": "random", "trials": 1},
        "finalists": None,
        "ensemble": None,
    }


def ray_alone(folder: Path) -> tuple[float, float]:
    """Return the seconds until Ray's first actor answers, and until the process has ended."""
    began = time.time()
    answered = float(_output([sys.executable, "-c", _RAY], folder).splitlines()[-1])
    return answered - began, time.time() - began


def study(folder: Path, objective: Mapping[str, Any]) -> tuple[float, float]:
    """Return the seconds from the command to its first epoch, and to its end.

    Args:
        folder: An empty one.
        objective: Of the space file. A built-in objective is timed until its first epoch begins.
    """
    prepare(folder, objective)
    began = time.time()
    _output([str(_HPSEARCH), "run", "space.yaml", "--workers", "1"], folder)
    ended = time.time()
    (manifest,) = (folder / "studies" / _STUDY / "trials").glob("*/attempt-*/manifest.json")
    (first,) = json.loads(manifest.read_text(encoding="utf-8"))["measurements"]
    trained_s = first["seconds"] if "use" in objective else 0.0
    return manifest.stat().st_mtime - trained_s - began, ended - began


def prepare(folder: Path, objective: Mapping[str, Any]) -> None:
    """Write the files that the command reads."""
    (folder / "objective.py").write_text(_OBJECTIVE, encoding="utf-8")
    (folder / "space.yaml").write_text(json.dumps(space_file(objective)), encoding="utf-8")  # JSON is YAML


STARTS: dict[str, Callable[[Path], tuple[float, float]]] = {
    "Ray": ray_alone,
    "no-op": lambda folder: study(folder, _NOOP),
    "digits": lambda folder: study(folder, _DIGITS),
}


def _output(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Return a command's output, with its standard error if it has other variables.

    Raises:
        SystemExit: The command failed; with its error.
    """
    variables = {**os.environ, "CUDA_VISIBLE_DEVICES": "", **(environment or {})}
    ended = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {ended.returncode}\n{ended.stderr[-2000:]}")
    return ended.stdout + ended.stderr if environment else ended.stdout


def imports(objective: Mapping[str, Any]) -> Counter[str]:
    """Return the driver's microseconds for the import of each package, from `python -X importtime`."""
    with tempfile.TemporaryDirectory(prefix="startup-") as name:
        prepare(Path(name), objective)
        command = [sys.executable, "-X", "importtime", str(_HPSEARCH), "run", "space.yaml", "--workers", "1"]
        said = _output(command, Path(name), {"PYTHONUNBUFFERED": "1"})
    spent: Counter[str] = Counter()
    for line in said.splitlines():
        if found := _IMPORT.match(line):
            spent[found[2].split(".")[0]] += int(found[1])
    return spent


def print_imports() -> None:
    """Print the cost of the driver's imports, by package."""
    print("\n| driver of | package | import, ms |\n| --- | --- | --- |")
    for name, objective in (("no-op", _NOOP), ("digits", _DIGITS)):
        spent = imports(objective)
        for package, microseconds in [("all", spent.total()), *spent.most_common(_SHOWN)]:
            print(f"| {name} | {package} | {microseconds / 1000:.0f} |", flush=True)


def _shown(values: list[float]) -> str:
    middle = f"{median(values):.1f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.1f} to {max(values):.1f})"


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: an integer >= 1")
    return int(text)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--repeats", type=_positive, default=5, metavar="N", help="that count (default: 5)")
    add("--starts", nargs="+", choices=STARTS, default=[*STARTS], metavar="NAME", help="Ray, no-op, digits (all)")
    add("--imports", action="store_true", help="also say what the driver's imports cost, by package")
    add("--quick", action="store_true", help="one round, and that counts")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.repeats + 1
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in options.starts}
    for _ in range(rounds):
        for name, times in took.items():
            with tempfile.TemporaryDirectory(prefix="startup-") as folder:
                times.append(STARTS[name](Path(folder)))
    print("| what starts | to the first epoch, s | to the end, s |\n| --- | --- | --- |")
    for name, times in took.items():
        firsts, ends = zip(*(times if options.quick else times[1:]), strict=True)
        print(f"| {name} | {_shown([*firsts])} | {_shown([*ends])} |")
    if options.imports:
        print_imports()


if __name__ == "__main__":
    main()
